//! The socket of a connection, whose client has to take what it asked for.
//!
//! A client that takes a few bytes now and then would keep its place for ever: a request in hand is not given up for others.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};

use super::pace::{Least, Pace};

/// A socket that fails when its client takes too little of what is written.
pub(super) struct Paced<S = TcpStream> {
    socket: S,
    pace: Pace,
    /// How long a client may take nothing at all.
    stall: Duration,
    /// Runs while the client is waited for.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) fn new(socket: S, least: Least, stall: Duration) -> Self {
        Self { socket, pace: Pace::new(least), stall, deadline: None }
    }

    /// What became of an attempt to write, unless the client is too slow.
    fn judge(&mut self, wrote: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match wrote {
            Poll::Ready(Ok(bytes)) => {
                self.deadline = None;
                let pace = self.pace.went(bytes, Instant::now());
                Poll::Ready(pace.map(|()| bytes).map_err(|slow| io::Error::new(io::ErrorKind::TimedOut, slow)))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                self.pace.waits(Instant::now());
                let stall = self.stall;
                ready!(self.deadline.get_or_insert_with(|| Box::pin(sleep(stall))).as_mut().poll(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.judge(wrote, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.judge(wrote, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const WINDOW: Duration = Duration::from_millis(300);
    const LEAST: Least = Least { bytes: 1_000, within: WINDOW };
    /// As long as anybody is borne here.
    const LONG: Duration = Duration::from_secs(3);

    /// Writes without end to a client that takes `bytes` each `every`; how long it is borne.
    async fn borne(bytes: usize, every: Duration) -> Duration {
        let (socket, mut client) = duplex(1_024);
        let began = Instant::now();
        let writing = async {
            let mut socket = Paced::new(socket, LEAST, WINDOW);
            while socket.write_all(&[7; 1_024]).await.is_ok() {}
        };
        let reading = async {
            let mut taken = vec![0; bytes];
            while began.elapsed() < LONG {
                tokio::time::sleep(every).await;
                drop(client.read_exact(&mut taken).await);
            }
        };
        tokio::select! {
            () = writing => {}
            () = reading => {}
        }
        began.elapsed()
    }

    #[tokio::test]
    async fn who_takes_an_answer_byte_by_byte_loses_the_connection() {
        for (bytes, every) in [(1, WINDOW / 10), (20, WINDOW / 10), (1, 2 * LONG)] {
            let borne = borne(bytes, every).await;
            assert!(borne >= WINDOW && borne < LONG, "{bytes} bytes each {every:?}: {borne:?}");
        }
        assert!(borne(1_000, WINDOW / 10).await >= LONG, "ten times what is asked for");
    }
}
