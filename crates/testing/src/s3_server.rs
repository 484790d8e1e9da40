//! A real S3-compatible server, s3s-fs, in a process of its own, so that it can be killed and restarted.
//!
//! The process is the program that uses it, run again with an environment that says where to serve what.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use voicemill_storage::s3::S3Config;

/// The bucket that it has.
pub const BUCKET: &str = "voicemail";
/// Whom it lets in.
pub const ACCESS_KEY: &str = "the-access-key";
/// With which secret.
pub const SECRET_KEY: &str = "the-secret-key";

const FOLDER: &str = "S3_SERVER_FOLDER";
const PORT: &str = "S3_SERVER_PORT";

/// The running server; killed when dropped.
pub struct S3Server {
    again: Vec<&'static str>,
    folder: tempfile::TempDir,
    port: u16,
    process: Option<Child>,
}

impl S3Server {
    /// Starts a server with an empty bucket; `again` are the arguments with which this program calls [`serve_if_asked`].
    pub fn start(again: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let port = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let mut server = Self { again: again.to_vec(), folder, port, process: None };
        server.restart();
        server
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Starts it again where it was, on what it had.
    pub fn restart(&mut self) {
        self.kill();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(&self.again)
            .env(FOLDER, self.folder.path())
            .env(PORT, self.port.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where it keeps the bucket.
    pub fn bucket_folder(&self) -> std::path::PathBuf {
        self.folder.path().join(BUCKET)
    }

    /// Files of uploads that were begun and neither completed nor aborted.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload")).collect()
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What a store needs to know of it.
    pub fn config(&self) -> S3Config {
        S3Config {
            region: Some("us-east-1".to_owned()),
            endpoint: Some(self.endpoint()),
            path_style: true,
            access_key_id: Some(ACCESS_KEY.to_owned()),
            secret_access_key: Some(SECRET_KEY.into()),
            ..S3Config::new(BUCKET)
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves until killed, if the environment asks for it; call it where `again` leads.
pub fn serve_if_asked() {
    let (Some(folder), Some(port)) = (std::env::var_os(FOLDER), std::env::var_os(PORT)) else { return };
    let port: u16 = port.to_str().unwrap().parse().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(serve(Path::new(&folder), port));
}

async fn serve(folder: &Path, port: u16) {
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.unwrap();
    let parent = std::os::unix::process::parent_id();
    // A test that was killed leaves no server behind.
    tokio::spawn(async move {
        while std::os::unix::process::parent_id() == parent {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        std::process::exit(0);
    });
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        // As servers of buckets do; or small answers would wait for acknowledgements.
        drop(socket.set_nodelay(true));
        let service = service.clone();
        tokio::spawn(async move {
            // A connection that breaks is the client's affair.
            drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await);
        });
    }
}
