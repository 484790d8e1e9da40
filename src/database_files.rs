//! The files of a SQLite database, watched: one that vanishes or is replaced takes what is written from then on with it.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Device and inode: which file it is, whatever it is called.
type Identity = (u64, u64);

/// The files of the database, as they were when it was opened.
#[derive(Debug)]
pub(crate) struct DatabaseFiles {
    file: PathBuf,
    opened: Identity,
    /// SQLite makes the log when it first writes, and keeps it while anybody has the database open.
    log: Mutex<Option<Identity>>,
}

impl DatabaseFiles {
    /// Those of an open database; they are made readable for this user alone.
    pub(crate) fn of(file: &Path) -> io::Result<Self> {
        for file in [file.to_owned(), beside(file, "-wal"), beside(file, "-shm")] {
            match fs::set_permissions(&file, fs::Permissions::from_mode(0o600)) {
                // Somebody else's file is for them to close.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {}
                result => result?,
            }
        }
        Ok(Self { file: file.to_owned(), opened: identity(file)?, log: Mutex::default() })
    }

    /// Checks that they are still those that were opened.
    ///
    /// # Errors
    /// What happened to them, and what to do.
    pub(crate) fn check(&self) -> io::Result<()> {
        let lost = |what: &str| {
            Err(io::Error::other(format!(
                "the database's file {} {what} while it was in use: what is written now is lost with it; stop every process \
                 that uses it, put back the file or restore a backup, and start again",
                self.file.display()
            )))
        };
        match identity(&self.file) {
            Ok(found) if found == self.opened => {}
            Ok(_) => return lost("was replaced"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return lost("vanished"),
            // A disk that does not answer is no lost file.
            Err(_) => return Ok(()),
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        match (identity(&beside(&self.file, "-wal")), *log) {
            (Ok(found), None) => *log = Some(found),
            (Ok(found), Some(known)) if found != known => return lost("lost its log, which was replaced"),
            (Err(error), Some(_)) if error.kind() == io::ErrorKind::NotFound => {
                return lost("lost its log, which vanished");
            }
            _ => {}
        }
        Ok(())
    }
}

fn identity(file: &Path) -> io::Result<Identity> {
    fs::metadata(file).map(|data| (data.dev(), data.ino()))
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, PathBuf, DatabaseFiles) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("voicemill.db");
        for ending in ["", "-wal", "-shm"] {
            fs::write(beside(&file, ending), "pages").unwrap();
        }
        let files = DatabaseFiles::of(&file).unwrap();
        files.check().unwrap();
        (folder, file, files)
    }

    #[test]
    fn only_this_user_may_read_them() {
        let (_folder, file, _) = opened();
        for ending in ["", "-wal", "-shm"] {
            let mode = fs::metadata(beside(&file, ending)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{ending}");
        }
    }

    #[test]
    fn one_that_vanishes_is_noticed() {
        for ending in ["", "-wal"] {
            let (_folder, file, files) = opened();
            fs::remove_file(beside(&file, ending)).unwrap();
            assert!(files.check().unwrap_err().to_string().contains("vanished"), "{ending}");
        }
    }

    #[test]
    fn one_that_is_replaced_is_noticed() {
        for ending in ["", "-wal"] {
            let (folder, file, files) = opened();
            let other = folder.path().join("other");
            fs::write(&other, "pages").unwrap();
            fs::rename(&other, beside(&file, ending)).unwrap();
            assert!(files.check().unwrap_err().to_string().contains("was replaced"), "{ending}");
        }
    }
}
