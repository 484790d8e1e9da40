//! A folder that one process alone uses; what killed processes left is removed at the next start.

use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use uuid::Uuid;

/// Without a lock file, a folder is removed when nothing was added to it for so long.
const STALE: Duration = Duration::from_secs(86_400);

/// The ending of the file beside a folder that its process holds locked as long as it lives.
const LOCK: &str = "lock";

/// A folder that this process alone uses.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// Makes a folder in `parent`, and removes those of processes that are no more.
    ///
    /// # Errors
    /// When neither folder nor lock file can be made.
    pub fn open(parent: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        let lock = loop {
            let path = parent.join(Uuid::now_v7().to_string()).with_extension(LOCK);
            let lock = File::options().write(true).create_new(true).open(&path)?;
            lock.lock()?;
            // Between making and locking it, another process may have taken it for one that was left behind.
            if fs::metadata(&path).is_ok_and(|found| lock.metadata().is_ok_and(|own| own.ino() == found.ino())) {
                break Self { folder: path.with_extension(""), _lock: lock };
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
        let (living, killed) = (Scratch::open(parent.path()).unwrap(), Scratch::open(parent.path()).unwrap());
        for scratch in [&living, &killed] {
            fs::write(scratch.path().join("original"), "RIFF").unwrap();
            assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o077, 0, "only we may look");
        }
        let left = killed.path().to_owned();
        // The system lets go of a killed process's locks.
        drop(killed);
        let next = Scratch::open(parent.path()).unwrap();
        assert!(!left.exists());
        assert!(living.path().join("original").exists() && next.path().exists());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 4, "two folders and two locks");
    }
}
