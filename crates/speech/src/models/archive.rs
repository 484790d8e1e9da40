//! The archives that packages come in: Python's wheels are zip files, Node's packages compressed tar files.

use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::{Path, PathBuf},
};

use flate2::bufread::GzDecoder;
use zip::ZipArchive;

use crate::SpeechError;

/// A downloaded package, opened.
pub(super) enum Archive {
    Zip(ZipArchive<BufReader<File>>),
    /// Read anew for every member, for it can only be read from its beginning.
    TarGz(PathBuf),
}

impl Archive {
    /// Opens the archive at `path`; `label` names it in errors.
    pub(super) fn open(path: PathBuf, label: &str) -> Result<Self, SpeechError> {
        if path.extension().is_some_and(|extension| extension == "tgz") {
            return Ok(Self::TarGz(path));
        }
        let file = File::open(path).map_err(SpeechError::io(format!("opening {label}")))?;
        let archive = ZipArchive::new(BufReader::new(file));
        archive.map(Self::Zip).map_err(|error| SpeechError::Malformed(format!("{label} is not an archive: {error}")))
    }

    /// Copies a member to `output`, if there is one of that name.
    fn extract(&mut self, member: &str, output: &mut dyn Write) -> Result<bool, SpeechError> {
        let unpacking = || SpeechError::io(format!("unpacking {member}"));
        match self {
            Self::Zip(archive) => {
                if archive.index_for_name(member).is_none() {
                    return Ok(false);
                }
                let input = archive.by_name(member);
                let mut input = input.map_err(|error| SpeechError::Malformed(format!("{member}: {error}")))?;
                io::copy(&mut input, output).map_err(unpacking())?;
                Ok(true)
            }
            Self::TarGz(path) => {
                let file = File::open(path).map_err(unpacking())?;
                let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
                for entry in archive.entries().map_err(unpacking())? {
                    let mut entry = entry.map_err(unpacking())?;
                    if entry.path().map_err(unpacking())? == Path::new(member) {
                        io::copy(&mut entry, output).map_err(unpacking())?;
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// Copies a member of whichever archive has it.
pub(super) fn extract(archives: &mut [Archive], member: &str, output: &mut dyn Write) -> Result<(), SpeechError> {
    for archive in archives {
        if archive.extract(member, output)? {
            return Ok(());
        }
    }
    Err(SpeechError::Malformed(format!("no package holds {member}")))
}
