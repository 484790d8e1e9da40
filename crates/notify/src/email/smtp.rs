//! Hands mails to the next SMTP server.
//!
//! What matters most here is how far a mail had got when something went wrong: only that tells "try again" from "it may
//! have been taken". Libraries do not say so, and most read replies as UTF-8, which a server's 250 need not be. So this
//! speaks the few commands itself, reads replies by their digits, and keeps connections that are idle.

mod config;
mod failure;
mod reply;
mod session;

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use tokio::time::Instant;

pub use config::{Security, SmtpConfig};

use super::address::Address;
use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered, tls::Tls};
use config::Login;
use failure::{Failure, Stage};
use reply::Reply;
use session::{Session, Target};

/// Most connections kept for the next mail.
const MOST_IDLE: usize = 16;
/// How long one is kept; servers commonly hang up after five minutes.
const LONGEST_IDLE: Duration = Duration::from_secs(60);
/// How slow a line may be before a large mail misses its deadline.
const SLOWEST_BYTES_PER_SECOND: usize = 64 * 1024;
/// The shortest name of a mail that is kept: shorter ones come again for other mails.
const SHORTEST_REFERENCE: usize = 12;

/// The next SMTP server.
pub struct Smtp {
    host: String,
    port: u16,
    security: Security,
    tls: Tls,
    login: Option<Login>,
    hello: Option<String>,
    timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    session: Session,
    since: Instant,
}

/// One mail on its way.
struct Outgoing<'a> {
    from: Address,
    to: Address,
    /// Our own id of it, which reports may repeat.
    envelope_id: String,
    /// Without its last line end, which is written with the final dot.
    body: &'a [u8],
}

impl<'a> Outgoing<'a> {
    fn new(to: &Recipient, message: &'a Rendered) -> Result<Self, NotifyError> {
        let from = Address::parse(&message.sender)
            .map_err(|error| NotifyError::Misconfigured(Answer::own(format!("the sender's address: {error}"))))?;
        let to = Address::parse(to.address())
            .map_err(|error| NotifyError::Refused(Answer::own(format!("the recipient's address: {error}"))))?;
        let body = message.bytes.strip_suffix(b"\r\n").unwrap_or(&message.bytes);
        Ok(Self { from, to, envelope_id: message.notice_id.to_string(), body })
    }
}

#[async_trait]
impl Channel for Smtp {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let mail = Outgoing::new(to, message)?;
        let slowest = mail.body.len() / SLOWEST_BYTES_PER_SECOND;
        let deadline = self.timeout + Duration::from_secs(slowest as u64);
        let mut stage = Stage::Setup;
        let sent = tokio::time::timeout(deadline, self.send(&mail, &mut stage)).await;
        let sent = sent.unwrap_or_else(|_| {
            let seconds = deadline.as_secs();
            Err(Failure::Broken(format!("no answer within {seconds} s")))
        });
        match sent {
            Ok(reply) => Ok(Receipt { answer: reply.answer(), reference: reference(&reply) }),
            Err(failure) => Err(failure.at(stage)),
        }
    }

    async fn takes_smtputf8(&self) -> Result<bool, NotifyError> {
        let asked = tokio::time::timeout(self.timeout, async {
            let session = match self.idle_session() {
                Some(session) => session,
                None => self.connect().await?,
            };
            let takes = session.server().smtputf8;
            self.keep(session);
            Ok(takes)
        });
        let asked = asked.await.unwrap_or_else(|_| Err(Failure::Broken("no answer in time".to_owned())));
        asked.map_err(|failure: Failure| failure.at(Stage::Setup))
    }
}

/// What the server calls the mail from now on: `250 2.0.0 Ok: queued as 4ABCDEF1234567`, `250 Ok 0100018abc-000000`.
///
/// Relays that give mails a new Message-ID make it of this, and report of that.
fn reference(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['<', '>', '[', ']', '.', ',', ';', '=']));
    let is_name = |word: &&str| {
        word.len() >= SHORTEST_REFERENCE
            && word.len() <= 200
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word.bytes().all(|byte| byte.is_ascii_graphic())
    };
    words.rfind(is_name).map(str::to_owned)
}

impl Smtp {
    /// A server as it is configured; nothing is sent to it yet.
    pub fn new(config: &SmtpConfig) -> Result<Self, NotifyError> {
        config.check()?;
        Ok(Self {
            host: config.host.clone(),
            port: config.port(),
            security: config.security,
            tls: config.tls()?,
            login: config.login(),
            hello: config.hello_name.clone(),
            timeout: Duration::from_secs(config.timeout_seconds),
            idle: Mutex::default(),
        })
    }

    /// Goes through all the steps, noting in `stage` how far the mail has got.
    async fn send(&self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<Reply, Failure> {
        let mut session = self.begin(mail, stage).await?;
        let reply = session.content(mail, stage).await?;
        self.keep(session);
        Ok(reply)
    }

    /// A connection on which the server waits for the mail itself.
    async fn begin(&self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<Session, Failure> {
        if let Some(mut idle) = self.idle_session() {
            match idle.envelope(mail, stage).await {
                Ok(()) => return Ok(idle),
                // The server hung up while the connection lay idle; nothing is lost.
                Err(Failure::Broken(_)) if *stage == Stage::Setup => {}
                Err(Failure::Reply(reply)) if *stage == Stage::Setup && reply.code == 421 => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut session = self.connect().await?;
        session.envelope(mail, stage).await?;
        Ok(session)
    }

    async fn connect(&self) -> Result<Session, Failure> {
        let target = Target {
            host: &self.host,
            port: self.port,
            security: self.security,
            tls: &self.tls,
            login: self.login.as_ref(),
            hello: self.hello.as_deref(),
        };
        Session::open(&target).await
    }

    fn idle_session(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < LONGEST_IDLE);
        idle.pop().map(|idle| idle.session)
    }

    fn keep(&self, session: Session) {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            let since = Instant::now();
            idle.push(Idle { session, since });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_names_what_it_took() {
        for (said, name) in [
            ("2.0.0 Ok: queued as 4ABCDEF1234567", Some("4ABCDEF1234567")),
            ("Ok 0100018abc-000000", Some("0100018abc-000000")),
            ("2.0.0 OK  1795604800 a640c23a62f3a-af7e5cd2gsi.12 - gsmtp", Some("a640c23a62f3a-af7e5cd2gsi.12")),
            ("2.0.0 Ok: queued as 4ABC", None),
            ("2.0.0 accepted for delivery", None),
        ] {
            let reply = Reply { code: 250, lines: vec![said.to_owned()] };
            assert_eq!(reference(&reply).as_deref(), name, "{said}");
        }
    }
}
