//! Audio whose bytes lie in one run and decode block by block: PCM, G.711, GSM, G.722 and ADPCM.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::fs::FileExt;

use crate::format::{AudioBlock, AudioError, AudioSource, AudioSpec};

/// Turns whole blocks of bytes into samples.
pub(crate) trait BlockDecoder: Send {
    /// Bytes of the smallest unit that decodes on its own; at least 1.
    fn block_bytes(&self) -> usize;

    /// Appends the samples of `blocks`, whose length is a multiple of [`block_bytes`](Self::block_bytes).
    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>);
}

/// Where the bytes of audio lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataRange {
    /// First byte.
    pub(crate) start: u64,
    /// Bytes that are really there.
    pub(crate) bytes: u64,
    /// The header promised more than is there, or was never completed.
    pub(crate) truncated: bool,
}

/// Reads ranges of a file as if they lay one behind the other; other readers of the file are not disturbed.
struct Ranges {
    file: File,
    /// Byte and length of those to come, last first.
    rest: Vec<(u64, u64)>,
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some((start, bytes)) = self.rest.last_mut() {
            let take = buffer.len().min(usize::try_from(*bytes).unwrap_or(usize::MAX));
            let read = if take > 0 { self.file.read_at(&mut buffer[..take], *start)? } else { 0 };
            if read > 0 || buffer.is_empty() {
                *start += read as u64;
                *bytes -= read as u64;
                return Ok(read);
            }
            self.rest.pop();
        }
        Ok(0)
    }
}

/// Bytes read at a time: large enough to be cheap, small enough to stay in cache.
const READ_BYTES: usize = 16 * 1024;

/// Streams a [`DataRange`] through a [`BlockDecoder`].
pub(crate) struct DataSource<D> {
    reader: BufReader<Ranges>,
    decoder: D,
    spec: AudioSpec,
    bytes: Vec<u8>,
    /// Frames still to be given out where a header bounds them (ADPCM pads its last block).
    frames_left: Option<u64>,
    truncated: bool,
}

impl<D: BlockDecoder> DataSource<D> {
    pub(crate) fn new(file: File, range: DataRange, spec: AudioSpec, decoder: D) -> Self {
        Self::over(file, vec![(range.start, range.bytes)], range.truncated, spec, decoder)
    }

    /// Reads several ranges, each of so many bytes from a place on.
    pub(crate) fn over(file: File, mut ranges: Vec<(u64, u64)>, truncated: bool, spec: AudioSpec, decoder: D) -> Self {
        ranges.reverse();
        let reader = BufReader::with_capacity(READ_BYTES, Ranges { file, rest: ranges });
        Self { reader, bytes: Vec::new(), frames_left: None, truncated, decoder, spec }
    }

    /// Gives out no more than `frames`.
    pub(crate) fn limited_to(mut self, frames: Option<u64>) -> Self {
        self.frames_left = frames;
        self
    }
}

impl<D: BlockDecoder> AudioSource for DataSource<D> {
    fn spec(&self) -> AudioSpec {
        self.spec
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        block.samples.clear();
        let unit = self.decoder.block_bytes();
        let want = (READ_BYTES / unit).max(1) * unit;
        let mut part_of_block = false;
        // Blocks that don't decode make no samples, and are not the end.
        while block.samples.is_empty() {
            self.bytes.clear();
            (&mut self.reader)
                .take(want as u64)
                .read_to_end(&mut self.bytes)
                .map_err(AudioError::io("Reading the audio failed"))?;
            if self.bytes.is_empty() {
                break;
            }
            let whole = self.bytes.len() / unit * unit;
            part_of_block |= whole < self.bytes.len();
            self.decoder.decode(&self.bytes[..whole], &mut block.samples);
        }
        if let Some(left) = &mut self.frames_left {
            let channels = usize::from(self.spec.channels);
            let frames = ((block.samples.len() / channels) as u64).min(*left);
            *left -= frames;
            block.samples.truncate(frames as usize * channels);
        }
        // Where all announced frames are out, a byte too many is padding.
        self.truncated |= part_of_block && self.frames_left != Some(0);
        Ok(!block.samples.is_empty())
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }
}
