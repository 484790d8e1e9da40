//! Files that the system has in memory are opened and read right where they are asked for: a thread's turn costs more than
//! the reading. Nothing here ever waits for a disk; where it would have to, the answer is none, and a thread is asked.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::{Errno, ReadWriteFlags, preadv2},
};

/// Most bytes of a large block. A socket that is given less than the client's window at a time waits for acknowledgements,
/// which clients delay by 40 ms.
const LARGE: usize = 256 * 1024;
/// Most large blocks that are on their way at once, 32 MiB: who takes an answer slowly keeps one.
const MOST_LARGE: usize = 128;
/// Most of them that are kept for the next.
const MOST_SPARE: usize = 8;
/// Most bytes of any other block.
const SMALL: usize = 64 * 1024;

/// Opens a file whose name is in memory; none where the disk has to be asked, or the system cannot tell.
pub(crate) fn open(path: &Path) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok().map(File::from)
}

/// Memory to read into, most of it used again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks(Arc<Pool>);

#[derive(Debug, Default)]
struct Pool {
    large: AtomicUsize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Blocks {
    /// Reads of what is left as much as is in memory, up to a block, and returns it with the rest; none where the disk has to
    /// be asked.
    ///
    /// # Errors
    /// When the file ends before what is left does.
    pub(crate) fn read(&self, file: &File, left: &Range<u64>) -> io::Result<Option<(Bytes, Range<u64>)>> {
        let length = usize::try_from(left.end - left.start).unwrap_or(usize::MAX);
        let large = if length > SMALL { self.large() } else { None };
        let (read, bytes) = match large {
            Some(mut block) => {
                let length = length.min(LARGE);
                let read = read_cached(file, &mut block.bytes[..length], left.start)?;
                (read, read.map(|read| Bytes::from_owner(block).slice(..read)))
            }
            None => {
                let mut block = vec![0; length.min(SMALL)];
                let read = read_cached(file, &mut block, left.start)?;
                block.truncate(read.unwrap_or(0));
                (read, Some(block.into()))
            }
        };
        let Some(read) = read else { return Ok(None) };
        Ok(bytes.map(|bytes| (bytes, left.start + read as u64..left.end)))
    }

    fn large(&self) -> Option<Large> {
        let claim = |taken| (taken < MOST_LARGE).then_some(taken + 1);
        self.0.large.fetch_update(Ordering::AcqRel, Ordering::Acquire, claim).ok()?;
        let spare = self.0.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Some(Large { bytes: spare.unwrap_or_else(|| vec![0; LARGE]), pool: Arc::clone(&self.0) })
    }
}

/// A large block; its memory goes back when the last of it has been sent.
struct Large {
    bytes: Vec<u8>,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        let mut spare = self.pool.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < MOST_SPARE {
            spare.push(std::mem::take(&mut self.bytes));
        }
        drop(spare);
        self.pool.large.fetch_sub(1, Ordering::AcqRel);
    }
}

/// How much of the file is read into the block, at least a byte; none where that is not in memory.
fn read_cached(file: &File, block: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    match preadv2(file, &mut [IoSliceMut::new(block)], at, ReadWriteFlags::NOWAIT) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(read) => Ok(Some(read)),
        // Not in memory, or a file system that cannot tell.
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> (tempfile::TempDir, Vec<u8>, Option<File>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..700_000_u32).map(|at| (at / 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert!(open(&folder.path().join("no such file")).is_none());
        let file = open(&path);
        (folder, bytes, file)
    }

    #[test]
    fn what_was_just_written_is_read_without_a_disk() {
        let (_folder, bytes, file) = written();
        // A system that knows neither call is served by threads.
        let Some(file) = file else { return };
        let blocks = Blocks::default();
        for _ in 0..3 {
            let (mut left, mut all) = (10..700_000, Vec::new());
            while !left.is_empty() {
                let Some((block, rest)) = blocks.read(&file, &left).unwrap() else { return };
                assert!(!block.is_empty() && block.len() <= LARGE);
                all.extend_from_slice(&block);
                left = rest;
            }
            assert!(all == bytes[10..], "block after block");
        }
        let beyond = blocks.read(&file, &(700_000..700_001));
        assert_eq!(beyond.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn large_blocks_are_few_and_used_again() {
        let (_folder, bytes, Some(file)) = written() else { return };
        let blocks = Blocks::default();
        let read = || blocks.read(&file, &(0..700_000)).unwrap().map(|(block, _)| block);
        let held: Vec<_> = (0..MOST_LARGE).filter_map(|_| read()).collect();
        let Some(next) = read() else { return };
        assert_eq!(next.len(), SMALL, "nobody waits for a large one");
        assert!(held.iter().chain([&next]).all(|block| block[..] == bytes[..block.len()]));
        drop(held);
        assert_eq!(blocks.0.large.load(Ordering::Acquire), 0);
        assert_eq!(blocks.0.spare.lock().unwrap().len(), MOST_SPARE);
        assert!(read().is_some_and(|block| block.len() > SMALL));
    }
}
