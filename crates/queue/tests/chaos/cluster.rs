//! A PostgreSQL of the test's own that can crash and come back, with everything on that a real one has on.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use voicemill_testing::postgres::programs;

pub(crate) struct Cluster {
    folder: TempDir,
    user: Option<(u32, u32)>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        // The server refuses root.
        let user = rustix::process::getuid().is_root().then(|| user("postgres").or_else(|| user("nobody")).unwrap());
        let folder = tempfile::Builder::new().prefix("voicemill-chaos-").tempdir().unwrap();
        if let Some((user, group)) = user {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut cluster = Self { folder, user };
        cluster.run("initdb", &["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]);
        let socket = cluster.folder.path().display();
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{socket}'\nmax_connections = 300\n\
             fsync = on\nsynchronous_commit = on\n"
        );
        let file = cluster.data().join("postgresql.conf");
        let defaults = fs::read_to_string(&file).unwrap();
        fs::write(file, defaults + &settings).unwrap();
        cluster.begin();
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }

    /// Starts the server; returns when it answers.
    pub(crate) fn begin(&mut self) {
        let log = self.folder.path().join("server.log");
        self.run("pg_ctl", &["-s", "-w", "-t", "60", "-l", log.to_str().unwrap(), "start"]);
    }

    /// Stops the server: as a crash would, with its log of changes left to be replayed, or in good order. Says whether it was
    /// a crash; a server that does not end in good order is ended as an operator's service manager would.
    pub(crate) fn end(&mut self, crash: bool) -> bool {
        if !crash && self.try_run("pg_ctl", &["-s", "-w", "-t", "10", "-m", "fast", "stop"]) {
            return false;
        }
        if !crash {
            let log = fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            println!("the server did not end in good order; its last lines, the newest first: {last:#?}");
        }
        self.run("pg_ctl", &["-s", "-w", "-m", "immediate", "stop"]);
        true
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.try_run(program, arguments), "{program} {arguments:?} failed");
    }

    fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        command(self.user, self.folder.path(), program, &self.data()).args(arguments).status().unwrap().success()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = command(self.user, self.folder.path(), "pg_ctl", &self.data());
        // One that is down already cannot be stopped.
        drop(stop.args(["-s", "-w", "-m", "immediate", "stop"]).output());
    }
}

fn command(user: Option<(u32, u32)>, folder: &Path, program: &str, data: &Path) -> Command {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new(programs().join(program));
    command.arg("-D").arg(data).current_dir(folder).env("LC_ALL", "C");
    // What the server says goes to its log, and not to whoever waits for this process's output.
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
    if let Some((user, group)) = user {
        command.uid(user).gid(group);
    }
    command
}

/// The numbers of a user and its group.
fn user(name: &str) -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
