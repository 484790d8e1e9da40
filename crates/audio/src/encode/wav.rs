//! WAV: 16-bit PCM by hound, and G.711 or GSM inside, which hound does not write.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};

use super::raw::{BlockEncoder, G711, GsmFrames, Raw};
use super::{WRITE_FAILED, to_i16};
use crate::format::{AudioBlock, AudioError, AudioSpec, Encoder, Fault};
use crate::g711::Law;
use crate::gsm::Packing;

/// 16-bit PCM.
pub(super) struct PcmWav {
    writer: hound::WavWriter<BufWriter<File>>,
}

impl PcmWav {
    pub(super) fn new(writer: BufWriter<File>, spec: AudioSpec) -> Result<Self, AudioError> {
        let spec = hound::WavSpec {
            channels: spec.channels,
            sample_rate: spec.rate_hz,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        Ok(Self { writer: hound::WavWriter::new(writer, spec).map_err(hound_error)? })
    }
}

impl Encoder for PcmWav {
    fn write(&mut self, block: &AudioBlock) -> Result<(), AudioError> {
        let mut writer = self.writer.get_i16_writer(block.samples.len() as u32);
        block.samples.iter().for_each(|sample| writer.write_sample(to_i16(*sample)));
        writer.flush().map_err(hound_error)
    }

    fn finish(self: Box<Self>) -> Result<(), AudioError> {
        self.writer.finalize().map_err(hound_error)
    }
}

fn hound_error(error: hound::Error) -> AudioError {
    match error {
        hound::Error::IoError(source) => AudioError::io(WRITE_FAILED)(source),
        _ => too_long(),
    }
}

fn too_long() -> AudioError {
    AudioError::Limit(Fault::TooLongForWav {})
}

/// What [`CompressedWav`] holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Codec {
    G711(Law),
    Gsm,
}

impl Codec {
    fn coder(self) -> Result<Box<dyn BlockEncoder>, AudioError> {
        Ok(match self {
            Self::G711(law) => Box::new(G711(law)),
            Self::Gsm => Box::new(GsmFrames::new(Packing::Wav49)?),
        })
    }

    /// The body of the `fmt ` chunk.
    fn format_chunk(self, spec: AudioSpec) -> Vec<u8> {
        let (tag, bytes_per_second, block_bytes, bits, extra): (u16, u32, u16, u16, &[u8]) = match self {
            Self::G711(law) => {
                let tag = if law == Law::Mu { 7 } else { 6 };
                (tag, spec.rate_hz * u32::from(spec.channels), spec.channels, 8, &[])
            }
            // 65 bytes for 320 samples; the extra field repeats the latter.
            Self::Gsm => (0x31, spec.rate_hz * 65 / 320, 65, 0, &[0x40, 0x01]),
        };
        let mut chunk = Vec::with_capacity(20);
        chunk.extend(tag.to_le_bytes());
        chunk.extend(spec.channels.to_le_bytes());
        chunk.extend(spec.rate_hz.to_le_bytes());
        chunk.extend(bytes_per_second.to_le_bytes());
        chunk.extend(block_bytes.to_le_bytes());
        chunk.extend(bits.to_le_bytes());
        chunk.extend((extra.len() as u16).to_le_bytes());
        chunk.extend(extra);
        chunk
    }
}

/// WAV with a compressed codec: a `fact` chunk states the exact number of frames.
pub(super) struct CompressedWav {
    data: Raw<Box<dyn BlockEncoder>>,
    codec: Codec,
    spec: AudioSpec,
    samples: u64,
}

impl CompressedWav {
    pub(super) fn new(mut writer: BufWriter<File>, spec: AudioSpec, codec: Codec) -> Result<Self, AudioError> {
        writer.write_all(&header(codec, spec, 0, 0)?).map_err(AudioError::io(WRITE_FAILED))?;
        Ok(Self { data: Raw::new(writer, codec.coder()?), codec, spec, samples: 0 })
    }
}

impl Encoder for CompressedWav {
    fn write(&mut self, block: &AudioBlock) -> Result<(), AudioError> {
        self.samples += block.samples.len() as u64;
        self.data.append(&block.samples)
    }

    fn finish(self: Box<Self>) -> Result<(), AudioError> {
        let (mut writer, data_bytes) = self.data.complete()?;
        let frames = self.samples / u64::from(self.spec.channels);
        let header = header(self.codec, self.spec, data_bytes, frames)?;
        let padding: &[u8] = if data_bytes % 2 == 1 { &[0] } else { &[] };
        writer
            .write_all(padding)
            .and_then(|()| writer.seek(SeekFrom::Start(0)).map(drop))
            .and_then(|()| writer.write_all(&header))
            .and_then(|()| writer.flush())
            .map_err(AudioError::io(WRITE_FAILED))
    }
}

impl BlockEncoder for Box<dyn BlockEncoder> {
    fn block_samples(&self) -> usize {
        (**self).block_samples()
    }

    fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        (**self).encode(samples, bytes);
    }
}

/// Everything up to the first byte of audio.
fn header(codec: Codec, spec: AudioSpec, data_bytes: u64, frames: u64) -> Result<Vec<u8>, AudioError> {
    let format = codec.format_chunk(spec);
    let before_data = 4 + (8 + format.len()) + (8 + 4) + 8;
    let data_bytes = u32::try_from(data_bytes).map_err(|_| too_long())?;
    let riff_bytes = data_bytes.checked_add(data_bytes % 2 + before_data as u32).ok_or_else(too_long)?;
    let mut header = Vec::with_capacity(before_data + 8);
    header.extend(b"RIFF");
    header.extend(riff_bytes.to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend((format.len() as u32).to_le_bytes());
    header.extend(&format);
    header.extend(b"fact");
    header.extend(4u32.to_le_bytes());
    header.extend((frames as u32).to_le_bytes());
    header.extend(b"data");
    header.extend(data_bytes.to_le_bytes());
    Ok(header)
}
