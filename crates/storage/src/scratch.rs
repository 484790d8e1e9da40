//! A folder that one process alone uses; what killed processes left is removed at the next start.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use uuid::Uuid;

use crate::error::StorageError;

/// Without a lock file, a folder is removed when nothing was added to it for so long.
const STALE: Duration = Duration::from_secs(86_400);

/// The ending of the file beside a folder that its process holds locked as long as it lives.
const LOCK: &str = "lock";

/// How often the free space is looked at: a decoder writes some hundred megabytes meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A folder that this process alone uses.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    /// What is to be left free on its disk.
    min_free_bytes: u64,
    _lock: File,
}

impl Scratch {
    /// Makes a folder in `parent`, and removes those of processes that are no more.
    ///
    /// # Errors
    /// When neither folder nor lock file can be made.
    pub fn open(parent: &Path, min_free_bytes: u64) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let lock = loop {
            let path = parent.join(Uuid::now_v7().to_string()).with_extension(LOCK);
            let lock = File::options().write(true).create_new(true).open(&path)?;
            lock.lock()?;
            // Between making and locking it, another process may have taken it for one that was left behind.
            if fs::metadata(&path).is_ok_and(|found| lock.metadata().is_ok_and(|own| own.ino() == found.ino())) {
                break Self { folder: path.with_extension(""), min_free_bytes, _lock: lock };
            }
        };
        fs::DirBuilder::new().mode(0o700).create(&lock.folder)?;
        remove_leftovers(parent);
        Ok(lock)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Does work that writes here, and gives it up when less is left free on the disk than is to be kept: then there is
    /// still room for what cores drop, and the work is tried again later.
    ///
    /// # Errors
    /// [`StorageError::Full`]; the work is dropped then, or never begun.
    pub async fn while_there_is_room<T>(&self, work: impl Future<Output = T>) -> Result<T, StorageError> {
        let full = async {
            loop {
                // A disk that cannot be asked is no reason to stop.
                if self.free_bytes().is_ok_and(|free| free < self.min_free_bytes) {
                    return StorageError::Full;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            biased;
            full = full => Err(full),
            done = work => Ok(done),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// Removes the folders of processes that are no more. What cannot be removed now is tried again at the next start.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == LOCK) {
            let Ok(lock) = File::options().write(true).open(&path) else { continue };
            if matches!(lock.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_))) {
                continue;
            }
            // The folder first: without its lock file it would be kept for a day.
            if fs::remove_dir_all(path.with_extension("")).is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
                continue;
            }
            drop(fs::remove_file(&path));
        } else if !path.with_extension(LOCK).exists() && is_stale(&entry) {
            drop(fs::remove_dir_all(&path));
        }
    }
}

fn is_stale(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|data| data.modified());
    modified.ok().and_then(|modified| modified.elapsed().ok()).is_some_and(|age| age > STALE)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_process_left_is_removed_when_the_next_starts_and_nothing_of_the_living() {
        let parent = tempfile::tempdir().unwrap();
        let (living, killed) = (Scratch::open(parent.path(), 0).unwrap(), Scratch::open(parent.path(), 0).unwrap());
        for scratch in [&living, &killed] {
            fs::write(scratch.path().join("original"), "RIFF").unwrap();
            assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o077, 0, "only we may look");
        }
        let left = killed.path().to_owned();
        // The system lets go of a killed process's locks.
        drop(killed);
        let next = Scratch::open(parent.path(), 0).unwrap();
        assert!(!left.exists());
        assert!(living.path().join("original").exists() && next.path().exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 4, "two folders and two locks");
    }
    #[tokio::test]
    async fn attack_6_work_that_leaves_too_little_of_the_disk_is_given_up_and_tried_again() {
        let parent = tempfile::tempdir().unwrap();
        let free = Scratch::open(parent.path(), 0).unwrap().free_bytes().unwrap();
        let scratch = Scratch::open(parent.path(), free.saturating_sub(8 << 20)).unwrap();
        let file = scratch.path().join("working-copy");
        let endless = async {
            let mut written: u64 = 0;
            // Bounded here, so that a test that fails fills nothing.
            while written < 512 << 20 {
                written += 1 << 20;
                File::options().create(true).append(true).open(&file).unwrap();
                rustix::fs::fallocate(
                    File::options().write(true).open(&file).unwrap(),
                    rustix::fs::FallocateFlags::empty(),
                    0,
                    written,
                )
                .unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let given_up = scratch.while_there_is_room(endless).await;
        assert!(matches!(given_up, Err(error @ StorageError::Full) if error.is_transient()));
        assert!(fs::metadata(&file).unwrap().len() < 512 << 20);
        let full = Scratch::open(parent.path(), u64::MAX).unwrap();
        let never = full.while_there_is_room(async { panic!("it was begun") }).await;
        assert!(matches!(never, Err::<(), _>(StorageError::Full)));
    }
}
