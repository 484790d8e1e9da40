//! Headerless audio, where only the file's name or the sender can say what it is.

use std::fs::File;

use super::Opened;
use super::codecs::{G711Blocks, G722Blocks, GsmBlocks, Pcm, PcmBlocks};
use super::data::{DataRange, DataSource};
use crate::audio::format::{AudioError, AudioSource, AudioSpec};
use crate::audio::g711::Law;
use crate::audio::gsm::Packing;

/// A kind of headerless audio, always mono.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawFormat {
    /// µ-law or A-law at 8 kHz.
    G711(Law),
    /// Signed 16-bit little-endian PCM.
    Slin {
        /// Its rate in Hz, which Asterisk puts into the extension.
        rate_hz: u32,
    },
    /// GSM 06.10 at 8 kHz, 33-byte frames.
    Gsm,
    /// G.722 at 64 kbit/s, 16 kHz.
    G722,
}

impl RawFormat {
    /// The format that a file name extension stands for.
    pub(crate) fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension.trim_start_matches('.').to_ascii_lowercase().as_str() {
            "ulaw" | "ul" | "pcm" | "mulaw" | "pcmu" => Self::G711(Law::Mu),
            "alaw" | "al" | "pcma" => Self::G711(Law::A),
            "sln" | "raw" | "slin" | "sln8" => Self::Slin { rate_hz: 8_000 },
            "sln12" => Self::Slin { rate_hz: 12_000 },
            "sln16" | "slin16" => Self::Slin { rate_hz: 16_000 },
            "sln24" => Self::Slin { rate_hz: 24_000 },
            "sln32" => Self::Slin { rate_hz: 32_000 },
            "sln44" => Self::Slin { rate_hz: 44_100 },
            "sln48" => Self::Slin { rate_hz: 48_000 },
            "gsm" => Self::Gsm,
            "g722" => Self::G722,
            _ => return None,
        })
    }
}

/// Streams the whole file as `format`.
pub(crate) fn open(file: File, format: RawFormat) -> Result<Opened, AudioError> {
    let bytes = file.metadata().map_err(AudioError::io("Reading the file's size failed"))?.len();
    if bytes == 0 {
        return Err(super::empty_file());
    }
    let range = DataRange { start: 0, bytes, truncated: false };
    let phone = AudioSpec::mono(8_000);
    let (codec, source): (_, Box<dyn AudioSource>) = match format {
        RawFormat::G711(law) => {
            let codec = if law == Law::Mu { "pcm_mulaw" } else { "pcm_alaw" };
            (codec, Box::new(DataSource::new(file, range, phone, G711Blocks { law, channels: 1 })?))
        }
        RawFormat::Slin { rate_hz } => {
            let decoder = PcmBlocks { format: Pcm::S16, channels: 1 };
            ("pcm_s16le", Box::new(DataSource::new(file, range, AudioSpec::mono(rate_hz), decoder)?))
        }
        RawFormat::Gsm => ("gsm", Box::new(DataSource::new(file, range, phone, GsmBlocks::new(Packing::Raw)?)?)),
        RawFormat::G722 => {
            ("g722", Box::new(DataSource::new(file, range, AudioSpec::mono(16_000), G722Blocks::default())?))
        }
    };
    Ok(Opened { container: "raw", codec: codec.to_owned(), source })
}
