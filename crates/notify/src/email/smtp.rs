//! Hands mails to the next SMTP server.
//!
//! lettre's own pooled transport reports a lost connection without saying how far the mail had got, and only that tells
//! "try again" from "it may have been taken". So this speaks each step itself, over lettre's connections, and keeps those
//! that are idle.

mod classify;
mod config;
mod dialogue;
mod wire;

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use lettre::{
    Address,
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
        response::Response,
    },
};
use tokio::time::Instant;

pub use config::{Security, SmtpConfig};

use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};
use classify::{Failure, Stage};
use dialogue::Dialogue;

/// Most connections kept for the next mail.
const MOST_IDLE: usize = 16;
/// How long one is kept; servers commonly hang up after five minutes.
const LONGEST_IDLE: Duration = Duration::from_secs(60);
/// How slow a line may be before a large mail misses its deadline.
const SLOWEST_BYTES_PER_SECOND: usize = 64 * 1024;

/// The next SMTP server.
pub struct Smtp {
    host: String,
    port: u16,
    security: Security,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    hello: ClientId,
    timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    dialogue: Dialogue,
    since: Instant,
}

/// One mail on its way.
struct Outgoing<'a> {
    from: Address,
    to: Address,
    /// Without its last line end, which is written with the final dot.
    body: &'a [u8],
}

impl<'a> Outgoing<'a> {
    fn new(to: &Recipient, message: &'a Rendered) -> Result<Self, NotifyError> {
        let from = super::address(&message.sender)
            .ok_or_else(|| NotifyError::Misconfigured(Answer::own("the sender's address cannot be used")))?;
        let to = super::address(to.address())
            .ok_or_else(|| NotifyError::Refused(Answer::own("the recipient's address cannot be used")))?;
        let body = message.bytes.strip_suffix(b"\r\n").unwrap_or(&message.bytes);
        Ok(Self { from, to, body })
    }
}

#[async_trait]
impl Channel for Smtp {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let mail = Outgoing::new(to, message)?;
        // lettre's own timeout covers the TCP connection only.
        let slowest = mail.body.len() / SLOWEST_BYTES_PER_SECOND;
        let deadline = self.timeout + Duration::from_secs(slowest as u64);
        let mut stage = Stage::Setup;
        let sent = tokio::time::timeout(deadline, self.send(&mail, &mut stage)).await;
        let sent = sent.unwrap_or_else(|_| {
            let seconds = deadline.as_secs();
            Err(Failure::Broken(format!("no answer within {seconds} s")))
        });
        match sent {
            Ok(answer) => Ok(Receipt::new(classify::answer(&answer))),
            Err(failure) => Err(failure.at(stage)),
        }
    }
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
            credentials: config.credentials(),
            hello: config.hello_name.clone().map_or_else(ClientId::default, ClientId::Domain),
            timeout: Duration::from_secs(config.timeout_seconds),
            idle: Mutex::default(),
        })
    }

    /// Goes through all the steps, noting in `stage` how far the mail has got.
    async fn send(&self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<Response, Failure> {
        let mut dialogue = self.begin(mail, stage).await?;
        let answer = dialogue.content(mail, stage).await?;
        self.keep(dialogue);
        Ok(answer)
    }

    /// A connection on which the server waits for the mail itself.
    async fn begin(&self, mail: &Outgoing<'_>, stage: &mut Stage) -> Result<Dialogue, Failure> {
        if let Some(mut idle) = self.idle_connection() {
            match idle.envelope(mail, stage).await {
                Ok(()) => return Ok(idle),
                // The server hung up while the connection lay idle; nothing is lost.
                Err(error) if *stage == Stage::Setup && error.status().is_none_or(|code| u16::from(code) == 421) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut dialogue = self.connect().await?;
        dialogue.envelope(mail, stage).await?;
        Ok(dialogue)
    }

    async fn connect(&self) -> Result<Dialogue, Failure> {
        let wrapped = (self.security == Security::Tls).then(|| self.tls.clone());
        let wire = wire::connect((self.host.as_str(), self.port), wrapped).await?;
        let mut connection = AsyncSmtpConnection::connect_with_transport(wire, &self.hello).await?;
        if self.security == Security::StartTls {
            connection.starttls(self.tls.clone(), &self.hello).await?;
        }
        let dialogue = Dialogue::begin(connection, &self.hello).await?;
        match &self.credentials {
            Some(credentials) => Ok(dialogue.login(DEFAULT_MECHANISMS, credentials).await?),
            None => Ok(dialogue),
        }
    }

    fn idle_connection(&self) -> Option<Dialogue> {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < LONGEST_IDLE);
        idle.pop().map(|idle| idle.dialogue)
    }

    fn keep(&self, dialogue: Dialogue) {
        let mut idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            let since = Instant::now();
            idle.push(Idle { dialogue, since });
        }
    }
}
