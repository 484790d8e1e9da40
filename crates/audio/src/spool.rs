//! Decoded audio between the pass that measures it and the passes that write it: an unlinked file, gone with the process.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::format::AudioError;

const SAMPLE_BYTES: usize = size_of::<f32>();
const FAILED: &str = "Writing the working copy failed";

/// Samples being written.
pub(crate) struct SpoolWriter {
    writer: BufWriter<File>,
    samples: u64,
}

impl SpoolWriter {
    /// A file without a name on the file system of `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Self, AudioError> {
        let file = tempfile::tempfile_in(directory).map_err(AudioError::io(FAILED))?;
        Ok(Self { writer: BufWriter::with_capacity(128 * 1024, file), samples: 0 })
    }

    pub(crate) fn push(&mut self, samples: &[f32]) -> Result<(), AudioError> {
        self.samples += samples.len() as u64;
        self.writer.write_all(bytemuck::cast_slice(samples)).map_err(AudioError::io(FAILED))
    }

    pub(crate) fn finish(self) -> Result<Spool, AudioError> {
        let samples = self.samples;
        let file = self.writer.into_inner().map_err(|error| AudioError::io(FAILED)(error.into_error()))?;
        Ok(Spool { file, samples })
    }
}

/// Samples that can be read any number of times, by several threads at once.
pub(crate) struct Spool {
    file: File,
    samples: u64,
}

impl Spool {
    /// Samples held.
    pub(crate) fn samples(&self) -> u64 {
        self.samples
    }

    /// Replaces `out` with up to `count` samples from `at`; empty at the end.
    pub(crate) fn read(&self, at: u64, count: usize, out: &mut Vec<f32>) -> Result<(), AudioError> {
        let count = count.min(usize::try_from(self.samples.saturating_sub(at)).unwrap_or(usize::MAX));
        out.resize(count, 0.0);
        self.file
            .read_exact_at(bytemuck::cast_slice_mut(out), at * SAMPLE_BYTES as u64)
            .map_err(AudioError::io("Reading the working copy failed"))
    }
}
