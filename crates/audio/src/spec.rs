//! What is asked of the pipeline and what it reports: plain data, so that it can cross to another process.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::clip::TimeSpan;
use super::encode::{EncoderOptions, OutputFormat};
use crate::PhoneReport;
use crate::sandbox::Confinement;

/// One decode and everything that is to come of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenderSpec {
    /// One file, or the two legs of a call.
    pub sources: Vec<SourceSpec>,
    /// The files to write; none only measures.
    pub outputs: Vec<OutputSpec>,
    /// Loudness to bring every output to, in LUFS; nothing leaves levels alone.
    #[serde(default)]
    pub loudness_lufs: Option<f64>,
    /// Level that no peak passes, in dBTP.
    #[serde(default = "default_ceiling_dbtp")]
    pub ceiling_dbtp: f64,
    /// Corner of a high-pass for phone renditions (up to 16 kHz), in Hz.
    #[serde(default)]
    pub high_pass_hz: Option<f64>,
    /// Leave out silence at both ends.
    #[serde(default)]
    pub trim_silence: bool,
    /// Length of outputs with [`Span::Brief`], in seconds.
    #[serde(default)]
    pub brief_limit_seconds: Option<f64>,
    /// Reduce noise where speech barely stands above it; other audio stays bit for bit as it would be without.
    #[serde(default)]
    pub reduce_noise: bool,
    /// Find out what a phone makes of it.
    #[serde(default)]
    pub phone_report: bool,
    /// Number of bins of the waveform, if one is wanted.
    #[serde(default)]
    pub waveform_bins: Option<u16>,
    /// Audio longer than this, in seconds, is refused.
    #[serde(default = "default_max_duration_seconds")]
    pub max_duration_seconds: f64,
    /// Bit rates and the like.
    #[serde(default)]
    pub encoder: EncoderOptions,
}

fn default_ceiling_dbtp() -> f64 {
    RenderSpec::CEILING_DBTP
}

fn default_max_duration_seconds() -> f64 {
    RenderSpec::MAX_DURATION_SECONDS
}

impl RenderSpec {
    /// The ceiling where none is asked for, in dBTP.
    pub const CEILING_DBTP: f64 = -1.5;
    /// The longest audio where no limit is asked for: 12 hours, in seconds.
    pub(crate) const MAX_DURATION_SECONDS: f64 = 12.0 * 3_600.0;

    /// Measures `sources` and does nothing else.
    pub fn of(sources: Vec<SourceSpec>) -> Self {
        Self {
            sources,
            outputs: Vec::new(),
            loudness_lufs: None,
            ceiling_dbtp: Self::CEILING_DBTP,
            high_pass_hz: None,
            trim_silence: false,
            brief_limit_seconds: None,
            reduce_noise: false,
            phone_report: false,
            waveform_bins: None,
            max_duration_seconds: Self::MAX_DURATION_SECONDS,
            encoder: EncoderOptions::default(),
        }
    }
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Where it is.
    pub path: PathBuf,
    /// Its extension or the name of its raw format; only counts where its own bytes don't tell.
    #[serde(default)]
    pub hint: Option<String>,
    /// Whose leg of a call it is.
    #[serde(default)]
    pub role: Option<Role>,
}

/// A side of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Who called: the left channel.
    Caller,
    /// Who was called: the right channel.
    Callee,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Name in the report.
    pub name: String,
    /// Where to write it.
    pub path: PathBuf,
    /// Its form.
    pub format: OutputFormat,
    /// Its sampling rate in Hz.
    pub rate_hz: u32,
    /// Its channels.
    #[serde(default)]
    pub channels: ChannelLayout,
    /// All of the audio, or the brief.
    #[serde(default)]
    pub span: Span,
    /// Keep the noise that came with it, whatever becomes of the other outputs.
    #[serde(default)]
    pub as_recorded: bool,
    /// Have it sound as at the other end of a phone line, whatever its format; only at 8 kHz.
    #[serde(default)]
    pub through: Option<PhoneLine>,
}

/// What a phone line does to audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneLine {
    /// G.711 µ-law, as in North America and Japan.
    Ulaw,
    /// G.711 A-law, as elsewhere.
    Alaw,
}

/// Channels of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelLayout {
    /// One channel, for phones.
    #[default]
    Mono,
    /// Two channels: of a call, caller left and callee right.
    Stereo,
}

impl ChannelLayout {
    /// How many channels.
    pub fn count(self) -> u16 {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}

/// Which part of the audio an output holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// All of it.
    #[default]
    Full,
    /// The clip from the first words to a pause near the limit.
    Brief,
}

/// What came of a [`RenderSpec`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RenderReport {
    /// The sources, as they really are, in the order given.
    pub sources: Vec<SourceReport>,
    /// Length of the full outputs, in seconds.
    pub duration_seconds: f64,
    /// Loudness of the first output before any gain, in LUFS; nothing for silence.
    pub loudness_in_lufs: Option<f64>,
    /// Gain applied to the first output, in dB.
    pub gain_db: f64,
    /// The files written, decoded again and checked, in the order given; without those that were left out.
    pub outputs: Vec<OutputReport>,
    /// The files that were asked for and left out, because what came out of the encoder was not what went in; nothing of them
    /// remains.
    pub omitted: Vec<OmittedOutput>,
    /// Where the brief lies in the source, if one was asked for.
    pub brief: Option<TimeSpan>,
    /// Peaks of the full outputs, 255 being the highest; empty if not asked for.
    pub waveform: Vec<u8>,
    /// How much longer the callee's leg is than the caller's, in seconds; only for two legs.
    pub skew_seconds: Option<f64>,
    /// The same in parts per million of the shorter leg. Legs that began and ended together differ like this by their clocks;
    /// whether they did, only the core knows.
    pub skew_ppm: Option<f64>,
    /// Silence left out at both ends together, in seconds.
    pub trimmed_seconds: f64,
    /// A source ended before it said it would.
    pub truncated: bool,
    /// A source was recorded too loud: its peaks are flat. Nothing where that cannot be said of one.
    pub clipped: Option<bool>,
    /// What a phone makes of it, if that was asked for.
    pub phone: Option<PhoneReport>,
    /// Seconds of speech found; nothing where nobody listened (no brief, waveform or trimming asked for).
    pub speech_seconds: Option<f64>,
    /// What held the process that rendered it; nothing if it was the caller's own.
    pub confinement: Option<Confinement>,
}

/// What a source is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceReport {
    /// Short name of the container.
    pub container: String,
    /// Short name of the codec.
    pub codec: String,
    /// Its sampling rate in Hz.
    pub rate_hz: u32,
    /// Its channels.
    pub channels: u16,
    /// Its length in seconds, by decoded samples.
    pub duration_seconds: f64,
    /// It ended before its header said it would, or its header was never completed.
    pub truncated: bool,
    /// How many of its peaks are flat. Nothing where less than the whole of it was decoded, as the outputs need no more and no
    /// report was asked for: peaks only show in all frequencies of each channel.
    pub clipped_peaks: Option<u64>,
    /// Its two channels are in opposite phase, at least for a while: one of them was inverted before they were added.
    pub opposite_phase: bool,
}

/// A file that could not be made as it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OmittedOutput {
    /// The name given.
    pub name: String,
    /// What was wrong with it.
    pub reason: String,
}

/// A file that was written and checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputReport {
    /// The name given.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Hash of its bytes, in hexadecimal.
    pub sha256: String,
    /// Length in seconds, by decoding it.
    pub duration_seconds: f64,
    /// Sampling rate in Hz.
    pub rate_hz: u32,
    /// Loudness in LUFS, by decoding it; nothing for silence.
    pub loudness_lufs: Option<f64>,
    /// Peak in dBTP, by decoding it; nothing for silence.
    pub true_peak_dbtp: Option<f64>,
}
