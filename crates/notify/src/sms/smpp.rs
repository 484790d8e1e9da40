//! A message centre that speaks SMPP 3.4: one connection, bound as a transceiver, over which SMS go out in a window, and
//! reports and replies come back.
//!
//! The connection is made when it is first needed, kept alive by enquire_link, and made again when it is lost. What comes
//! back is confirmed to the centre only when it is durable with us; else the centre brings it again.

mod pdu;
mod session;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rusmpp::{Command, CommandStatus, Pdu, pdus::DeliverSmResp, values::InterfaceVersion};
use tokio::{
    sync::{Mutex, Semaphore, mpsc, oneshot},
    time::Instant,
};

use super::{
    Callback, Incoming, Line, SmsGateway,
    config::{SmppConfig, SmsConfig, unfit},
    text,
};
use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};
use session::{Client, NoAnswer};

/// How many things that came back may wait to be taken.
const MOST_WAITING: usize = 64;
/// How long a thing that came back may take until it is durable.
const LONGEST_TAKING: Duration = Duration::from_secs(15);
/// The pause before a centre is tried again that could not be reached, and the longest one.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The pause before a part is sent again that the centre could not take.
const THROTTLED: Duration = Duration::from_secs(1);

pub(super) struct Smpp {
    config: SmppConfig,
    timeout: Duration,
    window: Semaphore,
    session: Mutex<Session>,
    incoming: mpsc::Sender<Incoming>,
    concatenation: AtomicU8,
}

#[derive(Default)]
struct Session {
    client: Option<Client>,
    /// When a centre that could not be reached is tried again, and the pause after that.
    again: Option<(Instant, Duration)>,
}

/// What comes back, and the connection that has to stand for it.
struct Connection {
    waiting: Mutex<mpsc::Receiver<Incoming>>,
    smpp: Arc<Smpp>,
}

#[async_trait]
impl Line for Connection {
    /// While it waits, it keeps the connection up.
    async fn next(&self) -> Option<Incoming> {
        let mut waiting = self.waiting.lock().await;
        tokio::select! {
            next = waiting.recv() => next,
            never = self.smpp.stay_bound() => never,
        }
    }
}

/// The gateway of a message centre.
pub(super) fn gateway(config: &SmsConfig) -> Result<SmsGateway, NotifyError> {
    let Some(smpp) = config.smpp.clone() else {
        return unfit("`sms.provider` is smpp; say where the message centre is in [sms.smpp]");
    };
    if !smpp.address.starts_with("smpp://") && !smpp.address.starts_with("smpps://") {
        return unfit("`sms.smpp.address` must begin with smpp:// or smpps://");
    }
    if smpp.window == 0 || smpp.enquire_seconds == 0 {
        return unfit("`sms.smpp.window` and `sms.smpp.enquire_seconds` must be at least 1");
    }
    pdu::bind(&smpp)?;
    let (incoming, waiting) = mpsc::channel(MOST_WAITING);
    let smpp = Arc::new(Smpp {
        window: Semaphore::new(usize::from(smpp.window)),
        timeout: Duration::from_secs(config.timeout_seconds),
        config: smpp,
        session: Mutex::default(),
        incoming,
        concatenation: AtomicU8::new(rand::random()),
    });
    let line = Connection { waiting: Mutex::new(waiting), smpp: smpp.clone() };
    Ok(SmsGateway { channel: smpp, callbacks: None, secret: None, line: Some(Box::new(line)) })
}

#[async_trait]
impl Channel for Smpp {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let text = std::str::from_utf8(&message.bytes)
            .map_err(|_| NotifyError::Refused(Answer::own("the text is not UTF-8")))?;
        let (coding, parts) = text::encode(text);
        let deadline = Instant::now() + self.timeout;
        let late = |_| NotifyError::Retry(Answer::own("the message centre has no room in its window"));
        let _place = tokio::time::timeout_at(deadline, self.window.acquire()).await.map_err(late)?;
        let concatenation = self.concatenation.fetch_add(1, Ordering::Relaxed);
        let mut reference = String::new();
        for number in 0..parts.len() {
            let part = pdu::Part { parts: &parts, number, coding, concatenation };
            let submit = pdu::submit(to.address(), &message.sender, &part)?;
            reference = loop {
                let client = self.client(deadline).await?;
                match self.submit(&client, submit.clone(), deadline).await {
                    // Waiting here keeps what was sent of a long text from being sent again.
                    Err(NotifyError::Retry(_)) if Instant::now() + THROTTLED < deadline => {
                        tokio::time::sleep(THROTTLED).await;
                    }
                    other => break other?,
                }
            };
        }
        let answer = Answer::own(format!("taken by the message centre in {} parts", parts.len()));
        Ok(Receipt { answer, reference: Some(reference).filter(|reference| !reference.is_empty()) })
    }
}

impl Smpp {
    async fn submit(
        &self,
        client: &Client,
        submit: rusmpp::pdus::SubmitSm,
        deadline: Instant,
    ) -> Result<String, NotifyError> {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        match client.ask(submit, left).await {
            Ok(answer) if answer.status() != CommandStatus::EsmeRok => Err(pdu::refusal(answer.status())),
            Ok(answer) => match answer.pdu() {
                Some(Pdu::SubmitSmResp(taken)) => {
                    Ok(pdu::reference(taken.message_id().as_str(), self.config.decimal_reports))
                }
                _ => Ok(String::new()),
            },
            Err(NoAnswer::Late) => {
                Err(NotifyError::Unknown(Answer::own(format!("no answer within {} s", left.as_secs()))))
            }
            Err(NoAnswer::Broken) => {
                Err(NotifyError::Unknown(Answer::own("the connection broke off before the centre answered")))
            }
        }
    }

    /// The bound connection, made anew if need be.
    async fn client(&self, deadline: Instant) -> Result<Client, NotifyError> {
        let out_of_reach = || NotifyError::Retry(Answer::own("the message centre cannot be reached"));
        let mut session = tokio::time::timeout_at(deadline, self.session.lock()).await.map_err(|_| out_of_reach())?;
        if let Some(client) = session.client.as_ref().filter(|client| client.is_active()) {
            return Ok(client.clone());
        }
        session.client = None;
        if session.again.is_some_and(|(again, _)| Instant::now() < again) {
            return Err(out_of_reach());
        }
        let bound = tokio::time::timeout_at(deadline, self.connect()).await.unwrap_or_else(|_| Err(out_of_reach()));
        match bound {
            Ok(client) => {
                session.again = None;
                session.client = Some(client.clone());
                Ok(client)
            }
            Err(error) => {
                let pause = session.again.map_or(PAUSE.0, |(_, pause)| (pause * 2).min(PAUSE.1));
                session.again = Some((Instant::now() + pause, pause));
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Client, NotifyError> {
        let alive = Duration::from_secs(self.config.enquire_seconds);
        let connected = Client::connect(&self.config.address, alive).await;
        let (client, events) =
            connected.map_err(|_| NotifyError::Retry(Answer::own("the message centre cannot be reached")))?;
        let mut bind = pdu::bind(&self.config)?;
        bind.interface_version = InterfaceVersion::Smpp3_4;
        let status = match client.ask(bind, self.timeout).await {
            Ok(answer) => answer.status(),
            Err(_) => return Err(NotifyError::Retry(Answer::own("the message centre does not answer our login"))),
        };
        if status != CommandStatus::EsmeRok {
            let answer = Answer::own(format!("the message centre refuses our login with {:#x}", u32::from(status)));
            return Err(match status {
                // The session before this one may not be over yet.
                CommandStatus::EsmeRalybnd | CommandStatus::EsmeRsyserr | CommandStatus::EsmeRthrottled => {
                    NotifyError::Retry(answer)
                }
                _ => NotifyError::Misconfigured(answer),
            });
        }
        tokio::spawn(listen(client.clone(), events, self.incoming.clone(), self.config.decimal_reports));
        Ok(client)
    }

    /// Makes the connection whenever there is none.
    async fn stay_bound<T>(&self) -> T {
        loop {
            let pause = match self.client(Instant::now() + self.timeout).await {
                Ok(client) => {
                    client.closed().await;
                    PAUSE.0
                }
                Err(error) => {
                    if let NotifyError::Misconfigured(answer) = &error {
                        tracing::error!(%answer, "the message centre refuses us; SMS wait until the configuration is mended");
                    }
                    PAUSE.0
                }
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// Hands on what comes back until the connection ends.
async fn listen(
    client: Client,
    mut events: mpsc::Receiver<Command>,
    incoming: mpsc::Sender<Incoming>,
    decimal_reports: bool,
) {
    while let Some(command) = events.recv().await {
        let sequence = command.sequence_number();
        let is_answered = match command.pdu() {
            Some(Pdu::DeliverSm(deliver)) => {
                let is_taken = match pdu::callback(deliver, decimal_reports) {
                    Some(callback) => take(callback, &incoming).await,
                    // Nothing for us: it need not come again.
                    None => true,
                };
                let status = if is_taken { CommandStatus::EsmeRok } else { CommandStatus::EsmeRsyserr };
                client.answer(status, sequence, DeliverSmResp::default()).await
            }
            Some(Pdu::Unbind) => {
                let is_answered = client.answer(CommandStatus::EsmeRok, sequence, Pdu::UnbindResp).await;
                // Nothing more may be asked of it; the next SMS makes a new connection.
                client.close().await;
                is_answered
            }
            _ => true,
        };
        if !is_answered {
            break;
        }
    }
}

/// True when it is durable with us.
async fn take(callback: Callback, incoming: &mpsc::Sender<Incoming>) -> bool {
    let (taken, told) = oneshot::channel();
    let handed_on = async {
        incoming.send(Incoming { callback, taken }).await.ok()?;
        told.await.ok()
    };
    tokio::time::timeout(LONGEST_TAKING, handed_on).await.ok().flatten().unwrap_or(false)
}
