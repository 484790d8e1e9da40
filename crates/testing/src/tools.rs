//! Programs of Debian packages that `make test` unpacks into `target/testtools`, or that the machine has.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The folder they are unpacked into.
fn unpacked() -> PathBuf {
    crate::checkout().join("target/testtools/root")
}

/// A command for the program, which finds its libraries.
pub fn command(program: &str) -> Command {
    let root = unpacked();
    let folders = ["usr/sbin", "usr/bin", "usr/lib/kannel/test"];
    let mut places = folders.iter().flat_map(|folder| [root.join(folder), Path::new("/").join(folder)]);
    let found = places.find_map(|place| Some(place.join(program)).filter(|path| path.exists()));
    let found =
        found.unwrap_or_else(|| panic!("this test needs {program}, which `make test` unpacks into target/testtools"));
    let mut command = Command::new(found);
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let libraries = [format!("usr/lib/{triplet}"), format!("lib/{triplet}"), "usr/lib/postfix".to_owned()];
    let libraries: Vec<String> = libraries.iter().map(|folder| root.join(folder).display().to_string()).collect();
    command.env("LD_LIBRARY_PATH", libraries.join(":"));
    command
}

/// A program that runs in the background, ended with the test.
pub struct Running(pub Child);

impl Running {
    /// Starts the command, its output unread.
    pub fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens on the port.
pub fn wait_for(port: u16) {
    for _ in 0..300 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("nobody came to listen on port {port}");
}
