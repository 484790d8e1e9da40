//! A PostgreSQL that one test has to itself, to stop and start as it likes.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Stdio},
};

use rustix::fs::FlockOperation;

use crate::postgres;

/// A server; it goes some seconds after the value.
pub struct PrivateServer {
    _lock: File,
    folder: PathBuf,
    _place: tempfile::TempDir,
}

impl PrivateServer {
    /// Starts one with an empty database.
    pub fn start_new() -> Self {
        let place = tempfile::Builder::new().prefix("voicemill-pg").tempdir().unwrap();
        // The server may be another user's.
        fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let (lock, folder) = (place.path().join("lock"), place.path().join("pg"));
        let held = postgres::lock(&lock, FlockOperation::LockShared);
        postgres::start(&lock, &folder);
        Self { _lock: held, folder, _place: place }
    }

    /// Its address, as a configuration has it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    /// Ends it as a crash would: nobody is told, and it has to recover.
    pub fn crash(&self) {
        assert!(self.control(&["stop", "-m", "immediate"]), "the server does not stop");
    }

    /// Starts it where it was stopped or crashed.
    pub fn start_again(&self) {
        assert!(self.control(&["start", "-t", "60"]), "the server does not start");
    }

    fn control(&self, arguments: &[&str]) -> bool {
        let data = self.folder.join("data");
        let owner = fs::metadata(&data).unwrap();
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("setpriv");
            command.arg(format!("--reuid={}", owner.uid())).arg(format!("--regid={}", owner.gid()));
            command.arg("--clear-groups").arg(postgres::programs().join("pg_ctl"));
            command
        } else {
            Command::new(postgres::programs().join("pg_ctl"))
        };
        command.current_dir(&self.folder).arg("-D").arg(&data).arg("-l").arg(self.folder.join("server.log")).arg("-w");
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // Its folder is about to go.
        self.control(&["stop", "-m", "immediate"]);
    }
}
