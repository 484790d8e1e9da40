//! Servers in Python that print what happens, and their environment.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// How long a line may be waited for.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server in `tests/support`, ended with the test.
pub struct Script {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    /// Where it listens; the first thing it prints.
    pub port: u16,
}

impl Script {
    /// Starts the script of that name with those arguments.
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let root = crate::checkout();
        let mut child = Command::new(python())
            .arg(root.join("tests/support").join(name))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let input = child.stdin.take().expect("its input is piped");
        let output = child.stdout.take().expect("its output is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let mut started = Self { child, input, lines, port: 0 };
        started.port = started.line().parse().expect("it prints its port first");
        started
    }

    /// The next line that it prints.
    pub fn line(&mut self) -> String {
        self.lines.recv_timeout(TIMEOUT).expect("it prints a line in time")
    }

    /// The next line that begins with `word`; those before it are passed over.
    pub fn line_of(&mut self, word: &str) -> String {
        loop {
            let line = self.line();
            if line.starts_with(word) {
                return line;
            }
        }
    }

    /// Every line that is there now.
    pub fn lines_so_far(&mut self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Tells it something.
    pub fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Python with the packages of the tests.
pub fn python() -> std::path::PathBuf {
    let python = crate::checkout().join("target/testenv/bin/python");
    assert!(python.exists(), "this test needs the packages that `make test` installs into target/testenv");
    python
}
