//! The memory of all uploads together: pieces of bodies, gathered until they can be sent.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PART;
use crate::storage::{ByteStream, StorageError};

/// What is gathered of a body of unknown length before memory for a whole part is asked for.
const SMALL: usize = 64 * 1024;

/// Memory for uploads.
pub(super) struct Parts {
    room: Arc<Semaphore>,
    /// Buffers that were used before; making one anew costs the system 2,048 pages.
    spare: Arc<Mutex<Vec<BytesMut>>>,
}

/// A piece of a body, and the memory it takes.
pub(super) struct Part {
    bytes: Bytes,
    /// Whether the body ended with it.
    pub(super) last: bool,
    spare: Arc<Mutex<Vec<BytesMut>>>,
    room: Option<OwnedSemaphorePermit>,
}

impl Part {
    /// What is to be sent; it shares the part's memory.
    pub(super) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Ok(mut buffer) = std::mem::take(&mut self.bytes).try_into_mut()
            && buffer.capacity() >= PART as usize
        {
            buffer.clear();
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
        // Only now may others take the room.
        drop(self.room.take());
    }
}

/// A body that is read part by part.
pub(super) struct Body {
    stream: ByteStream,
    /// What a part had no more room for.
    rest: Bytes,
    left: Option<u64>,
}

impl Body {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self { left: stream.length(), stream, rest: Bytes::new() }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, StorageError> {
        while self.rest.is_empty() {
            match self.stream.try_next().await? {
                None => return Ok(None),
                Some(chunk) => self.rest = chunk,
            }
        }
        Ok(Some(std::mem::take(&mut self.rest)))
    }
}

impl Parts {
    pub(super) fn new(bytes: u32) -> Self {
        Self { room: Arc::new(Semaphore::new(bytes as usize)), spare: Arc::default() }
    }

    /// Gathers the next part: 8 MiB, or what is left of the body.
    ///
    /// The memory of a body whose length is known is taken at once, and all that is needed; of another, that of a whole part
    /// as soon as it turns out to be more than small.
    pub(super) async fn next(&self, body: &mut Body) -> Result<Part, StorageError> {
        let whole = PART as usize;
        let mut room = None;
        let mut buffer = match body.left {
            Some(left) => {
                let bytes = left.min(u64::from(PART)) as u32;
                room = self.take(bytes).await;
                self.buffer(bytes as usize)
            }
            None => BytesMut::with_capacity(SMALL),
        };
        let mut last = true;
        while let Some(mut chunk) = body.chunk().await? {
            if room.is_none() && buffer.len() + chunk.len() > SMALL {
                room = self.take(PART).await;
                let small = std::mem::replace(&mut buffer, self.buffer(whole));
                buffer.extend_from_slice(&small);
            }
            let fits = chunk.len().min(whole - buffer.len());
            buffer.extend_from_slice(&chunk.split_to(fits));
            body.rest = chunk;
            if buffer.len() == whole {
                // One look ahead, so that no empty part follows.
                last = match body.chunk().await? {
                    None => true,
                    Some(next) => {
                        body.rest = next;
                        false
                    }
                };
                break;
            }
        }
        body.left = body.left.map(|left| left.saturating_sub(buffer.len() as u64));
        Ok(Part { bytes: buffer.freeze(), last, spare: Arc::clone(&self.spare), room })
    }

    async fn take(&self, bytes: u32) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.room).acquire_many_owned(bytes).await.ok()
    }

    fn buffer(&self, bytes: usize) -> BytesMut {
        if bytes < PART as usize {
            return BytesMut::with_capacity(bytes);
        }
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        spare.unwrap_or_else(|| BytesMut::with_capacity(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    fn unknown(length: usize, chunk: usize) -> ByteStream {
        let bytes: Bytes = (0..length).map(|at| (at % 251) as u8).collect();
        let chunks: Vec<_> =
            (0..length).step_by(chunk).map(|at| Ok::<_, io::Error>(bytes.slice(at..length.min(at + chunk)))).collect();
        ByteStream::new(stream::iter(chunks))
    }

    async fn lengths(parts: &Parts, stream: ByteStream) -> Vec<usize> {
        let (mut body, mut lengths) = (Body::new(stream), Vec::new());
        let mut position = 0;
        loop {
            let part = parts.next(&mut body).await.unwrap();
            assert!(part.bytes().iter().enumerate().all(|(at, byte)| *byte == ((position + at) % 251) as u8));
            position += part.bytes().len();
            lengths.push(part.bytes().len());
            if part.last {
                return lengths;
            }
        }
    }

    #[tokio::test]
    async fn bodies_are_cut_into_parts_without_an_empty_one() {
        let (parts, part) = (Parts::new(PART), PART as usize);
        for length in [0, 1, SMALL, SMALL + 1, part - 1, part, part + 1, 2 * part, 2 * part + 5] {
            let mut expected = vec![part; length / part];
            if length % part > 0 || length == 0 {
                expected.push(length % part);
            }
            for chunk in [1_000_003, 65_536] {
                assert_eq!(lengths(&parts, unknown(length, chunk)).await, expected, "{length} in {chunk}");
                let known = unknown(length, chunk).of_length(length as u64);
                assert_eq!(lengths(&parts, known).await, expected, "{length} known, in {chunk}");
            }
        }
    }

    #[tokio::test]
    async fn no_more_memory_is_taken_than_there_is() {
        let parts = Arc::new(Parts::new(PART));
        let mut body = Body::new(unknown(PART as usize, 65_536));
        let held = parts.next(&mut body).await.unwrap();
        let waits = Arc::clone(&parts);
        let mut other = tokio::spawn(async move { lengths(&waits, unknown(100_000, 65_536)).await });
        let early = tokio::time::timeout(std::time::Duration::from_millis(50), &mut other).await;
        assert!(early.is_err(), "there was no room for it");
        drop(held);
        assert_eq!(other.await.unwrap(), [100_000]);
        assert_eq!(lengths(&parts, unknown(SMALL, 1_000)).await, [SMALL], "small ones need not wait");
    }
}
