//! The memory of all uploads together: pieces of bodies, gathered until they can be sent.

use std::{
    fs::File,
    mem,
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PART;
use crate::{
    ByteStream, StorageError, Stored,
    disk::{Disk, hex},
};

/// What is gathered of a body of unknown length before memory for a whole part is asked for.
const SMALL: usize = 64 * 1024;

/// Memory for uploads.
pub(super) struct Parts {
    disk: Disk,
    room: Arc<Semaphore>,
    /// Buffers of whole parts that were used before; making one anew costs the system 1,280 pages.
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
        if let Ok(mut buffer) = mem::take(&mut self.bytes).try_into_mut()
            && buffer.capacity() >= PART as usize
        {
            buffer.clear();
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
        }
        // Only now may others take the room.
        drop(self.room.take());
    }
}

/// A body that is read part by part, and measured meanwhile.
pub(super) struct Body {
    source: Source,
    sha256: Sha256,
    bytes: u64,
}

enum Source {
    Stream(Chunks),
    /// A file of so many bytes. It is read into the parts themselves, so that it holds no memory while others have theirs.
    File(Arc<File>, u64),
}

/// A stream that can be looked into.
struct Chunks {
    stream: ByteStream,
    /// What a part had no more room for.
    rest: Bytes,
    /// How much there still is to come, if that is known.
    left: Option<u64>,
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        while self.rest.is_empty() {
            match self.stream.try_next().await? {
                None => return Ok(None),
                Some(chunk) => self.rest = chunk,
            }
        }
        Ok(Some(mem::take(&mut self.rest)))
    }
}

impl Body {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self::of(Source::Stream(Chunks { left: stream.length(), stream, rest: Bytes::new() }))
    }

    fn of(source: Source) -> Self {
        Self { source, sha256: Sha256::new(), bytes: 0 }
    }

    /// What was read so far.
    pub(super) fn stored(&self) -> Stored {
        Stored { bytes: self.bytes, sha256: hex(&self.sha256.clone().finalize()) }
    }
}

impl Parts {
    pub(super) fn new(bytes: u32) -> Self {
        Self { disk: Disk::new(), room: Arc::new(Semaphore::new(bytes as usize)), spare: Arc::default() }
    }

    /// The file at `path`, as long as it is now.
    pub(super) async fn file(&self, path: &Path) -> Result<Body, StorageError> {
        let path = path.to_owned();
        let open = move || {
            let file = File::open(path)?;
            let bytes = file.metadata()?.len();
            Ok((Arc::new(file), bytes))
        };
        let (file, bytes) = self.disk.run("open the file to be stored", open).await?;
        Ok(Body::of(Source::File(file, bytes)))
    }

    /// Gathers the next part: 5 MiB, or what is left of the body.
    pub(super) async fn next(&self, body: &mut Body) -> Result<Part, StorageError> {
        let sha256 = &mut body.sha256;
        let part = match &mut body.source {
            Source::Stream(chunks) => self.gather(chunks, sha256).await?,
            Source::File(file, whole) => self.read(file, body.bytes..*whole, sha256).await?,
        };
        body.bytes += part.bytes.len() as u64;
        Ok(part)
    }

    async fn read(&self, file: &Arc<File>, left: Range<u64>, sha256: &mut Sha256) -> Result<Part, StorageError> {
        let bytes = (left.end - left.start).min(u64::from(PART)) as u32;
        let (room, mut buffer) = self.take(bytes).await;
        let mut summed = mem::take(sha256);
        let file = Arc::clone(file);
        let read = move || {
            buffer.resize(bytes as usize, 0);
            file.read_exact_at(&mut buffer, left.start)?;
            summed.update(&buffer);
            // The room goes along: given up half-way, this reads on for a while.
            Ok((buffer, summed, room))
        };
        let (buffer, summed, room) = self.disk.run("read the file to be stored", read).await?;
        *sha256 = summed;
        let last = left.start + u64::from(bytes) == left.end;
        Ok(Part { bytes: buffer.freeze(), last, spare: Arc::clone(&self.spare), room })
    }

    /// The memory of a body whose length is known is taken at once, and all that is needed; of another, that of a whole part
    /// as soon as it turns out to be more than small.
    async fn gather(&self, body: &mut Chunks, sha256: &mut Sha256) -> Result<Part, StorageError> {
        let whole = PART as usize;
        let mut room = None;
        let mut buffer = match body.left {
            Some(left) => {
                let (taken, buffer) = self.take(left.min(u64::from(PART)) as u32).await;
                room = taken;
                buffer
            }
            None => BytesMut::with_capacity(SMALL),
        };
        let mut last = true;
        while let Some(mut chunk) = body.next().await? {
            if room.is_none() && buffer.len() + chunk.len() > SMALL {
                let (taken, larger) = self.take(PART).await;
                room = taken;
                let small = mem::replace(&mut buffer, larger);
                buffer.extend_from_slice(&small);
            }
            let fits = chunk.len().min(whole - buffer.len());
            let piece = chunk.split_to(fits);
            sha256.update(&piece);
            buffer.extend_from_slice(&piece);
            body.rest = chunk;
            if buffer.len() == whole {
                // One look ahead, so that no empty part follows.
                last = match body.next().await? {
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

    /// Room for so many bytes, once there is, and a buffer in it. What is taken and what lies spare stay within the room
    /// together.
    async fn take(&self, bytes: u32) -> (Option<OwnedSemaphorePermit>, BytesMut) {
        let whole = bytes > PART / 2;
        let room = if whole { PART } else { bytes };
        // It is never closed.
        let room = Arc::clone(&self.room).acquire_many_owned(room).await.ok();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let used = if whole { spare.pop() } else { None };
        let buffer = used.unwrap_or_else(|| {
            spare.truncate(self.room.available_permits() / PART as usize);
            BytesMut::with_capacity(if whole { PART } else { bytes } as usize)
        });
        (room, buffer)
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
        lengths_of(parts, Body::new(stream)).await
    }

    async fn lengths_of(parts: &Parts, mut body: Body) -> Vec<usize> {
        let (mut lengths, mut position) = (Vec::new(), 0);
        loop {
            let part = parts.next(&mut body).await.unwrap();
            assert!(part.bytes().iter().enumerate().all(|(at, byte)| *byte == ((position + at) % 251) as u8));
            position += part.bytes().len();
            lengths.push(part.bytes().len());
            if part.last {
                let whole: Vec<u8> = (0..position).map(|at| (at % 251) as u8).collect();
                assert_eq!(body.stored().sha256, hex(&Sha256::digest(&whole)));
                assert_eq!(body.stored().bytes, position as u64);
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
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&file, (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>()).unwrap();
            let body = parts.file(file.path()).await.unwrap();
            assert_eq!(lengths_of(&parts, body).await, expected, "{length} in a file");
        }
    }

    /// Bytes of all buffers that there are, spare or in a part.
    fn held(parts: &Parts, taken: &mut [Part]) -> usize {
        let capacity = |part: &mut Part| {
            let buffer = mem::take(&mut part.bytes).try_into_mut().unwrap();
            let capacity = buffer.capacity();
            part.bytes = buffer.freeze();
            capacity
        };
        let spare: usize = parts.spare.lock().unwrap().iter().map(BytesMut::capacity).sum();
        spare + taken.iter_mut().map(capacity).sum::<usize>()
    }

    #[tokio::test]
    async fn what_lies_spare_is_given_up_for_what_is_wanted_otherwise() {
        let parts = Parts::new(2 * PART);
        for length in [PART, PART, PART - 1, 3, PART / 2, 1, PART / 3] {
            let length = length as usize;
            let mut taken = Vec::new();
            for _ in 0..2 {
                let mut body = Body::new(unknown(length, 65_536).of_length(length as u64));
                taken.push(parts.next(&mut body).await.unwrap());
                assert!(held(&parts, &mut taken) <= 2 * PART as usize, "{length}");
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
