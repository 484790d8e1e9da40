//! One connection to a message centre: requests and their answers, signs of life, and what the centre says by itself.

use std::{collections::HashMap, time::Duration};

use bytes::BytesMut;
use futures_util::StreamExt;
use rusmpp::{Command, CommandStatus, Pdu, tokio_codec::CommandCodec};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::{MissedTickBehavior, interval_at},
};
use tokio_util::codec::{Encoder, FramedRead};

use crate::tls::Tls;

/// How many things may wait that the centre said by itself; more are sent back for later.
const MOST_WAITING: usize = 256;
/// How many requests may wait to be written.
const MOST_REQUESTS: usize = 64;
/// The port where none is named (IANA: smpp).
const PORT: u16 = 2775;
/// What tells answers from requests (SMPP 3.4, section 5.1.2.1).
const ANSWER: u32 = 0x8000_0000;

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// It did not come in time.
    Late,
    /// The connection broke off before it came.
    Broken,
}

enum Request {
    /// Something that is answered.
    Ask(Pdu, oneshot::Sender<Command>),
    /// The answer to something that the centre said.
    Say(Command),
    /// The end of the connection.
    Close,
}

/// The way to ask; the connection stands as long as there is one.
#[derive(Clone)]
pub(super) struct Client(mpsc::Sender<Request>);

impl Client {
    /// Connects to `smpp://host:port`, or by TLS to `smpps://host:port`. Returns what the centre says by itself, too.
    pub(super) async fn connect(address: &str, alive: Duration) -> std::io::Result<(Self, mpsc::Receiver<Command>)> {
        let unfit = |why: &str| std::io::Error::new(std::io::ErrorKind::InvalidInput, why.to_owned());
        let url = reqwest::Url::parse(address).map_err(|_| unfit("this is no address of a message centre"))?;
        let host = url.host_str().ok_or_else(|| unfit("this address has no host"))?.trim_matches(['[', ']']);
        let socket = TcpStream::connect((host, url.port().unwrap_or(PORT))).await?;
        socket.set_nodelay(true)?;
        match url.scheme() {
            "smpps" => {
                let tls = Tls::trusting(Vec::new()).map_err(std::io::Error::other)?;
                Ok(Self::over(tls.connect(host, socket).await?, alive))
            }
            _ => Ok(Self::over(socket, alive)),
        }
    }

    fn over(
        wire: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        alive: Duration,
    ) -> (Self, mpsc::Receiver<Command>) {
        let (requests, asked) = mpsc::channel(MOST_REQUESTS);
        let (told, events) = mpsc::channel(MOST_WAITING);
        let session = Session {
            wire: FramedRead::new(wire, CommandCodec::new()),
            told,
            waiting: HashMap::new(),
            sequence: 0,
            alive: None,
        };
        tokio::spawn(session.run(asked, alive));
        (Self(requests), events)
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, pdu: impl Into<Pdu>, within: Duration) -> Result<Command, NoAnswer> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.0.send(Request::Ask(pdu.into(), reply)).await.map_err(|_| NoAnswer::Broken)?;
            answer.await.map_err(|_| NoAnswer::Broken)
        };
        tokio::time::timeout(within, asked).await.unwrap_or(Err(NoAnswer::Late))
    }

    /// Answers what the centre said; false if the connection is gone.
    pub(super) async fn answer(&self, status: CommandStatus, sequence: u32, pdu: impl Into<Pdu>) -> bool {
        self.0.send(Request::Say(Command::new(status, sequence, pdu))).await.is_ok()
    }

    /// Ends the connection for everybody.
    pub(super) async fn close(&self) {
        // It may have ended already.
        let _ = self.0.send(Request::Close).await;
    }

    /// True while the connection stands.
    pub(super) fn is_active(&self) -> bool {
        !self.0.is_closed()
    }

    /// Waits until the connection is gone.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

struct Session<W> {
    wire: FramedRead<W, CommandCodec>,
    told: mpsc::Sender<Command>,
    waiting: HashMap<u32, oneshot::Sender<Command>>,
    sequence: u32,
    /// The sign of life that the centre has not answered.
    alive: Option<u32>,
}

impl<W: AsyncRead + AsyncWrite + Unpin> Session<W> {
    /// Goes on until either side ends it.
    async fn run(mut self, mut asked: mpsc::Receiver<Request>, alive: Duration) {
        let mut ticks = interval_at(tokio::time::Instant::now() + alive, alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let goes_on = tokio::select! {
                request = asked.recv() => match request {
                    Some(Request::Ask(pdu, reply)) => self.ask(pdu, reply).await,
                    Some(Request::Say(command)) => write(self.wire.get_mut(), command).await,
                    Some(Request::Close) | None => false,
                },
                command = self.wire.next() => match command {
                    Some(Ok(command)) => self.take(command).await,
                    Some(Err(_)) | None => false,
                },
                // One sign of life that nobody answered is the end.
                _ = ticks.tick() => self.alive.is_none() && self.show_life().await,
            };
            if !goes_on {
                return;
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence % (ANSWER - 1) + 1;
        self.sequence
    }

    async fn ask(&mut self, pdu: Pdu, reply: oneshot::Sender<Command>) -> bool {
        // Whoever waits no longer need not be answered.
        self.waiting.retain(|_, reply| !reply.is_closed());
        let sequence = self.next_sequence();
        self.waiting.insert(sequence, reply);
        write(self.wire.get_mut(), Command::new(CommandStatus::EsmeRok, sequence, pdu)).await
    }

    async fn show_life(&mut self) -> bool {
        let sequence = self.next_sequence();
        self.alive = Some(sequence);
        write(self.wire.get_mut(), Command::new(CommandStatus::EsmeRok, sequence, Pdu::EnquireLink)).await
    }

    /// Hands on what came.
    async fn take(&mut self, command: Command) -> bool {
        let sequence = command.sequence_number();
        if u32::from(command.id()) & ANSWER != 0 {
            if self.alive == Some(sequence) {
                self.alive = None;
            } else if let Some(reply) = self.waiting.remove(&sequence) {
                // Nobody may wait for it any more.
                let _ = reply.send(command);
            }
            return true;
        }
        if let Some(Pdu::EnquireLink) = command.pdu() {
            let answer = Command::new(CommandStatus::EsmeRok, sequence, Pdu::EnquireLinkResp);
            return write(self.wire.get_mut(), answer).await;
        }
        match self.told.try_send(command) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            // The centre brings it again.
            Err(mpsc::error::TrySendError::Full(command)) => match command.pdu() {
                Some(Pdu::DeliverSm(_)) => {
                    let later = rusmpp::pdus::DeliverSmResp::default();
                    write(self.wire.get_mut(), Command::new(CommandStatus::EsmeRmsgqful, sequence, later)).await
                }
                _ => true,
            },
        }
    }
}

/// Writes it at once; false if the connection is gone.
async fn write(wire: &mut (impl AsyncWrite + Unpin), command: Command) -> bool {
    let mut bytes = BytesMut::new();
    // Encoding into memory cannot fail.
    CommandCodec::new().encode(command, &mut bytes).is_ok()
        && wire.write_all(&bytes).await.is_ok()
        && wire.flush().await.is_ok()
}

#[cfg(test)]
mod tests {
    use rusmpp::pdus::{DeliverSm, SubmitSmResp};

    use super::*;

    const ALIVE: Duration = Duration::from_millis(500);

    fn both() -> (Client, mpsc::Receiver<Command>, FramedRead<tokio::io::DuplexStream, CommandCodec>) {
        let (ours, theirs) = tokio::io::duplex(8 * 1024);
        let (client, events) = Client::over(ours, ALIVE);
        (client, events, FramedRead::new(theirs, CommandCodec::new()))
    }

    #[tokio::test]
    async fn answers_find_their_requests_in_any_order() {
        let (client, _events, mut centre) = both();
        let ask = |client: Client| tokio::spawn(async move { client.ask(Pdu::EnquireLink, ALIVE / 2).await });
        let (first, second) = (ask(client.clone()), ask(client));
        let asked = [centre.next().await.unwrap().unwrap(), centre.next().await.unwrap().unwrap()];
        for command in asked.iter().rev() {
            let answer =
                Command::new(CommandStatus::EsmeRthrottled, command.sequence_number(), SubmitSmResp::default());
            assert!(write(centre.get_mut(), answer).await);
        }
        for answer in [first.await.unwrap().unwrap(), second.await.unwrap().unwrap()] {
            assert_eq!(answer.status(), CommandStatus::EsmeRthrottled);
        }
    }

    #[tokio::test]
    async fn an_answer_that_does_not_come_is_late_and_a_lost_connection_is_told() {
        let (client, _events, centre) = both();
        assert_eq!(client.ask(Pdu::EnquireLink, ALIVE / 2).await.unwrap_err(), NoAnswer::Late);
        drop(centre);
        client.closed().await;
        assert!(!client.is_active());
        assert_eq!(client.ask(Pdu::EnquireLink, ALIVE).await.unwrap_err(), NoAnswer::Broken);
    }

    #[tokio::test]
    async fn a_centre_that_shows_no_life_is_given_up() {
        let (client, _events, mut centre) = both();
        let sign = centre.next().await.unwrap().unwrap();
        let answer = Command::new(CommandStatus::EsmeRok, sign.sequence_number(), Pdu::EnquireLinkResp);
        assert!(write(centre.get_mut(), answer).await);
        assert!(matches!(centre.next().await.unwrap().unwrap().pdu(), Some(Pdu::EnquireLink)), "the next one");
        client.closed().await;
    }

    #[tokio::test]
    async fn what_the_centre_says_by_itself_is_handed_on_and_life_is_shown() {
        let (client, mut events, mut centre) = both();
        assert!(write(centre.get_mut(), Command::new(CommandStatus::EsmeRok, 7, DeliverSm::default())).await);
        assert!(write(centre.get_mut(), Command::new(CommandStatus::EsmeRok, 8, Pdu::EnquireLink)).await);
        assert_eq!(events.recv().await.unwrap().sequence_number(), 7);
        assert!(matches!(centre.next().await.unwrap().unwrap().pdu(), Some(Pdu::EnquireLinkResp)));
        drop(client);
        assert!(centre.next().await.is_none());
    }
}
