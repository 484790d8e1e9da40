//! Runs the pipeline in a process of its own, so that a panic, an endless loop or a memory bomb ends one job.
//!
//! The parent starts the same binary again, writes the request as a line of JSON to its standard input and reads the answer
//! as JSON from its standard output. The child sees no environment and may use only so much memory, time and disk; when its
//! input ends, whoever started it is gone, and so is it.

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::format::AudioError;
use super::pipeline;
use super::spec::{RenderReport, RenderSpec};

/// The argument that makes the binary a child; see [`child_main`].
pub const CHILD_ARGUMENT: &str = "render-child";

/// An answer larger than this is not one.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024;

/// Addresses that a child may reserve without using them, in bytes.
const RESERVED_BYTES: u64 = 1 << 30;

/// What the thread has that waits for the parent's end, in bytes.
const WATCH_STACK_BYTES: usize = 64 * 1024;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Misbehave {
    Panic,
    Loop,
    Allocate,
    Abort,
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
    Unsupported(String),
    Empty(String),
    Malformed(String),
    Limit(String),
    Io { context: String, reason: String, errno: Option<i32> },
}

impl From<Result<RenderReport, AudioError>> for Answer {
    fn from(result: Result<RenderReport, AudioError>) -> Self {
        match result {
            Ok(report) => Self::Report(Box::new(report)),
            Err(AudioError::Unsupported(sentence)) => Self::Unsupported(sentence),
            Err(AudioError::Empty(sentence)) => Self::Empty(sentence),
            Err(AudioError::Malformed(sentence)) => Self::Malformed(sentence),
            Err(AudioError::Limit(sentence)) => Self::Limit(sentence),
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
            Answer::Unsupported(sentence) => AudioError::Unsupported(sentence),
            Answer::Empty(sentence) => AudioError::Empty(sentence),
            Answer::Malformed(sentence) => AudioError::Malformed(sentence),
            Answer::Limit(sentence) => AudioError::Limit(sentence),
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
            misbehave: self.misbehave,
        };
        let result = match tokio::time::timeout(deadline, self.run(&request)).await {
            Ok(result) => result,
            Err(_) => Err(AudioError::Limit(format!(
                "Converting the file took longer than {} seconds and was stopped. Send a shorter or simpler file.",
                deadline.as_secs()
            ))),
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
fn explain(status: std::process::ExitStatus, complaint: &str) -> AudioError {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal().and_then(rustix::process::Signal::from_named_raw);
    // The allocator's last words come before the abort.
    if complaint.contains("memory allocation of") || complaint.contains("Cannot allocate memory") {
        return AudioError::Limit(
            "Converting the file needs more memory than is allowed. Export it again, or send WAV.".into(),
        );
    }
    match signal {
        Some(rustix::process::Signal::XCPU | rustix::process::Signal::KILL) => AudioError::Limit(
            "Converting the file took too much time and was stopped. Send a shorter or simpler file.".into(),
        ),
        Some(rustix::process::Signal::XFSZ) => AudioError::Limit(
            "Converting the file would take more disk space than is allowed. Send a shorter file.".into(),
        ),
        _ => damaged(&format!("{status}")),
    }
}

fn damaged(detail: &str) -> AudioError {
    AudioError::Malformed(format!(
        "The file is damaged in a way that stopped the converter ({detail}). Export it again, or send WAV."
    ))
}

/// The child's whole life: one request in, one answer out.
///
/// Must run before any thread or runtime is started, because limits only bind what comes after.
pub fn child_main() -> ExitCode {
    let mut request = Vec::new();
    let read = std::io::stdin().lock().read_until(b'\n', &mut request);
    let read = read.and_then(|_| Ok(serde_json::from_slice(&request)?));
    let answer: Answer = match read {
        Ok(request) => serve(&request).into(),
        Err(error) => Err(AudioError::io("Reading the request failed")(error)).into(),
    };
    let written = serde_json::to_vec(&answer).map_err(std::io::Error::from).and_then(|bytes| {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&bytes)?;
        stdout.flush()
    });
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(request: &Request) -> Result<RenderReport, AudioError> {
    confine(&request.limits, request.cpu_seconds).map_err(AudioError::io("Limiting the converter failed"))?;
    std::thread::Builder::new()
        .stack_size(WATCH_STACK_BYTES)
        .spawn(end_with_the_parent)
        .map_err(AudioError::io("Watching over the converter failed"))?;
    let first_panic = std::sync::Arc::new(OnceLock::new());
    let seen = first_panic.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or_else(String::new, |at| format!("{}:{}", place(at.file()), at.line()));
        let _ = seen.set(format!("{place}: {}", panic.payload_as_str().unwrap_or("panic")));
    }));
    std::panic::catch_unwind(|| {
        #[cfg(debug_assertions)]
        misbehave(request.misbehave);
        pipeline::render(&request.spec)
    })
    .unwrap_or_else(|_| Err(damaged(first_panic.get().map_or("panic", String::as_str))))
}

/// Ends the process once its input has ended.
fn end_with_the_parent() {
    let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    // Nobody is left to clean up for, and threads that still work would meet what an orderly exit destroys.
    std::process::abort();
}

/// A source file without the folders of the machine that it was built on: `symphonia-core-0.6.1/src/io/mod.rs`.
fn place(file: &str) -> &str {
    let start = file.rfind("/src/").map_or(0, |src| file[..src].rfind('/').map_or(0, |slash| slash + 1));
    &file[start..]
}

fn confine(limits: &ChildLimits, cpu_seconds: u64) -> std::io::Result<()> {
    let bounds = [
        (Resource::Data, limits.memory_bytes),
        // The allocator reserves far more addresses than it uses, 64 MB a thread; this only bounds what else may be mapped.
        (Resource::As, limits.memory_bytes.saturating_add(RESERVED_BYTES)),
        (Resource::Cpu, cpu_seconds),
        (Resource::Core, 0),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.open_files),
    ];
    for (resource, bound) in bounds {
        setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    Ok(())
}

#[cfg(debug_assertions)]
fn misbehave(how: Option<Misbehave>) {
    match how {
        None => {}
        Some(Misbehave::Panic) => panic!("provoked"),
        Some(Misbehave::Loop) => loop {
            std::hint::spin_loop();
        },
        Some(Misbehave::Allocate) => {
            let hoard: Vec<Vec<u8>> = (0..).map_while(|n| (n < 1 << 20).then(|| vec![1; 1 << 20])).collect();
            std::hint::black_box(hoard);
        }
        Some(Misbehave::Abort) => std::process::abort(),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_names_the_package_and_no_folder_of_the_builder() {
        assert_eq!(
            place("/somewhere/registry/index/symphonia-core-0.6.1/src/io/mod.rs"),
            "symphonia-core-0.6.1/src/io/mod.rs"
        );
        assert_eq!(place("src/audio/g722.rs"), "src/audio/g722.rs");
        assert_eq!(place("/rustc/0123/library/core/src/slice/mod.rs"), "core/src/slice/mod.rs");
    }
}
