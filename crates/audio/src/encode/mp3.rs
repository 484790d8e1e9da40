//! MP3 at a constant bit rate, with a header that tells players its exact length.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use super::{EncoderOptions, WRITE_FAILED};
use crate::format::{AudioBlock, AudioError, AudioSpec, Encoder, Fault};
use crate::lame::{Lame, Refused};

/// The rates that MP3 has.
pub(super) const RATES_HZ: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Bytes of the header that tells length, delay and padding; it lies in the first frame, which must have room for it.
const HEADER_BYTES: u32 = 156;

/// Streams samples into frames.
pub(super) struct Mp3 {
    writer: BufWriter<File>,
    encoder: Lame,
    is_empty: bool,
    bytes: Vec<u8>,
}

impl Mp3 {
    pub(super) fn new(writer: BufWriter<File>, spec: AudioSpec, options: &EncoderOptions) -> Result<Self, AudioError> {
        let wanted = options.mp3_bits_per_second.saturating_mul(u32::from(spec.channels));
        // MPEG-1 from 32 kHz on, MPEG-2 below: samples in a frame, and bytes of side information in front of the header.
        let (frame_samples, side_bytes) = match (spec.rate_hz, spec.channels) {
            (32_000.., 1) => (1_152, 21),
            (32_000.., _) => (1_152, 36),
            (_, 1) => (576, 13),
            _ => (576, 21),
        };
        let lowest = (HEADER_BYTES + side_bytes) * 8 * spec.rate_hz / frame_samples;
        if wanted < lowest {
            return Err(AudioError::Unsupported(Fault::BitRate {
                rate_hz: spec.rate_hz,
                least_kilobits: lowest.next_multiple_of(8_000) / 1_000,
                kilobits: wanted / 1_000,
            }));
        }
        let highest = match spec.rate_hz {
            32_000.. => 320_000,
            16_000.. => 160_000,
            _ => 64_000,
        };
        let encoder = Lame::new(spec, wanted.min(highest)).map_err(refused)?;
        Ok(Self { writer, encoder, is_empty: true, bytes: Vec::new() })
    }

    fn write_out(&mut self) -> Result<(), AudioError> {
        self.writer.write_all(&self.bytes).map_err(AudioError::io(WRITE_FAILED))?;
        self.bytes.clear();
        Ok(())
    }
}

impl Encoder for Mp3 {
    fn write(&mut self, block: &AudioBlock) -> Result<(), AudioError> {
        self.is_empty &= block.samples.is_empty();
        self.encoder.encode(&block.samples, &mut self.bytes).map_err(refused)?;
        self.write_out()
    }

    fn finish(mut self: Box<Self>) -> Result<(), AudioError> {
        if self.is_empty {
            return Err(AudioError::Empty(Fault::NoSamples {}));
        }
        self.encoder.flush(&mut self.bytes).map_err(refused)?;
        self.write_out()?;
        let tag = self.encoder.tag().map_err(refused)?;
        self.writer
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.writer.write_all(&tag))
            .and_then(|()| self.writer.flush())
            .map_err(AudioError::io(WRITE_FAILED))
    }
}

fn refused(_: Refused) -> AudioError {
    AudioError::Malformed(Fault::EncoderRefused {
        codec: "MP3".into(),
        reason: "impossible settings or samples".into(),
    })
}
