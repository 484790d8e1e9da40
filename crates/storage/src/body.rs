//! Bytes on their way into or out of a store.

use std::{
    io,
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, ready, stream::BoxStream};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;

use crate::StorageError;

/// How much is read from a file or socket at a time.
const CHUNK: usize = 64 * 1024;

/// A stream of bytes that may carry a limit; beyond the limit it ends with [`StorageError::TooLarge`].
pub struct ByteStream {
    chunks: BoxStream<'static, Result<Bytes, StorageError>>,
    length: Option<u64>,
    limit: u64,
    left: u64,
}

impl ByteStream {
    /// Wraps a stream such as a request's body.
    pub fn new<S, E>(chunks: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self::from_chunks(chunks.map_err(|error| StorageError::Body(io::Error::other(error))))
    }

    /// Wraps anything that can be read, such as an open file.
    pub fn from_reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::from_chunks(ReaderStream::with_capacity(reader, CHUNK).map_err(StorageError::Body))
    }

    /// Reads the file at `path`, as long as it is now.
    pub(crate) async fn from_file(path: &Path) -> Result<Self, StorageError> {
        let file = tokio::fs::File::open(path).await.map_err(StorageError::io("open the file to be stored"))?;
        let metadata = file.metadata().await.map_err(StorageError::io("look at the file to be stored"))?;
        Ok(Self::from_reader(file).of_length(metadata.len()))
    }

    pub(crate) fn from_chunks(chunks: impl Stream<Item = Result<Bytes, StorageError>> + Send + 'static) -> Self {
        Self { chunks: chunks.boxed(), length: None, limit: u64::MAX, left: u64::MAX }
    }

    /// Says how many bytes there will be, for stores that make room beforehand; more than that is refused.
    #[must_use]
    pub(crate) fn of_length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self.limit(bytes)
    }

    /// How many bytes there will be, if that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Lets at most `bytes` more bytes through.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = self.limit.min(bytes);
        self.left = self.left.min(bytes);
        self
    }
}

impl From<Bytes> for ByteStream {
    fn from(bytes: Bytes) -> Self {
        let length = bytes.len() as u64;
        Self::from_chunks(futures_util::stream::iter([Ok(bytes)])).of_length(length)
    }
}

impl From<Vec<u8>> for ByteStream {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, StorageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(chunk) = ready!(self.chunks.poll_next_unpin(cx)).transpose()? else {
            return Poll::Ready(None);
        };
        let Some(left) = self.left.checked_sub(chunk.len() as u64) else {
            return Poll::Ready(Some(Err(StorageError::TooLarge { limit: self.limit })));
        };
        self.left = left;
        Poll::Ready(Some(Ok(chunk)))
    }
}
