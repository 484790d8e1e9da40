//! The HTTP server: which connections are taken, and what each may hold, and for how long.
//!
//! `axum::serve` has no say in this. By hyper's own measure every connection reads into up to 400 KiB, twice over while
//! the one half is on its way to the disk: 74 MB with a hundred uploads at once.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use inbound::Inbound;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod inbound;

/// Most bytes that a connection reads at a time, and gathers before it writes; the head of a request has to fit.
const BUFFER: usize = 32 * 1024;
/// How long a connection may wait for the whole head of a request, the first or the next: longer than proxies and clients keep
/// theirs (60 s, 90 s), so that none writes into one that is just being closed.
const HEAD: Duration = Duration::from_secs(120);
/// How long a client may take nothing of an answer; who paused playing asks for the rest again.
const STALL: Duration = Duration::from_secs(600);
/// How long requests in hand get when the server is to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(10);
/// How long to wait when the system has no more sockets to give.
const NO_SOCKETS: Duration = Duration::from_secs(1);

/// Answers requests until told to stop; requests in hand get a few seconds more.
///
/// No more than `most` connections are open at once; who comes then waits for one to end.
pub async fn serve(listener: TcpListener, router: Router, most: usize, shutdown: CancellationToken) {
    let (places, connections) = (Arc::new(Semaphore::new(most)), TaskTracker::new());
    let service = TowerToHyperService::new(router);
    loop {
        let (socket, from, place) = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = shutdown.cancelled() => break,
        };
        let (service, shutdown) = (service.clone(), shutdown.clone());
        connections.spawn(async move {
            let answered = answer(socket, from, service, shutdown).await;
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

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>) {
    // It is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((socket, from)) => return (socket, from, place),
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "no connection can be taken");
                tokio::time::sleep(NO_SOCKETS).await;
            }
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
    shutdown: CancellationToken,
) -> hyper::Result<()> {
    // Answers are written whole; nothing is gained by waiting for more. A socket that is gone fails soon enough.
    let _ = socket.set_nodelay(true);
    let mut socket = TimeoutStream::new(socket);
    socket.set_write_timeout(Some(STALL));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        let (head, body) = request.into_parts();
        let (body, ended) = Inbound::new(&head.headers, body);
        let answering = service.call(Request::from_parts(head, body));
        async move {
            let mut answer = answering.await?;
            if !ended.get() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut protocol = http1::Builder::new();
    protocol.max_buf_size(BUFFER).timer(TokioTimer::new()).header_read_timeout(HEAD);
    let mut connection = Box::pin(protocol.serve_connection(TokioIo::new(Box::pin(socket)), service).with_upgrades());
    tokio::select! {
        answered = &mut connection => answered,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

#[cfg(test)]
mod tests;
