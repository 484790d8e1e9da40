//! Runs the pipeline in a process of its own, so that a panic, an endless loop or a memory bomb ends one job, and so that a
//! decoder that is taken over reaches nothing but the file that it was to decode.
//!
//! The parent starts the same binary again, writes the request as a line of JSON to its standard input and reads the answer
//! as JSON from its standard output. The child sees no environment, may use only so much memory, time and disk, and can open
//! nothing but its own files ([`Confinement`]). It has a process group of its own and does not heed what stops a whole
//! service: its parent may still wait for it. When its input ends, whoever started it is gone, and so is it. (The kernel's
//! signal for that would come when the thread ends that started it, which need not be the end of the process.)

mod child;
mod confinement;

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub use self::child::child_main;
pub use self::confinement::{Confinement, Held};
use crate::format::{AudioError, Fault};
use crate::spec::{RenderReport, RenderSpec};

/// The argument that makes the binary a child; see [`child_main`].
pub const CHILD_ARGUMENT: &str = "render-child";

/// An answer larger than this is not one.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// What one rendering may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildLimits {
    /// Memory it may write to, heap and stacks together, in bytes.
    pub memory_bytes: u64,
    /// The largest file it may write, working copies included, in bytes.
    pub file_bytes: u64,
    /// Files it may have open.
    pub open_files: u64,
}

impl Default for ChildLimits {
    fn default() -> Self {
        // 12 hours of stereo at 48 kHz make a working copy of 16 GB; anything real is far below.
        Self { memory_bytes: 512 << 20, file_bytes: 16 << 30, open_files: 64 }
    }
}

/// Faults that only tests ask for, to prove that they stay within one job.
#[doc(hidden)]
#[cfg(debug_assertions)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Misbehave {
    Panic,
    Loop,
    Allocate,
    Abort,
    /// Ends by this signal, as if it came from outside.
    Signal(i32),
    /// Opens a file that is none of its own.
    Read(PathBuf),
    /// Makes a file where none of its outputs is.
    Write(PathBuf),
    /// Connects to a TCP port of this machine.
    Connect(u16),
    /// Connects to a Unix socket.
    ConnectTo(PathBuf),
    /// Starts a program.
    Execute(PathBuf),
    /// Sends a signal to this process.
    SignalTo(i32),
}

/// Starts rendering processes.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// The binary to start, normally this one.
    pub program: PathBuf,
    /// What each rendering may use.
    pub limits: ChildLimits,
    /// A fault to provoke in the child.
    #[doc(hidden)]
    #[cfg(debug_assertions)]
    pub misbehave: Option<Misbehave>,
}

/// What the parent sends.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    spec: RenderSpec,
    limits: ChildLimits,
    cpu_seconds: u64,
    #[cfg(debug_assertions)]
    #[serde(default)]
    misbehave: Option<Misbehave>,
}

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Report(Box<RenderReport>),
    Unsupported(Fault),
    Empty(Fault),
    Malformed(Fault),
    Limit(Fault),
    Interrupted { status: String, complaint: Option<String> },
    Io { context: String, reason: String, errno: Option<i32> },
}

impl From<Result<RenderReport, AudioError>> for Answer {
    fn from(result: Result<RenderReport, AudioError>) -> Self {
        match result {
            Ok(report) => Self::Report(Box::new(report)),
            Err(AudioError::Unsupported(fault)) => Self::Unsupported(fault),
            Err(AudioError::Empty(fault)) => Self::Empty(fault),
            Err(AudioError::Malformed(fault)) => Self::Malformed(fault),
            Err(AudioError::Limit(fault)) => Self::Limit(fault),
            Err(AudioError::Interrupted { status, complaint }) => Self::Interrupted { status, complaint },
            Err(AudioError::Io { context, cause }) => {
                Self::Io { context, reason: cause.to_string(), errno: cause.raw_os_error() }
            }
        }
    }
}

impl From<Answer> for Result<RenderReport, AudioError> {
    fn from(answer: Answer) -> Self {
        Err(match answer {
            Answer::Report(report) => return Ok(*report),
            Answer::Unsupported(fault) => AudioError::Unsupported(fault),
            Answer::Empty(fault) => AudioError::Empty(fault),
            Answer::Malformed(fault) => AudioError::Malformed(fault),
            Answer::Limit(fault) => AudioError::Limit(fault),
            Answer::Interrupted { status, complaint } => AudioError::Interrupted { status, complaint },
            Answer::Io { context, reason, errno } => AudioError::Io {
                context,
                cause: errno.map_or_else(|| std::io::Error::other(reason), std::io::Error::from_raw_os_error),
            },
        })
    }
}

impl Sandbox {
    /// Renders by starting `program`, within the usual limits.
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            limits: ChildLimits::default(),
            #[cfg(debug_assertions)]
            misbehave: None,
        }
    }

    /// [`pipeline::render`] in a process of its own, which is killed after `deadline` and when this future is dropped.
    ///
    /// # Errors
    /// Those of [`pipeline::render`]; [`AudioError::Limit`] when time, memory or disk ran out; [`AudioError::Malformed`] when
    /// the file made a decoder fail. No output remains after an error.
    pub async fn render(&self, spec: &RenderSpec, deadline: Duration) -> Result<RenderReport, AudioError> {
        let request = Request {
            spec: spec.clone(),
            limits: self.limits,
            // Several threads may use several cores; a process that overstays its deadline is killed anyway.
            cpu_seconds: deadline.as_secs().saturating_add(1).saturating_mul(4),
            #[cfg(debug_assertions)]
            misbehave: self.misbehave.clone(),
        };
        let result = match tokio::time::timeout(deadline, self.run(&request)).await {
            Ok(result) => result,
            Err(_) => Err(AudioError::Limit(Fault::Deadline { seconds: deadline.as_secs() })),
        };
        if result.is_err() {
            for output in &spec.outputs {
                // A child that was killed could not clean up after itself.
                let _ = tokio::fs::remove_file(&output.path).await;
            }
        }
        result
    }

    async fn run(&self, request: &Request) -> Result<RenderReport, AudioError> {
        let context = || AudioError::io("Running the converter failed");
        let mut request = serde_json::to_vec(request).map_err(|error| context()(error.into()))?;
        request.push(b'\n');
        let mut child = tokio::process::Command::new(&self.program)
            .arg(CHILD_ARGUMENT)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(context())?;
        // Its input stays open until it has ended.
        let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (mut answer, mut complaint) = (Vec::new(), Vec::new());
        let send = async {
            if let Some(stdin) = &mut stdin {
                // A child that is already gone explains itself by its status.
                let _ = stdin.write_all(&request).await;
            }
        };
        let receive = async {
            match stdout {
                Some(stdout) => stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await.map(drop),
                None => Ok(()),
            }
        };
        let listen = async {
            match stderr {
                // What goes beyond is read and thrown away, or the child would wait for ever.
                Some(mut stderr) => {
                    let _ = (&mut stderr).take(64 * 1024).read_to_end(&mut complaint).await;
                    tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await.map(drop)
                }
                None => Ok(()),
            }
        };
        let ((), received, listened) = tokio::join!(send, receive, listen);
        received.and(listened).map_err(context())?;
        let status = child.wait().await.map_err(context())?;
        match serde_json::from_slice::<Answer>(&answer) {
            Ok(answer) => answer.into(),
            Err(_) => Err(explain(status, &String::from_utf8_lossy(&complaint))),
        }
    }
}

/// Says why a child ended without an answer.
///
/// Only what a child brings upon itself is the file's fault. A signal from outside (the kernel short of memory, a service
/// being stopped, a person) and a program that did not even start say nothing of the file, and are tried again.
fn explain(status: ExitStatus, complaint: &str) -> AudioError {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::Signal;
    // The allocator's last words come before the abort.
    if complaint.contains("memory allocation of") || complaint.contains("Cannot allocate memory") {
        return AudioError::Limit(Fault::Memory {});
    }
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => AudioError::Limit(Fault::ProcessorTime {}),
        Some(Signal::XFSZ) => AudioError::Limit(Fault::DiskSpace {}),
        Some(Signal::ABORT | Signal::SEGV | Signal::BUS | Signal::ILL | Signal::FPE | Signal::TRAP | Signal::SYS) => {
            damaged(&format!("{status}"))
        }
        _ => AudioError::Interrupted { status: status.to_string(), complaint: first_line(complaint) },
    }
}

fn first_line(complaint: &str) -> Option<String> {
    /// More of it would be no sentence.
    const MAX_CHARACTERS: usize = 200;
    let line = complaint.lines().map(str::trim).find(|line| !line.is_empty())?;
    Some(line.chars().take(MAX_CHARACTERS).collect())
}

fn damaged(detail: &str) -> AudioError {
    AudioError::Malformed(Fault::StoppedConverter { detail: detail.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn a_signal_from_outside_is_tried_again_and_one_of_its_own_is_not() {
        for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGUSR1] {
            let error = explain(ExitStatus::from_raw(signal), "");
            assert!(matches!(error, AudioError::Interrupted { .. }) && error.is_transient(), "{signal}: {error}");
        }
        for signal in [libc::SIGSEGV, libc::SIGABRT, libc::SIGBUS, libc::SIGILL, libc::SIGFPE] {
            let error = explain(ExitStatus::from_raw(signal), "");
            assert!(matches!(error, AudioError::Malformed(_)) && !error.is_transient(), "{signal}: {error}");
        }
        for (signal, word) in [(libc::SIGXCPU, "processor time"), (libc::SIGXFSZ, "disk space")] {
            let error = explain(ExitStatus::from_raw(signal), "");
            assert!(matches!(error, AudioError::Limit(_)) && error.to_string().contains(word), "{signal}: {error}");
        }
        let error = explain(ExitStatus::from_raw(libc::SIGABRT), "memory allocation of 80 bytes failed\n");
        assert!(matches!(&error, AudioError::Limit(Fault::Memory {})), "{error}");
    }

    #[test]
    fn a_program_that_does_not_start_is_no_fault_of_the_file() {
        let status = ExitStatus::from_raw(127 << 8);
        let error = explain(status, "\nerror while loading shared libraries: libmp3lame.so.0\nmore\n");
        assert!(error.is_transient());
        assert!(error.to_string().contains("exit status: 127") && error.to_string().contains("libmp3lame.so.0"));
    }
}
