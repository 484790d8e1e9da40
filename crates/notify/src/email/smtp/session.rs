//! One connection to an SMTP server, mail after mail.

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpStream, ToSocketAddrs},
};

use super::{
    Outgoing,
    config::{Login, Security},
    failure::{Failure, Stage},
    reply::Reply,
};
use crate::tls::Tls;

/// How much of a mail is written at a time.
const CHUNK: usize = 64 * 1024;

/// The bytes below, encrypted or not.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection that is ready for the next mail.
pub(super) struct Session {
    wire: BufReader<Box<dyn Wire>>,
    server: Extensions,
}

/// What a server says that it can do, in its reply to EHLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// It takes the whole envelope at once (RFC 2920), which saves two round trips a mail.
    pipelining: bool,
    starttls: bool,
    auth_plain: bool,
    auth_login: bool,
    /// Most bytes of a mail (RFC 1870), if it says so.
    size: Option<usize>,
    /// It takes addresses outside ASCII (RFC 6531).
    pub(super) smtputf8: bool,
    /// It repeats our own id of the envelope in its reports (RFC 3461).
    dsn: bool,
}

impl Extensions {
    fn of(hello: &Reply) -> Self {
        let mut found = Self::default();
        for line in hello.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()) {
            // Some servers of old write AUTH=PLAIN.
            let mut words = line.split([' ', '=', '\t']).filter(|word| !word.is_empty());
            match words.next().unwrap_or_default() {
                "PIPELINING" => found.pipelining = true,
                "STARTTLS" => found.starttls = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "DSN" => found.dsn = true,
                // 0 is no limit.
                "SIZE" => found.size = words.next().and_then(|size| size.parse().ok()).filter(|size| *size > 0),
                "AUTH" => {
                    for word in words {
                        found.auth_plain |= word == "PLAIN";
                        found.auth_login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Where to connect, and how.
pub(super) struct Target<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) security: Security,
    pub(super) tls: &'a Tls,
    pub(super) login: Option<&'a Login>,
    /// Our name; the connection's own address if there is none.
    pub(super) hello: Option<&'a str>,
}

impl Session {
    /// Connects, encrypts and logs in.
    pub(super) async fn open(target: &Target<'_>) -> Result<Self, Failure> {
        let (socket, hello) = dial((target.host, target.port)).await?;
        let hello = target.hello.map_or(hello, str::to_owned);
        let wire: Box<dyn Wire> = match target.security {
            Security::Tls => encrypt(target, Box::new(socket)).await?,
            Security::StartTls | Security::None => Box::new(socket),
        };
        let mut session = Self { wire: BufReader::new(wire), server: Extensions::default() };
        let greeting = Reply::read(&mut session.wire).await?;
        if !greeting.is_positive() {
            return Err(Failure::Reply(greeting));
        }
        session.greet(&hello).await?;
        if target.security == Security::StartTls {
            session = session.start_tls(target, &hello).await?;
        }
        if let Some(login) = target.login {
            session.log_in(login).await?;
        }
        Ok(session)
    }

    async fn greet(&mut self, hello: &str) -> Result<(), Failure> {
        match self.command(&format!("EHLO {hello}\r\n")).await {
            Ok(reply) => self.server = Extensions::of(&reply),
            // A server without extensions (RFC 5321, section 3.2).
            Err(Failure::Reply(reply)) if matches!(reply.code, 500..=504) => {
                self.command(&format!("HELO {hello}\r\n")).await?;
                self.server = Extensions::default();
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn start_tls(mut self, target: &Target<'_>, hello: &str) -> Result<Self, Failure> {
        if !self.server.starttls {
            return Err(Failure::Unfit(
                "the server does not offer STARTTLS; set `smtp.security` to what it offers".to_owned(),
            ));
        }
        self.command("STARTTLS\r\n").await?;
        // What came unencrypted behind the reply was put there by somebody on the way (CVE-2011-0411).
        if !self.wire.buffer().is_empty() {
            return Err(Failure::Broken("the server said something more before TLS began".to_owned()));
        }
        let wire = encrypt(target, self.wire.into_inner()).await?;
        let mut session = Self { wire: BufReader::new(wire), server: Extensions::default() };
        session.greet(hello).await?;
        Ok(session)
    }

    async fn log_in(&mut self, login: &Login) -> Result<(), Failure> {
        let encoded = |text: &str| BASE64_STANDARD.encode(text);
        let password = login.password.expose_secret();
        if self.server.auth_plain {
            let word = encoded(&format!("\0{}\0{password}", login.username));
            self.command(&format!("AUTH PLAIN {word}\r\n")).await?;
        } else if self.server.auth_login {
            self.command("AUTH LOGIN\r\n").await?;
            self.command(&format!("{}\r\n", encoded(&login.username))).await?;
            self.command(&format!("{}\r\n", encoded(password))).await?;
        } else {
            return Err(Failure::Unfit(
                "the server offers neither AUTH PLAIN nor AUTH LOGIN; set `smtp.username` only where it takes a login"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// What the server can do.
    pub(super) fn server(&self) -> Extensions {
        self.server
    }

    /// Names sender and recipient; after that the server waits for the mail itself.
    ///
    /// After an error nobody may go on here: replies may be on their way that nobody waits for.
    pub(super) async fn envelope(&mut self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<(), Failure> {
        let bytes = mail.body.len() + 2;
        if let Some(limit) = self.server.size.filter(|limit| bytes > *limit) {
            return Err(Failure::TooLarge { bytes, limit });
        }
        let utf8 = mail.to.needs_smtputf8() || mail.from.needs_smtputf8();
        if utf8 && !self.server.smtputf8 {
            return Err(Failure::Unable("the mail server takes no address with letters outside ASCII (SMTPUTF8)"));
        }
        let mut from = format!("MAIL FROM:<{}>", mail.from.as_str());
        if self.server.size.is_some() {
            from.push_str(&format!(" SIZE={bytes}"));
        }
        if utf8 {
            from.push_str(" SMTPUTF8");
        }
        if self.server.dsn {
            from.push_str(&format!(" RET=HDRS ENVID={}", mail.envelope_id));
        }
        let to = format!("RCPT TO:<{}>", mail.to.as_str());
        if self.server.pipelining {
            self.write(&format!("{from}\r\n{to}\r\nDATA\r\n")).await?;
            self.reply().await?;
            *stage = Stage::Recipient;
            self.reply().await?;
            self.reply().await?;
        } else {
            self.command(&format!("{from}\r\n")).await?;
            *stage = Stage::Recipient;
            self.command(&format!("{to}\r\n")).await?;
            self.command("DATA\r\n").await?;
        }
        Ok(())
    }

    /// Sends the mail itself.
    pub(super) async fn content(&mut self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<Reply, Failure> {
        if let Err(error) = self.write_content(mail.body).await {
            // Who hangs up in the middle may have said why.
            return Err(match self.reply().await {
                Err(Failure::Reply(reply)) => Failure::Reply(reply),
                _ => error,
            });
        }
        *stage = Stage::End;
        let reply = self.command("\r\n.\r\n").await?;
        match reply.code {
            200..=299 => Ok(reply),
            _ => Err(Failure::Reply(reply)),
        }
    }

    /// Writes everything up to the last line's end, with a dot more where a line begins with one.
    async fn write_content(&mut self, body: &[u8]) -> Result<(), Failure> {
        let mut ready = Vec::with_capacity(CHUNK);
        let mut starts_line = true;
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            if starts_line && line.starts_with(b".") {
                ready.push(b'.');
            }
            ready.extend_from_slice(line);
            starts_line = line.ends_with(b"\n");
            if ready.len() >= CHUNK {
                self.wire.write_all(&ready).await?;
                ready.clear();
            }
        }
        self.wire.write_all(&ready).await?;
        Ok(self.wire.flush().await?)
    }

    async fn command(&mut self, command: &str) -> Result<Reply, Failure> {
        self.write(command).await?;
        self.reply().await
    }

    async fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.wire.write_all(text.as_bytes()).await?;
        Ok(self.wire.flush().await?)
    }

    /// The next reply, if it is good.
    async fn reply(&mut self) -> Result<Reply, Failure> {
        let reply = Reply::read(&mut self.wire).await?;
        if reply.is_positive() { Ok(reply) } else { Err(Failure::Reply(reply)) }
    }
}

/// A connection, and our address on it as EHLO wants it.
async fn dial(server: impl ToSocketAddrs) -> Result<(TcpStream, String), Failure> {
    let socket = TcpStream::connect(server).await?;
    // The final dot would wait until the system at the other end confirms what came before it.
    socket.set_nodelay(true)?;
    let address = match socket.local_addr()?.ip().to_canonical() {
        std::net::IpAddr::V4(address) => format!("[{address}]"),
        std::net::IpAddr::V6(address) => format!("[IPv6:{address}]"),
    };
    Ok((socket, address))
}

async fn encrypt(target: &Target<'_>, wire: Box<dyn Wire>) -> Result<Box<dyn Wire>, Failure> {
    match target.tls.connect(target.host, wire).await {
        Ok(wire) => Ok(Box::new(wire)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput) => {
            Err(Failure::Unfit(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_can_do_is_read_in_any_spelling() {
        let hello = |lines: &[&str]| {
            let lines = ["mx.example", "8BITMIME"].iter().chain(lines).map(|line| (*line).to_owned()).collect();
            Extensions::of(&Reply { code: 250, lines })
        };
        let none = Extensions::default();
        assert_eq!(hello(&[]), none);
        assert_eq!(hello(&["SIZE 100000"]), Extensions { size: Some(100_000), ..none });
        assert_eq!((hello(&["SIZE"]), hello(&["SIZE 0"]), hello(&["size x"])), (none, none, none));
        assert_eq!(hello(&["AUTH=PLAIN LOGIN"]), Extensions { auth_plain: true, auth_login: true, ..none });
        let all = hello(&["auth CRAM-MD5 login", "Pipelining", "STARTTLS", "SMTPUTF8", "DSN"]);
        assert_eq!(
            all,
            Extensions { auth_login: true, pipelining: true, starttls: true, smtputf8: true, dsn: true, ..none }
        );
    }
}
