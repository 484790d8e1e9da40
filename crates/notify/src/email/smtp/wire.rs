//! The socket below an SMTP dialogue, with what is written sent at once.
//!
//! lettre writes a mail and the dot that ends it one after the other, and leaves Nagle's algorithm on: the dot then waits
//! until the server confirms the last piece of the mail, which a system that waits for more to confirm does 40 ms later.

#![expect(deprecated, reason = "lettre has no other way to TLS over a socket that it did not open")]

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::{AsyncRead as _, AsyncWrite as _};
use lettre::transport::smtp::client::{AsyncNetworkStream, AsyncTokioStream, TlsParameters};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, ToSocketAddrs},
};

use super::classify::Failure;

/// Connects; with TLS from the first byte, if there are parameters for it.
pub(super) async fn connect(
    server: impl ToSocketAddrs,
    tls: Option<TlsParameters>,
) -> Result<Box<dyn AsyncTokioStream>, Failure> {
    let broken = |error: io::Error| Failure::Broken(error.to_string());
    let socket = TcpStream::connect(server).await.map_err(broken)?;
    socket.set_nodelay(true).map_err(broken)?;
    let Some(tls) = tls else { return Ok(Box::new(socket)) };
    let mut wire = AsyncNetworkStream::use_existing_tokio1(Box::new(socket));
    wire.upgrade_tls(tls).await?;
    Ok(Box::new(Wrapped(wire)))
}

/// lettre's encrypted stream in the form in which lettre takes streams.
#[derive(Debug)]
struct Wrapped(AsyncNetworkStream);

impl AsyncTokioStream for Wrapped {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl AsyncRead for Wrapped {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = ready!(Pin::new(&mut self.0).poll_read(cx, buffer.initialize_unfilled()))?;
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wrapped {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
