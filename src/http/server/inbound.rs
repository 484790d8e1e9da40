//! What a client still sends when it has its answer already.
//!
//! A request may be answered before its body was read, such as a drop for a mailbox that is full. A connection that is closed
//! with bytes unread is reset, and a reset may overtake the answer; so what still comes is read for a while and thrown away,
//! and the answer says that the connection ends with it (RFC 9112, section 9.6).

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use hyper::{
    HeaderMap,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::EXPECT,
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

use super::pace::{Least, Pace};

/// How long a client may go on sending what nobody wants.
const LINGER: Duration = Duration::from_secs(5);

/// The body of a request, read on by itself when it is dropped before its end.
pub(super) struct Inbound {
    /// There until it is dropped.
    incoming: Option<Incoming>,
    ended: Ended,
    /// The client sends nothing until it is told to go on, which reading does.
    waits: bool,
    pace: Pace,
}

/// A hundred bytes a second: less than any codec makes of a call that a core sends while it is being recorded.
const LEAST: Least = Least { bytes: 60 * 100, within: Duration::from_secs(60) };

/// Whether a body was read to its end.
#[derive(Clone, Default)]
pub(super) struct Ended(Arc<AtomicBool>);

impl Ended {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Inbound {
    /// The body of a request with this head, and what tells whether it was read to its end.
    pub(super) fn new(head: &HeaderMap, incoming: Incoming) -> (Self, Ended) {
        let ended = Ended::default();
        if incoming.is_end_stream() {
            ended.set();
        }
        (
            Self {
                incoming: Some(incoming),
                ended: ended.clone(),
                waits: head.contains_key(EXPECT),
                pace: Pace::new(LEAST),
            },
            ended,
        )
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        this.waits = false;
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(cx) else {
            this.pace.waits(Instant::now());
            return Poll::Pending;
        };
        let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        if incoming.is_end_stream() || !matches!(frame, Some(Ok(_))) {
            this.ended.set();
        }
        if !this.ended.get() {
            this.pace.went(bytes, Instant::now())?;
        }
        Poll::Ready(frame.map(|frame| Ok(frame?)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if self.ended.get() || self.waits {
            return;
        }
        if let (Some(mut incoming), Ok(runtime)) = (self.incoming.take(), Handle::try_current()) {
            let rest =
                async move { while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {} };
            runtime.spawn(timeout(LINGER, rest));
        }
    }
}
