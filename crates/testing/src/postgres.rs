//! A PostgreSQL of the tests' own: one server for all of them, started by the first and removed some seconds after the last,
//! however they end; and a database for each.

use std::{
    fs::{self, File},
    os::unix::{fs::MetadataExt, net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

/// How long the server may take to start, on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(90);

/// An empty database; it goes with the value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    socket: PathBuf,
}

impl TestDatabase {
    /// Makes one, and starts the server if it is not running.
    #[expect(clippy::new_without_default, reason = "it starts a server")]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let database = Self { name, socket: server().to_owned() };
        database.psql(&format!("CREATE DATABASE {} TEMPLATE template0", database.name));
        database
    }

    /// Its address, as a configuration has it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/{}?host={}", self.name, self.socket.display())
    }

    fn psql(&self, command: &str) {
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["--quiet", "--no-psqlrc", "--username=postgres", "--dbname=postgres", "--host"]).arg(&self.socket);
        let done = psql.args(["--command", command]).env_clear().output().expect("psql runs");
        assert!(done.status.success() || std::thread::panicking(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.psql(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Where the server's programs are: of the newest version, where Debian puts them.
pub fn programs() -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let version = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.filter(|bin| bin.join("initdb").exists()).max_by_key(version);
    newest.expect("PostgreSQL is not installed: run scripts/setup")
}

/// The folder of the running server's socket. This process counts as one of its users until it ends.
fn server() -> &'static Path {
    static SERVER: OnceLock<(File, PathBuf)> = OnceLock::new();
    let (_lock, folder) = SERVER.get_or_init(|| {
        // Short, because a socket's path is bounded; of this checkout and this user.
        let checkout = fs::metadata(crate::checkout()).expect("the checkout is there").ino();
        let user = rustix::process::getuid().as_raw();
        let place = |what: &str| std::env::temp_dir().join(format!("voicemill-test-{user}-{checkout}.{what}"));
        let folder = place("pg");
        let lock = lock(&place("lock"), FlockOperation::LockShared);
        let _starting = self::lock(&place("lock.start"), FlockOperation::LockExclusive);
        if !is_up(&folder) {
            start(&place("lock"), &folder);
        }
        (lock, folder)
    });
    folder
}

/// Locks a file, and makes it anew where who held it alone has just removed it.
pub fn lock(path: &Path, how: FlockOperation) -> File {
    loop {
        let file = File::options().create(true).append(true).open(path).expect("a lock file can be made");
        flock(&file, how).expect("a file can be locked");
        let number = |metadata: std::io::Result<fs::Metadata>| metadata.map(|metadata| metadata.ino()).ok();
        if number(file.metadata()) == number(fs::metadata(path)) {
            return file;
        }
    }
}

fn is_up(folder: &Path) -> bool {
    let mut keeper = folder.as_os_str().to_owned();
    keeper.push(".keeper");
    let looked_after = File::options()
        .write(true)
        .open(keeper)
        .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_err());
    looked_after && folder.join("ready").exists() && UnixStream::connect(folder.join(".s.PGSQL.5432")).is_ok()
}

/// Starts a server in `folder`, which lives as long as anybody holds `lock`.
#[expect(clippy::zombie_processes, reason = "the keeper looks after the server beyond the end of this process")]
pub fn start(lock: &Path, folder: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/postgres-cluster");
    let mut keeper = Command::new(script);
    keeper.arg(programs()).arg(lock).arg(folder).process_group(0);
    keeper.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut keeper = keeper.spawn().expect("the script that keeps the server runs");
    let begun = Instant::now();
    while !is_up(folder) {
        let failed = folder.join("failed").exists() || begun.elapsed() > TIMEOUT;
        let ended = keeper.try_wait().expect("the script can be waited for").is_some();
        assert!(!failed && !ended, "{}", fs::read_to_string(folder.join("start.log")).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    }
}
