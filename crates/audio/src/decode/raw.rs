//! Headerless audio, where only the file's name or the sender can say what it is.

use std::fs::File;

use super::Opened;
use super::codecs::{G711Blocks, G722Blocks, G726Blocks, GsmBlocks, Pcm, PcmBlocks};
use super::data::{DataRange, DataSource};
use crate::format::{AudioError, AudioSource, AudioSpec};
use crate::g711::Law;
use crate::g726::{self, CodeBits};
use crate::gsm::Packing;

/// A kind of headerless audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawFormat {
    /// µ-law or A-law at 8 kHz.
    G711(Law),
    /// Signed 16-bit little-endian PCM.
    Slin {
        /// Its rate in Hz, which Asterisk puts into the extension.
        rate_hz: u32,
        /// 1, or 2 where a call was recorded with a leg on each side.
        channels: u16,
    },
    /// GSM 06.10 at 8 kHz, 33-byte frames.
    Gsm,
    /// G.722 at 64 kbit/s, 16 kHz.
    G722,
    /// G.726 at 8 kHz, packed as RFC 3551 has it.
    G726(CodeBits),
}

impl RawFormat {
    /// The format that a file name extension stands for.
    pub(crate) fn from_extension(extension: &str) -> Option<Self> {
        Some(match extension.trim_start_matches('.').to_ascii_lowercase().as_str() {
            "ulaw" | "ul" | "ulw" | "mu" | "pcm" | "mulaw" | "pcmu" => Self::G711(Law::Mu),
            "alaw" | "al" | "alw" | "pcma" => Self::G711(Law::A),
            // Asterisk's own names for it; `raw` from anywhere else is most often the same.
            "sln" | "slin" | "sln8" | "raw" => Self::Slin { rate_hz: 8_000, channels: 1 },
            "sln12" => Self::Slin { rate_hz: 12_000, channels: 1 },
            "sln16" | "slin16" => Self::Slin { rate_hz: 16_000, channels: 1 },
            "sln24" => Self::Slin { rate_hz: 24_000, channels: 1 },
            "sln32" => Self::Slin { rate_hz: 32_000, channels: 1 },
            "sln44" => Self::Slin { rate_hz: 44_100, channels: 1 },
            "sln48" => Self::Slin { rate_hz: 48_000, channels: 1 },
            "sln96" => Self::Slin { rate_hz: 96_000, channels: 1 },
            "sln192" => Self::Slin { rate_hz: 192_000, channels: 1 },
            // MixMonitor with option D writes `raw` files with a leg on each side; only who asked for that can say so.
            "mixmonitor" => Self::Slin { rate_hz: 8_000, channels: 2 },
            "gsm" => Self::Gsm,
            "g722" => Self::G722,
            "g726" | "g726-32" | "g721" => Self::G726(CodeBits::Four),
            "g726-16" => Self::G726(CodeBits::Two),
            "g726-24" => Self::G726(CodeBits::Three),
            "g726-40" => Self::G726(CodeBits::Five),
            _ => return None,
        })
    }
}

/// The codec of headerless audio that is not read, by the extension that call cores give it.
pub(super) fn unread_codec(extension: &str) -> Option<&'static str> {
    Some(match extension.trim_start_matches('.').to_ascii_lowercase().as_str() {
        "g729" | "g729a" | "g729b" | "g729ab" => "G.729",
        "g723" | "g7231" | "g723_1" | "g723sf" => "G.723.1",
        "g728" => "G.728",
        "g719" => "G.719",
        "ilbc" | "lbc" => "iLBC",
        "siren7" => "Siren7 (G.722.1)",
        "siren14" => "Siren14 (G.722.1 Annex C)",
        "l16" => "L16 (linear 16-bit audio without a header, which tells neither rate nor channels)",
        "c2" | "codec2" => "Codec 2",
        "lpc10" | "lpc" => "LPC-10",
        "spx" | "speex" | "speex16" | "speex32" => "Speex",
        "silk" | "silk8" | "silk12" | "silk16" | "silk24" => "SILK",
        "vox" => "Dialogic ADPCM (VOX)",
        "amr" | "awb" | "amrwb" => "AMR",
        "evs" => "EVS",
        "qcp" | "qcelp" => "QCELP",
        "ima" | "adpcm" | "dvi" => "ADPCM",
        "isac" => "iSAC",
        "bv16" | "bv32" => "BroadVoice",
        "dct" | "dss" | "ds2" | "msv" | "dvf" => "dictation machines' own formats",
        _ => return None,
    })
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
            (codec, Box::new(DataSource::new(file, range, phone, G711Blocks { law, channels: 1 })))
        }
        RawFormat::Slin { rate_hz, channels } => {
            let decoder = PcmBlocks::new(Pcm::S16, channels);
            ("pcm_s16le", Box::new(DataSource::new(file, range, AudioSpec { rate_hz, channels }, decoder)))
        }
        RawFormat::Gsm => ("gsm", Box::new(DataSource::new(file, range, phone, GsmBlocks::new(Packing::Raw)?))),
        RawFormat::G722 => {
            ("g722", Box::new(DataSource::new(file, range, AudioSpec::mono(16_000), G722Blocks::default())))
        }
        RawFormat::G726(bits) => {
            let decoder = G726Blocks::new(bits, g726::Packing::LowFirst);
            ("g726", Box::new(DataSource::new(file, range, phone, decoder)))
        }
    };
    Ok(Opened { container: "raw", codec: codec.to_owned(), source })
}
