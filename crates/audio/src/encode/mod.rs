//! The formats that leave: one list maps each to its encoder, rate, content type and extension.

mod mp3;
mod opus;
mod raw;
mod wav;

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use super::decode::raw::RawFormat;
use super::format::{AudioError, AudioSpec, Encoder, Fault};
use super::g711::Law;
use super::gsm::Packing;

/// A form of audio that voicemill writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputFormat {
    /// WAV with 16-bit PCM: plays everywhere.
    Wav,
    /// WAV with µ-law.
    WavUlaw,
    /// WAV with A-law.
    WavAlaw,
    /// WAV with GSM 06.10, the smallest that old mail programs play.
    WavGsm,
    /// Headerless µ-law, 8 kHz.
    Ulaw,
    /// Headerless A-law, 8 kHz.
    Alaw,
    /// Headerless 16-bit PCM, 8 kHz.
    Sln,
    /// Headerless 16-bit PCM, 16 kHz.
    Sln16,
    /// Headerless GSM 06.10, 8 kHz.
    Gsm,
    /// Headerless G.722, 16 kHz.
    G722,
    /// Ogg Opus, for browsers.
    Opus,
    /// MP3, for mails and for browsers without Opus.
    Mp3,
}

/// What is fixed about a format.
struct Traits {
    format: OutputFormat,
    extension: &'static str,
    content_type: &'static str,
    /// The only rate it can have, in Hz.
    rate_hz: Option<u32>,
    mono_only: bool,
}

const fn traits(
    format: OutputFormat,
    extension: &'static str,
    content_type: &'static str,
    rate_hz: Option<u32>,
    mono_only: bool,
) -> Traits {
    Traits { format, extension, content_type, rate_hz, mono_only }
}

const FORMATS: &[Traits] = &[
    traits(OutputFormat::Wav, "wav", "audio/wav", None, false),
    traits(OutputFormat::WavUlaw, "wav", "audio/wav", None, false),
    traits(OutputFormat::WavAlaw, "wav", "audio/wav", None, false),
    traits(OutputFormat::WavGsm, "wav", "audio/wav", Some(8_000), true),
    traits(OutputFormat::Ulaw, "ulaw", "audio/basic", Some(8_000), true),
    traits(OutputFormat::Alaw, "alaw", "audio/x-alaw-basic", Some(8_000), true),
    traits(OutputFormat::Sln, "sln", "audio/x-sln", Some(8_000), true),
    traits(OutputFormat::Sln16, "sln16", "audio/x-sln;rate=16000", Some(16_000), true),
    traits(OutputFormat::Gsm, "gsm", "audio/x-gsm", Some(8_000), true),
    traits(OutputFormat::G722, "g722", "audio/G722", Some(16_000), true),
    traits(OutputFormat::Opus, "opus", "audio/ogg; codecs=opus", None, false),
    traits(OutputFormat::Mp3, "mp3", "audio/mpeg", None, false),
];

impl OutputFormat {
    /// Every format, in the order of the list.
    pub fn all() -> impl Iterator<Item = Self> {
        FORMATS.iter().map(|traits| traits.format)
    }

    /// The first format with this file name extension (plain PCM for `wav`).
    pub fn from_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        let extension = if extension == "ogg" { "opus" } else { &extension };
        FORMATS.iter().find(|traits| traits.extension == extension).map(|traits| traits.format)
    }

    /// The format of that name, as it is written on the wire and in rows.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|format| format.name() == name)
    }

    /// Its name on the wire and in rows.
    pub fn name(self) -> String {
        // Serde's own name of a variant without fields is always a string; a test holds the list to that.
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    fn traits(self) -> &'static Traits {
        // The list names every variant; a test holds it to that.
        FORMATS.iter().find(|traits| traits.format == self).unwrap_or(&FORMATS[0])
    }

    /// The file name extension, without a dot.
    pub fn extension(self) -> &'static str {
        self.traits().extension
    }

    /// The media type to serve it with.
    pub fn content_type(self) -> &'static str {
        self.traits().content_type
    }

    /// The only rate the format can have, in Hz; nothing where several are possible.
    pub fn fixed_rate_hz(self) -> Option<u32> {
        self.traits().rate_hz
    }

    /// Whether audio of this shape can be written in this format.
    ///
    /// # Errors
    /// [`AudioError::Unsupported`] naming what would be possible.
    pub fn accept(self, spec: AudioSpec) -> Result<(), AudioError> {
        let Traits { extension, rate_hz, mono_only, .. } = self.traits();
        if let Some(only) = rate_hz.filter(|only| *only != spec.rate_hz) {
            return Err(AudioError::Unsupported(Fault::FormatRate {
                format: extension.to_uppercase(),
                only_hz: only,
                rate_hz: spec.rate_hz,
            }));
        }
        if self == Self::Opus && !opus::RATES_HZ.contains(&spec.rate_hz) {
            return Err(AudioError::Unsupported(Fault::FormatRates {
                format: "Opus".into(),
                possible: "8000, 12000, 16000, 24000 or 48000".into(),
                rate_hz: spec.rate_hz,
            }));
        }
        if self == Self::Mp3 && !mp3::RATES_HZ.contains(&spec.rate_hz) {
            return Err(AudioError::Unsupported(Fault::FormatRates {
                format: "MP3".into(),
                possible: "8000, 16000, 24000, 32000, 44100 or 48000".into(),
                rate_hz: spec.rate_hz,
            }));
        }
        if !(1..=2).contains(&spec.channels) || (*mono_only && spec.channels != 1) {
            return Err(AudioError::Unsupported(Fault::FormatChannels {
                format: extension.to_uppercase(),
                channels: spec.channels,
            }));
        }
        AudioSpec::checked(spec.rate_hz, spec.channels).map(drop)
    }

    /// How to read the format back where no header tells.
    pub(crate) fn raw_format(self) -> Option<RawFormat> {
        Some(match self {
            Self::Ulaw => RawFormat::G711(Law::Mu),
            Self::Alaw => RawFormat::G711(Law::A),
            Self::Sln => RawFormat::Slin { rate_hz: 8_000, channels: 1 },
            Self::Sln16 => RawFormat::Slin { rate_hz: 16_000, channels: 1 },
            Self::Gsm => RawFormat::Gsm,
            Self::G722 => RawFormat::G722,
            Self::Wav | Self::WavUlaw | Self::WavAlaw | Self::WavGsm | Self::Opus | Self::Mp3 => return None,
        })
    }

    /// Frames that a file may be longer than what was written into it, because the codec works in blocks.
    pub(crate) fn block_frames(self) -> u64 {
        match self {
            Self::Gsm => Packing::Raw.block_samples() as u64,
            Self::WavGsm => Packing::Wav49.block_samples() as u64,
            Self::G722 => 2,
            _ => 1,
        }
    }
}

/// What the sound is, for codecs that have a way for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Somebody speaks.
    #[default]
    Speech,
    /// Music, which a model of a voice would spoil.
    Music,
}

/// Settings that trade size or time for quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderOptions {
    /// Opus bit rate in bits per second and channel.
    pub opus_bits_per_second: i32,
    /// Opus complexity, 0 (fast) to 10; 5 takes half the time of 10 at hardly a difference for speech.
    pub opus_complexity: i32,
    /// MP3 bit rate in bits per second and channel; the format's nearest is used.
    pub mp3_bits_per_second: u32,
    /// Decides between the two codecs of which Opus is made.
    pub content: Content,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        Self { opus_bits_per_second: 24_000, opus_complexity: 5, mp3_bits_per_second: 64_000, content: Content::Speech }
    }
}

/// Begins a file at `path`, which must not exist yet.
///
/// # Errors
/// [`AudioError::Unsupported`] if the format can't have that rate or so many channels; [`AudioError::Io`].
pub fn create(
    path: &Path,
    format: OutputFormat,
    spec: AudioSpec,
    options: &EncoderOptions,
) -> Result<Box<dyn Encoder>, AudioError> {
    format.accept(spec)?;
    let file = File::create(path).map_err(AudioError::io("Creating the output file failed"))?;
    let writer = BufWriter::with_capacity(64 * 1024, file);
    Ok(match format {
        OutputFormat::Wav => Box::new(wav::PcmWav::new(writer, spec)?),
        OutputFormat::WavUlaw => Box::new(wav::CompressedWav::new(writer, spec, wav::Codec::G711(Law::Mu))?),
        OutputFormat::WavAlaw => Box::new(wav::CompressedWav::new(writer, spec, wav::Codec::G711(Law::A))?),
        OutputFormat::WavGsm => Box::new(wav::CompressedWav::new(writer, spec, wav::Codec::Gsm)?),
        OutputFormat::Ulaw => Box::new(raw::Raw::new(writer, raw::G711(Law::Mu))),
        OutputFormat::Alaw => Box::new(raw::Raw::new(writer, raw::G711(Law::A))),
        OutputFormat::Sln | OutputFormat::Sln16 => Box::new(raw::Raw::new(writer, raw::Slin)),
        OutputFormat::Gsm => Box::new(raw::Raw::new(writer, raw::GsmFrames::new(Packing::Raw)?)),
        OutputFormat::G722 => Box::new(raw::Raw::new(writer, raw::G722::default())),
        OutputFormat::Opus => Box::new(opus::OggOpus::new(writer, spec, options)?),
        OutputFormat::Mp3 => Box::new(mp3::Mp3::new(writer, spec, options)?),
    })
}

/// The nearest 16-bit sample.
pub(crate) fn to_i16(sample: f32) -> i16 {
    let scaled = sample * 32_768.0;
    // Casting cuts toward zero and saturates, so full scale and beyond stay at full scale. `f32::round` is a call.
    (scaled + 0.5f32.copysign(scaled)) as i16
}

const WRITE_FAILED: &str = "Writing the audio failed";

#[cfg(test)]
mod tests;
