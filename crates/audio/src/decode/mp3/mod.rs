//! MPEG-1, 2 and 2.5 Layer III, decoded only as far up in frequency as will be heard.
//!
//! A phone at 8 kHz hears less than a fifth of what an MP3 at 44.1 kHz holds. So the lines of the spectrum are read only up
//! to where the highest wanted frequency lies, both channels are added up while they are still lines, and of the samples
//! only every second or fourth is made. Whoever wants all of it gets all of it.
//!
//! The design, the packing of the Huffman trees and the two small transforms follow minimp3 by lieff, which is in the public
//! domain (CC0); tables that a formula can make are made by it. Layers I and II are symphonia's.

mod band;
mod bits;
mod dct;
mod frames;
mod header;
mod huffman;
mod huffman_tables;
mod hybrid;
mod info;
mod layer3;
mod scale;
mod side_info;
mod stereo;
mod synthesis;
mod tables;

use std::fs::File;

use self::band::Band;
use self::frames::Frames;
use self::header::Header;
use self::info::Info;
use self::layer3::Layer3;
use super::Wanted;
use super::data::DataRange;
use super::joined::Joined;
use crate::format::{AudioBlock, AudioError, AudioSource, AudioSpec, Fault};

/// True if bytes begin like Layer III in "free format", of which no frame says its length.
pub(super) fn is_free_format(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|head| Header::is_free_format(*head))
}

/// Opens the Layer III in a part of a file, and what follows it at another rate or with other channels; nothing if there is
/// none.
pub(super) fn open(file: File, range: DataRange, wanted: Wanted) -> Result<Option<Box<dyn AudioSource>>, AudioError> {
    let another = file.try_clone().map_err(read_error())?;
    let Some(first) = Mp3Source::open(another, range, wanted)? else { return Ok(None) };
    let end = range.start + range.bytes;
    let next = move |last: &Mp3Source| {
        let Some(start) = last.frames.changed_at() else { return Ok(None) };
        let range = DataRange { start, bytes: end.saturating_sub(start), ..range };
        Mp3Source::open(file.try_clone().map_err(read_error())?, range, wanted)
    };
    Ok(Some(Box::new(Joined::new(first, next))))
}

/// A file that ends this much before its header says was cut.
const CUT_FRAMES: u64 = 8_192;

/// Streams the sound of a file's frames.
struct Mp3Source {
    frames: Frames,
    layer3: Layer3,
    /// Of the file.
    original: AudioSpec,
    /// Of the blocks.
    spec: AudioSpec,
    /// Frames of the file for one of the blocks.
    step: u64,
    info: Info,
    /// Frames of the file decoded so far, delay and padding included.
    decoded: u64,
    /// Samples of the blocks to leave out at the start.
    skip: usize,
    /// Samples of the blocks that may be padding.
    padding: usize,
    /// What was decoded and is not given out: padding, until there is more.
    held: Vec<f32>,
    finished: bool,
    truncated: bool,
}

impl Mp3Source {
    /// Opens the Layer III in a part of a file; nothing if there is none.
    fn open(file: File, range: DataRange, wanted: Wanted) -> Result<Option<Self>, AudioError> {
        let mut frames = Frames::new(file, range).map_err(read_error())?;
        let Some(header) = frames.next().map_err(read_error())? else { return Ok(None) };
        let first_info = Info::read(&header, frames.bytes());
        let info = first_info.unwrap_or_default();
        let original = AudioSpec { rate_hz: header.rate_hz, channels: header.channels() as u16 };
        let band = Band::of(original.rate_hz, wanted.rate_hz);
        let mono = header.mono || wanted.mono;
        let step = band.step as u64;
        let channels = if mono { 1 } else { 2 };
        let delay = u64::from(info.delay);
        // Padding fills up the last frame; more than that is no padding, and would have to be held.
        let padding = Some(u64::from(info.padding)).filter(|padding| *padding <= CUT_FRAMES).unwrap_or(0);
        let mut source = Self {
            frames,
            layer3: Layer3::new(band, mono && !header.mono, delay),
            original,
            spec: AudioSpec { rate_hz: original.rate_hz / band.step as u32, channels },
            step,
            info: Info { padding: padding as u32, ..info },
            decoded: 0,
            skip: (delay / step) as usize * usize::from(channels),
            // Samples are made at whole steps from the first one that is heard.
            padding: ((padding + delay % step) / step) as usize * usize::from(channels),
            held: Vec::new(),
            finished: false,
            truncated: range.truncated,
        };
        if first_info.is_none() {
            source.decode(&header);
        }
        if source.decoded == 0 && !source.decode_next()? {
            return Err(AudioError::Empty(Fault::NoFrames { container: "MP3".into() }));
        }
        Ok(Some(source))
    }

    /// Decodes the next frame that can be; false at the end.
    fn decode_next(&mut self) -> Result<bool, AudioError> {
        while let Some(header) = self.frames.next().map_err(read_error())? {
            // Where files were joined, the headers of the later ones lie in between.
            if Info::read(&header, self.frames.bytes()).is_none() && self.decode(&header) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Decodes the current frame. A damaged one is left out, as players do.
    fn decode(&mut self, header: &Header) -> bool {
        let is_good = self.layer3.decode(header, self.frames.bytes(), &mut self.held).is_ok();
        if is_good {
            self.decoded += header.samples();
            let skipped = self.skip.min(self.held.len());
            self.held.drain(..skipped);
            self.skip -= skipped;
        }
        is_good
    }

    /// Frames that a header in front announces, delay and padding included; 0 where none does.
    ///
    /// Only a header that knows of delay and padding is believed.
    fn announced(&self, samples: u64) -> u64 {
        let gaps = u64::from(self.info.delay) + u64::from(self.info.padding);
        self.info.frames.map_or(0, |frames| (u64::from(frames) * samples).max(gaps))
    }

    /// Padding is left out only if the file has exactly the frames that its header says: one that was cut has lost its
    /// padding, and one made by joining others has audio after it.
    fn finish(&mut self, block: &mut AudioBlock) {
        self.finished = true;
        let announced = self.announced(if self.original.rate_hz >= 32_000 { 1_152 } else { 576 });
        self.truncated |= self.decoded + CUT_FRAMES < announced;
        if self.decoded == announced {
            self.held.truncate(self.held.len() - self.padding.min(self.held.len()));
        } else {
            self.info.padding = 0;
        }
        block.samples.append(&mut self.held);
    }
}

impl AudioSource for Mp3Source {
    fn spec(&self) -> AudioSpec {
        self.spec
    }

    fn next_block(&mut self, block: &mut AudioBlock) -> Result<bool, AudioError> {
        block.samples.clear();
        while block.samples.is_empty() && !self.finished {
            let sure = self.held.len().saturating_sub(self.padding);
            block.samples.extend(self.held.drain(..sure));
            if block.samples.is_empty() && !self.decode_next()? {
                self.finish(block);
            }
        }
        Ok(!block.samples.is_empty())
    }

    fn is_truncated(&self) -> bool {
        self.truncated
    }

    fn original_spec(&self) -> AudioSpec {
        self.original
    }

    fn original_frames(&self, given: u64) -> u64 {
        if !self.finished {
            return given * self.step;
        }
        let left_out = u64::from(self.info.delay) + u64::from(self.info.padding);
        self.decoded.saturating_sub(left_out)
    }

    fn mono_cancels(&self) -> bool {
        self.layer3.cancels()
    }
}

fn read_error() -> impl FnOnce(std::io::Error) -> AudioError {
    AudioError::io("Reading the audio failed")
}

#[cfg(test)]
mod tests;
