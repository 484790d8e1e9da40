//! The rendering process: limits, confinement, one request, one answer.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, nice, setrlimit};

#[cfg(debug_assertions)]
use super::Misbehave;
use super::confinement::{confine, leave_stopping_to_the_parent};
use super::{Answer, ChildLimits, Request, damaged};
use crate::format::AudioError;
use crate::pipeline;
use crate::spec::RenderReport;

/// Addresses that a child may reserve without using them, in bytes.
const RESERVED_BYTES: u64 = 1 << 30;

/// The stack of the thread that waits for the parent's end, in bytes.
const WATCH_STACK_BYTES: usize = 64 * 1024;

/// From the signal that tells the end of its processor time to the kill, in seconds: else the two would come as one, and
/// a kill from outside could not be told from it.
const AFTER_CPU_LIMIT_SECONDS: u64 = 5;

/// How far a child stands back where processors are short: what a core or a listener waits for goes before it.
const NICENESS: i32 = 10;

/// The child's whole life: one request in, one answer out.
///
/// Must run before any thread or runtime is started, because bounds only bind what comes after.
pub fn child_main() -> ExitCode {
    leave_stopping_to_the_parent();
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
    limit(&request.limits, request.cpu_seconds).map_err(AudioError::io("Limiting the converter failed"))?;
    let confinement = confine(&request.spec);
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
        misbehave(request.misbehave.as_ref())?;
        let report = pipeline::render(&request.spec)?;
        Ok(RenderReport { confinement: Some(confinement), ..report })
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

fn limit(limits: &ChildLimits, cpu_seconds: u64) -> std::io::Result<()> {
    let bounds = [
        (Resource::Data, limits.memory_bytes),
        // The allocator reserves far more addresses than it uses, 64 MB a thread; this only bounds what else may be mapped.
        (Resource::As, limits.memory_bytes.saturating_add(RESERVED_BYTES)),
        (Resource::Core, 0),
        (Resource::Fsize, limits.file_bytes),
        (Resource::Nofile, limits.open_files),
    ];
    for (resource, bound) in bounds {
        setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    let maximum = Some(cpu_seconds.saturating_add(AFTER_CPU_LIMIT_SECONDS));
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu_seconds), maximum })?;
    nice(NICENESS)?;
    Ok(())
}

/// Does what is asked; an error if it succeeds in what it should not be able to do.
#[cfg(debug_assertions)]
fn misbehave(how: Option<&Misbehave>) -> Result<(), AudioError> {
    let reached = |what: &str| Err(damaged(&format!("the sandbox let it {what}")));
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
        Some(Misbehave::Signal(signal)) => super::confinement::raise(*signal),
        Some(Misbehave::Read(path)) if std::fs::File::open(path).is_ok() => {
            return reached("read another file");
        }
        Some(Misbehave::Write(path)) if std::fs::File::create(path).is_ok() => {
            return reached("make another file");
        }
        Some(Misbehave::Connect(port)) if std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok() => {
            return reached("connect to a port");
        }
        Some(Misbehave::ConnectTo(path)) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return reached("connect to a socket");
        }
        Some(Misbehave::Execute(program)) if std::process::Command::new(program).spawn().is_ok() => {
            return reached("start a program");
        }
        Some(
            Misbehave::Read(_)
            | Misbehave::Write(_)
            | Misbehave::Connect(_)
            | Misbehave::ConnectTo(_)
            | Misbehave::Execute(_),
        ) => {}
        Some(Misbehave::SignalTo(process)) => {
            let process = rustix::process::Pid::from_raw(*process);
            if process.is_some_and(|process| rustix::process::test_kill_process(process).is_ok()) {
                return reached("send its parent a signal");
            }
        }
    }
    Ok(())
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
        assert_eq!(place("src/g722.rs"), "src/g722.rs");
        assert_eq!(place("/rustc/0123/library/core/src/slice/mod.rs"), "core/src/slice/mod.rs");
    }
}
