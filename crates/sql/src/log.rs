//! The write-ahead log of a SQLite file, synced for many commits at once.
//!
//! A disk syncs some hundred times a second, however little there is to sync. So a commit here only writes into the log
//! (`synchronous = NORMAL`), gives the one writer back, and then waits for [`Log::sync`], which it shares with all that have
//! committed meanwhile. Whoever waits until it returns has what SQLite's FULL would have given:
//!
//! - The log is a sequence of frames, each with a checksum that goes on from the last. After a power cut SQLite keeps what is
//!   whole from its beginning on, so what is there is always the first so many commits, and a commit whose log was synced
//!   is one of them, with all that it was based on.
//! - SQLite itself syncs the log before it moves any of it into the database's file, syncs that file before it begins the log
//!   anew, and syncs the new beginning. What a sync here comes too late for is in the database's file for good.
//! - What others see of a commit before it is synced may be gone after a power cut, together with whatever they wrote because
//!   of it. Only who tells the world by nothing but having read must sync first.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

/// The log beside a SQLite file; clones share one.
#[derive(Clone, Debug)]
pub struct Log(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// How often a sync was asked for.
    asked: AtomicU64,
    /// Whether a thread is syncing, which goes on until it has synced for all that have asked.
    syncing: AtomicBool,
    synced: watch::Sender<Synced>,
}

#[derive(Debug, Default)]
struct Synced {
    /// The number of the last one who asked before the last sync began.
    up_to: u64,
    /// After a failure the system may take for written what is not, so that no later success can be believed.
    failed: Option<String>,
}

impl Log {
    pub(super) fn beside(file: &Path) -> Self {
        let mut path = file.as_os_str().to_owned();
        path.push("-wal");
        Self::of(path.into())
    }

    fn of(path: PathBuf) -> Self {
        let (asked, syncing) = (AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(Inner { path, asked, syncing, synced: watch::Sender::default() }))
    }

    /// Returns once everything that was committed before the call, by whatever process, would survive a power cut.
    ///
    /// # Errors
    /// When the disk fails; then every later call fails, too, and only a new start shows what is there.
    pub async fn sync(&self) -> sqlx::Result<()> {
        let mut synced = self.0.synced.subscribe();
        let own = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
        // A thread of its own, as nobody may wait for a task that is not polled meanwhile.
        if !self.0.syncing.swap(true, Ordering::SeqCst) {
            let log = Arc::clone(&self.0);
            tokio::task::spawn_blocking(move || log.sync_for_all());
        }
        let synced = synced.wait_for(|synced| synced.failed.is_some() || synced.up_to >= own).await;
        let failed = synced.map_or_else(|gone| Some(gone.to_string()), |synced| synced.failed.clone());
        failed.map_or(Ok(()), |why| {
            let what =
                "the database's log could not be synced, so that nothing more is confirmed; start the service again";
            Err(sqlx::Error::Io(io::Error::other(format!("{what}: {why}"))))
        })
    }
}

impl Inner {
    fn sync_for_all(&self) {
        loop {
            let up_to = self.asked.load(Ordering::SeqCst);
            let failed = sync(&self.path).err().map(|error| error.to_string());
            let ends = failed.is_some();
            self.synced.send_replace(Synced { up_to, failed });
            // It stays failed: nobody begins a sync again.
            if ends {
                return;
            }
            if self.asked.load(Ordering::SeqCst) == up_to {
                self.syncing.store(false, Ordering::SeqCst);
                // Who asked in between may have seen that somebody was syncing.
                if self.asked.load(Ordering::SeqCst) == up_to || self.syncing.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        }
    }
}

/// Syncs the file that has this name now: SQLite makes it anew when nobody has had the database open.
fn sync(path: &Path) -> io::Result<()> {
    match File::open(path) {
        Ok(file) => file.sync_data(),
        // The last who had the database open has brought all of it into the file.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connection, Database, DatabaseUrl};

    #[tokio::test]
    async fn many_at_once_share_a_sync_and_none_is_done_by_one_that_began_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::beside(&folder.path().join("test.db"));
        std::fs::write(folder.path().join("test.db-wal"), "frames").unwrap();
        let all = (0..100).map(|_| {
            tokio::spawn({
                let log = log.clone();
                async move { log.sync().await }
            })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap().unwrap();
        }
        let asked = log.0.asked.load(Ordering::SeqCst);
        assert_eq!((asked, log.0.synced.borrow().up_to), (100, 100));
        log.sync().await.unwrap();
        assert_eq!(log.0.synced.borrow().up_to, 101, "what comes later has a sync of its own");
    }

    #[tokio::test]
    async fn a_commit_returns_after_a_sync_and_a_reader_needs_none() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::connect(&DatabaseUrl::Sqlite(folder.path().join("test.db")), 1).await.unwrap();
        let Database::Sqlite(pools) = &database else { panic!("it is SQLite") };
        let syncs = || pools.log.0.synced.borrow().up_to;
        for round in 1..=3 {
            let mut transaction = database.begin().await.unwrap();
            let Connection::Sqlite(connection) = transaction.connection() else { panic!("it is SQLite") };
            sqlx::query("CREATE TABLE IF NOT EXISTS item (name text)").execute(&mut **connection).await.unwrap();
            transaction.commit().await.unwrap();
            assert_eq!(syncs(), round);
        }
        database.snapshot().await.unwrap().commit().await.unwrap();
        drop(database.begin().await.unwrap());
        assert_eq!(syncs(), 3);
        database.settled().await.unwrap();
        assert_eq!(syncs(), 4);
    }

    #[tokio::test]
    async fn who_waits_and_is_not_polled_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::beside(&folder.path().join("test.db"));
        // As a stream does with what it has begun while its reader waits for something else.
        let mut begun: Vec<_> = (0..3).map(|_| Box::pin(log.sync())).collect();
        for waiting in &mut begun {
            let _ = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx))).await;
        }
        tokio::time::timeout(std::time::Duration::from_secs(20), log.sync()).await.unwrap().unwrap();
        drop(begun);
    }

    #[tokio::test]
    async fn a_log_that_failed_is_never_believed_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::beside(&folder.path().join("test.db"));
        // A name too long is no file that is not there.
        let broken = Log::of("x".repeat(5_000).into());
        assert!(broken.sync().await.is_err());
        assert!(broken.sync().await.unwrap_err().to_string().contains("start the service again"));
        log.sync().await.unwrap();
    }
}
