//! Work on the file system: off the async threads, few at a time, and durable in the right order.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::DirBuilderExt,
    path::Path,
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::Semaphore;

use crate::{StorageError, Stored};

/// How much is gathered before one write, and read at a time: worth a thread's while, and little enough for a hundred bodies
/// at once.
pub(crate) const BLOCK: usize = 64 * 1024;

/// How many threads may wait for one disk at a time. A file system writes its journal once for all that wait for it, so that 64
/// files are synced in the time of one or two.
const THREADS: usize = 64;

/// The right to keep a disk busy; clones share one.
#[derive(Clone, Debug)]
pub(crate) struct Disk(Arc<Semaphore>);

impl Disk {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(THREADS)))
    }

    /// Runs file-system work with few enough at a time that a slow disk cannot use up the pool of threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .unwrap_or_else(|stopped| Err(io::Error::other(stopped)))
        .map_err(StorageError::io(doing))
    }
}

/// Moves as much of `chunk` into `block` as fits; true when the block is full.
pub(crate) fn fill(block: &mut BytesMut, chunk: &mut Bytes) -> bool {
    let fits = chunk.len().min(BLOCK - block.len());
    block.extend_from_slice(&chunk.split_to(fits));
    block.len() == BLOCK
}

/// A file on its way in; dropped before it is finished, it leaves nothing.
pub(crate) struct Upload {
    pub(crate) file: NamedTempFile,
    sha256: Sha256,
    bytes: u64,
}

impl Upload {
    pub(crate) fn begin(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: NamedTempFile::new_in(folder)?, sha256: Sha256::new(), bytes: 0 })
    }

    /// Writes a block and gives it back empty, so that one does for a whole body.
    pub(crate) fn write(mut self, mut block: BytesMut) -> io::Result<(Self, BytesMut)> {
        self.file.write_all(&block)?;
        self.sha256.update(&block);
        self.bytes += block.len() as u64;
        block.clear();
        Ok((self, block))
    }

    pub(crate) fn finish(self) -> (NamedTempFile, Stored) {
        (self.file, Stored { bytes: self.bytes, sha256: hex(&self.sha256.finalize()) })
    }
}

/// Measures what lies in a file.
pub(crate) fn measure(mut file: &File) -> io::Result<Stored> {
    let (mut sha256, mut bytes, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(Stored { bytes, sha256: hex(&sha256.finalize()) });
        }
        sha256.update(&block[..read]);
        bytes += read as u64;
    }
}

/// Makes a folder that only we can look into, and its name durable.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Bytes that are free for us on the disk below a folder.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Removes the files of a folder that were last written more than `age` ago: what a crash left behind.
pub(crate) fn remove_older(folder: &Path, age: std::time::Duration) -> io::Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let modified = entry.metadata().and_then(|data| data.modified());
        let old = modified.ok().and_then(|modified| modified.elapsed().ok()).is_some_and(|elapsed| elapsed > age);
        if old && fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
