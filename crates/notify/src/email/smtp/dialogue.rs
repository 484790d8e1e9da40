//! What is said over one connection to an SMTP server, mail after mail.

use lettre::transport::smtp::{
    Error,
    authentication::{Credentials, Mechanism},
    client::AsyncSmtpConnection,
    commands::{Data, Ehlo, Mail as MailFrom, Rcpt},
    extension::ClientId,
    response::Response,
};

use super::{Outgoing, classify::Stage};

/// How much of a mail is written at a time.
const CHUNK: usize = 64 * 1024;

/// A connection that is ready for the next mail.
pub(super) struct Dialogue {
    connection: AsyncSmtpConnection,
    /// Whether the server takes the whole envelope at once (RFC 2920), which saves two round trips a mail.
    pipelining: bool,
}

impl Dialogue {
    /// Asks the server what it can do: lettre asked, too, but does not tell all of it.
    pub(super) async fn begin(mut connection: AsyncSmtpConnection, hello: &ClientId) -> Result<Self, Error> {
        let answer = connection.command(Ehlo::new(hello.clone())).await?;
        let pipelining = answer.message().any(|line| line.trim().eq_ignore_ascii_case("PIPELINING"));
        Ok(Self { connection, pipelining })
    }

    pub(super) async fn login(mut self, how: &[Mechanism], credentials: &Credentials) -> Result<Self, Error> {
        self.connection.auth(how, credentials).await?;
        Ok(self)
    }

    /// Names sender and recipient; after that the server waits for the mail itself.
    ///
    /// After an error nobody may go on here: answers may be on their way that nobody waits for.
    pub(super) async fn envelope(&mut self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<(), Error> {
        let from = MailFrom::new(Some(mail.from.clone()), Vec::new());
        let to = Rcpt::new(mail.to.clone(), Vec::new());
        if self.pipelining {
            self.connection.command(format!("{from}{to}{Data}")).await?;
            *stage = Stage::Recipient;
            self.connection.read_response().await?;
            self.connection.read_response().await?;
        } else {
            self.connection.command(from).await?;
            *stage = Stage::Recipient;
            self.connection.command(to).await?;
            self.connection.command(Data).await?;
        }
        Ok(())
    }

    /// Sends the mail itself.
    pub(super) async fn content(&mut self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<Response, Error> {
        let at_end = std::iter::from_fn(|| {
            *stage = Stage::End;
            None
        });
        self.connection.message_iter(mail.body.chunks(CHUNK).chain(at_end)).await
    }
}
