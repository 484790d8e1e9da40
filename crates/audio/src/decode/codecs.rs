//! The block decoders: each turns one kind of bytes into samples.

use std::sync::LazyLock;

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::data::BlockDecoder;
use crate::format::{AudioError, AudioSpec, Fault};
use crate::g711::Law;
use crate::g722;
use crate::g726::{self, CodeBits};
use crate::gsm::{Gsm, Packing};

/// Linear PCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pcm {
    U8,
    S8,
    S16,
    S24,
    S32,
    F32,
    F64,
}

impl Pcm {
    fn sample_bytes(self) -> usize {
        match self {
            Self::U8 | Self::S8 => 1,
            Self::S16 => 2,
            Self::S24 => 3,
            Self::S32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn sample(self, b: &[u8]) -> f32 {
        match (self, b) {
            (Self::U8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::S8, &[a]) => f32::from(a.cast_signed()) / 128.0,
            (Self::S16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::S24, &[a, b, c]) => (i32::from_le_bytes([0, a, b, c]) >> 8) as f32 / 8_388_608.0,
            (Self::S32, &[a, b, c, d]) => i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0,
            (Self::F32, &[a, b, c, d]) => finite(f32::from_le_bytes([a, b, c, d])),
            (Self::F64, &[a, b, c, d, e, f, g, h]) => finite(f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32),
            _ => 0.0,
        }
    }
}

/// The loudest that programs write which take floating-point samples for 32-bit whole numbers.
const LOUDEST: f32 = 2_147_483_648.0;

/// Files may hold anything; what is not a number, or becomes none when squared, would spread through every filter after it.
pub(crate) fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample.clamp(-LOUDEST, LOUDEST) } else { 0.0 }
}

/// [`Pcm`] of a number of channels, so that a cut file never yields half a frame.
///
/// Little-endian unless said otherwise.
pub(crate) struct PcmBlocks {
    pub(crate) format: Pcm,
    pub(crate) channels: u16,
    pub(crate) big_endian: bool,
}

impl PcmBlocks {
    pub(crate) fn new(format: Pcm, channels: u16) -> Self {
        Self { format, channels, big_endian: false }
    }
}

impl BlockDecoder for PcmBlocks {
    fn block_bytes(&self) -> usize {
        self.format.sample_bytes() * usize::from(self.channels)
    }

    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>) {
        match self.format {
            format if self.big_endian => samples.extend(blocks.chunks_exact(format.sample_bytes()).map(|bytes| {
                let mut turned = [0; 8];
                let turned = &mut turned[..bytes.len()];
                turned.copy_from_slice(bytes);
                turned.reverse();
                format.sample(turned)
            })),
            // The most usual one, in a loop that vectorises.
            Pcm::S16 => {
                let (pairs, _) = blocks.as_chunks();
                samples.extend(pairs.iter().map(|pair| f32::from(i16::from_le_bytes(*pair)) / 32_768.0));
            }
            format => samples.extend(blocks.chunks_exact(format.sample_bytes()).map(|bytes| format.sample(bytes))),
        }
    }
}

/// The samples of all codes of µ-law, and of A-law.
static EXPANDED: LazyLock<[[f32; 256]; 2]> = LazyLock::new(|| {
    [Law::Mu, Law::A].map(|law| std::array::from_fn(|code| f32::from(law.expand(code as u8)) / 32_768.0))
});

/// µ-law or A-law.
pub(crate) struct G711Blocks {
    pub(crate) law: Law,
    pub(crate) channels: u16,
}

impl BlockDecoder for G711Blocks {
    fn block_bytes(&self) -> usize {
        usize::from(self.channels)
    }

    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>) {
        let expanded = &EXPANDED[usize::from(self.law == Law::A)];
        samples.extend(blocks.iter().map(|code| expanded[usize::from(*code)]));
    }
}

/// GSM 06.10, mono.
pub(crate) struct GsmBlocks {
    coder: Gsm,
    packing: Packing,
    pcm: Vec<i16>,
}

impl GsmBlocks {
    pub(crate) fn new(packing: Packing) -> Result<Self, AudioError> {
        let coder = Gsm::new(packing).ok_or_else(|| AudioError::Limit(Fault::NoCodecMemory { codec: "GSM".into() }))?;
        Ok(Self { coder, packing, pcm: Vec::new() })
    }
}

impl BlockDecoder for GsmBlocks {
    fn block_bytes(&self) -> usize {
        self.packing.block_bytes()
    }

    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>) {
        self.pcm.clear();
        for block in blocks.chunks_exact(self.packing.block_bytes()) {
            self.coder.decode(block, &mut self.pcm);
        }
        samples.extend(self.pcm.iter().map(|sample| f32::from(*sample) / 32_768.0));
    }
}

/// G.722 at 64 kbit/s, mono: one byte is two samples at 16 kHz.
#[derive(Default)]
pub(crate) struct G722Blocks {
    coder: g722::Decoder,
}

impl BlockDecoder for G722Blocks {
    fn block_bytes(&self) -> usize {
        1
    }

    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>) {
        for code in blocks {
            samples.extend(self.coder.decode(*code).map(|sample| f32::from(sample) / 32_768.0));
        }
    }
}

/// G.726, mono; codes run across bytes.
pub(crate) struct G726Blocks {
    coder: g726::Decoder,
    bits: u32,
    packing: g726::Packing,
    /// Bits of codes that are not whole yet, and how many.
    held: u32,
    held_bits: u32,
}

impl G726Blocks {
    pub(crate) fn new(bits: CodeBits, packing: g726::Packing) -> Self {
        Self { coder: g726::Decoder::new(bits), bits: bits.count(), packing, held: 0, held_bits: 0 }
    }
}

impl BlockDecoder for G726Blocks {
    fn block_bytes(&self) -> usize {
        1
    }

    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>) {
        for byte in blocks {
            match self.packing {
                g726::Packing::LowFirst => self.held |= u32::from(*byte) << self.held_bits,
                g726::Packing::HighFirst => self.held = (self.held << 8) | u32::from(*byte),
            }
            self.held_bits += 8;
            while self.held_bits >= self.bits {
                self.held_bits -= self.bits;
                let code = match self.packing {
                    g726::Packing::LowFirst => {
                        let code = self.held as u8;
                        self.held >>= self.bits;
                        code
                    }
                    g726::Packing::HighFirst => (self.held >> self.held_bits) as u8,
                };
                samples.push(f32::from(self.coder.decode(code)) / 32_768.0);
            }
        }
    }
}

/// Which ADPCM of the two that phone systems write into WAV files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adpcm {
    /// Format tag 2.
    Microsoft,
    /// Format tag 0x11.
    Ima,
}

impl Adpcm {
    /// Frames that a block of `block_bytes` decodes to; nothing when it cannot even hold its own preamble.
    fn frames_per_block(self, block_bytes: usize, channels: usize) -> Option<usize> {
        let (preamble_bytes, preamble_frames) = match self {
            Self::Microsoft => (7 * channels, 2),
            Self::Ima => (4 * channels, 1),
        };
        let nibbles = block_bytes.checked_sub(preamble_bytes)? * 2;
        Some(nibbles / channels + preamble_frames)
    }
}

/// ADPCM by symphonia's decoder, fed one block at a time so that its container's faults do not matter.
pub(crate) struct AdpcmBlocks {
    decoder: Box<dyn AudioDecoder>,
    block_bytes: usize,
    frames_per_block: usize,
    interleaved: Vec<f32>,
}

impl AdpcmBlocks {
    pub(crate) fn new(kind: Adpcm, spec: AudioSpec, block_bytes: u16) -> Result<Self, AudioError> {
        let refuse = || AudioError::Malformed(Fault::ContradictoryWavHeader { codec: "ADPCM".into() });
        let block_bytes = usize::from(block_bytes);
        let channels = usize::from(spec.channels);
        let layout = match channels {
            1 => Channels::Positioned(Position::FRONT_LEFT),
            2 => Channels::Positioned(Position::FRONT_LEFT | Position::FRONT_RIGHT),
            _ => return Err(refuse()),
        };
        let frames_per_block = kind.frames_per_block(block_bytes, channels).filter(|n| *n > 2).ok_or_else(refuse)?;
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(match kind {
                Adpcm::Microsoft => CODEC_ID_ADPCM_MS,
                Adpcm::Ima => CODEC_ID_ADPCM_IMA_WAV,
            })
            .with_sample_rate(spec.rate_hz)
            .with_channels(layout)
            .with_max_frames_per_packet(frames_per_block as u64)
            .with_frames_per_block(frames_per_block as u64);
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&params, &AudioDecoderOptions::default())
            .map_err(|_| refuse())?;
        Ok(Self { decoder, block_bytes, frames_per_block, interleaved: Vec::new() })
    }
}

impl BlockDecoder for AdpcmBlocks {
    fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    fn decode(&mut self, blocks: &[u8], samples: &mut Vec<f32>) {
        for block in blocks.chunks_exact(self.block_bytes) {
            let packet = Packet::new(0, Timestamp::ZERO, Duration::new(self.frames_per_block as u64), block);
            // A block that does not decode is left out; each stands alone, so the next is unharmed.
            if let Ok(decoded) = self.decoder.decode(&packet) {
                decoded.copy_to_vec_interleaved(&mut self.interleaved);
                samples.extend_from_slice(&self.interleaved);
            }
        }
    }
}
