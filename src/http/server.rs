//! The HTTP server: which connections are taken, and what each may hold, and for how long.
//!
//! `axum::serve` has no say in this. By hyper's own measure every connection reads into up to 400 KiB, twice over while
//! the one half is on its way to the disk: 74 MB with a hundred uploads at once.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use inbound::Inbound;
use outbound::Paced;
use pace::Least;
use silent::{Busy, Place, Silent};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod inbound;
mod outbound;
mod pace;
mod silent;

/// Most bytes that a connection reads at a time, and gathers before it writes; the head of a request has to fit.
const BUFFER: usize = 32 * 1024;
/// How long a connection may wait for the whole head of a request, the first or the next: longer than proxies and clients keep
/// theirs (60 s, 90 s), so that none writes into one that is just being closed.
const HEAD: Duration = Duration::from_secs(120);
/// How long a client may take nothing of an answer; who paused playing asks for the rest again.
const STALL: Duration = Duration::from_secs(600);
/// What a client has to take of its answers, apart from the time in which nothing is there to take: a hundred bytes a second,
/// less than any player does.
const LEAST: Least = Least { bytes: 600 * 100, within: STALL };
/// How long to wait for more of what may be the preface of HTTP/2.
const NEXT_LETTERS: Duration = Duration::from_millis(10);
/// How long a client that speaks HTTP/2 gets to read that we do not.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long requests in hand get when the server is to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// How long to wait for a place before looking whether another connection has become silent.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How long to wait when the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_secs(1);

/// Answers requests until told to stop; requests in hand get a few seconds more.
///
/// No more than `most` connections are open at once. When one more comes, one on which nothing is asked has to go; where
/// there is none, it waits for one to end.
pub async fn serve(listener: TcpListener, router: Router, most: usize, shutdown: CancellationToken) {
    let (places, silent, connections) = (Arc::new(Semaphore::new(most)), Silent::default(), TaskTracker::new());
    let service = TowerToHyperService::new(router);
    loop {
        let accepted = async {
            let (socket, from) = accept(&listener).await;
            (socket, from, take_place(&places, &silent).await)
        };
        let (socket, from, place) = tokio::select! {
            accepted = accepted => accepted,
            () = shutdown.cancelled() => break,
        };
        let (service, shutdown, connection) = (service.clone(), shutdown.clone(), silent.connect(from.ip()));
        connections.spawn(async move {
            let answered = answer(socket, from, service, connection, shutdown).await;
            drop(place);
            // A connection that breaks is its client's affair.
            if let Err(error) = answered {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke off");
            }
        });
    }
    drop(listener);
    connections.close();
    // What is left then is dropped with the runtime.
    drop(tokio::time::timeout(LAST_REQUESTS, connections.wait()).await);
}

/// The next connection.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no connection can be taken");
                tokio::time::sleep(NO_SOCKETS).await;
            }
        }
    }
}

/// A place for a connection, if need be that of a silent one.
async fn take_place(places: &Arc<Semaphore>, silent: &Silent) -> Option<OwnedSemaphorePermit> {
    loop {
        if let Ok(place) = Arc::clone(places).try_acquire_owned() {
            return Some(place);
        }
        silent.evict();
        // The semaphore is never closed. A connection may have become silent meanwhile, so it is looked at again.
        let place = Arc::clone(places).acquire_owned();
        if let Ok(place) = tokio::time::timeout(LOOK_AGAIN, place).await {
            return place.ok();
        }
    }
}

/// True when the client was gone before its connection was taken.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers the requests of one connection; told to stop, the one in hand is the last.
async fn answer(
    socket: TcpStream,
    from: SocketAddr,
    service: TowerToHyperService<Router>,
    place: Place,
    shutdown: CancellationToken,
) -> io::Result<()> {
    // Answers are written whole; nothing is gained by waiting for more. A socket that is gone fails soon enough.
    let _ = socket.set_nodelay(true);
    let speaks_http2 = tokio::select! {
        speaks = speaks_http2(&socket) => speaks?,
        () = place.evicted() => return Ok(()),
        () = shutdown.cancelled() => return Ok(()),
        () = tokio::time::sleep(HEAD) => return Ok(()),
    };
    if speaks_http2 {
        return refuse_http2(socket).await;
    }
    let socket = Paced::new(socket, LEAST, STALL);
    let asked = place.clone();
    let stopping = shutdown.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (busy, asked) = (asked.busy(), asked.clone());
        request.extensions_mut().insert(ConnectInfo(from));
        // What would go on for ever ends by it.
        request.extensions_mut().insert(stopping.clone());
        let (head, body) = request.into_parts();
        let (body, ended) = Inbound::new(&head.headers, body);
        let answering = service.call(Request::from_parts(head, body));
        async move {
            let mut answer = answering.await?;
            if !ended.get() || asked.has_to_go() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer.map(|body| Outbound { body, _busy: busy }))
        }
    });
    let mut protocol = http1::Builder::new();
    protocol.max_buf_size(BUFFER).timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = Box::pin(protocol.serve_connection(TokioIo::new(socket), service).with_upgrades());
    let answered = tokio::select! {
        answered = &mut connection => answered,
        () = place.evicted() => Ok(()),
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    answered.map_err(io::Error::other)
}

/// The body of an answer; while it is on its way, the connection is not silent.
struct Outbound {
    body: axum::body::Body,
    _busy: Busy,
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a client begins with the preface of HTTP/2 (RFC 9113, section 3.4), which no request of HTTP/1.1 begins like.
async fn speaks_http2(socket: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";
    let mut first = [0; PREFACE.len()];
    loop {
        let read = socket.peek(&mut first).await?;
        if read == 0 || !PREFACE.starts_with(&first[..read]) {
            return Ok(false);
        }
        if read == PREFACE.len() {
            return Ok(true);
        }
        // Only what begins with a P comes here, and its next letters come soon.
        tokio::time::sleep(NEXT_LETTERS).await;
    }
}

/// Tells a client in HTTP/2 that it is HTTP/1.1 which is spoken here: no settings, and then a GOAWAY (RFC 9113, sections
/// 6.5 and 6.8) of the error HTTP_1_1_REQUIRED.
async fn refuse_http2(mut socket: TcpStream) -> io::Result<()> {
    const WHY: &[u8] = b"this server speaks HTTP/1.1; put a proxy in front of it that speaks HTTP/2";
    const HTTP_1_1_REQUIRED: u8 = 0xd;
    let mut answer = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    answer.extend([0, 0, 8 + WHY.len() as u8, 7, 0, 0, 0, 0, 0]);
    answer.extend([0, 0, 0, 0, 0, 0, 0, HTTP_1_1_REQUIRED]);
    answer.extend(WHY);
    let told = async {
        socket.write_all(&answer).await?;
        socket.shutdown().await?;
        // Bytes left unread would reset the connection, maybe before the answer is read.
        let mut rest = [0; 1_024];
        while socket.read(&mut rest).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    tokio::time::timeout(FAREWELL, told).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests;
