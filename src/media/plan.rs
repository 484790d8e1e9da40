//! What is to be made of media: which renditions, with which settings, and whether it is transcribed.

use voicemill_audio::{
    encode::OutputFormat,
    spec::{ChannelLayout, PhoneLine, RenderSpec, Span},
};
use voicemill_queue::Priority;

use crate::{app::App, media::Purpose};

/// Most bins a waveform has, whatever the length.
pub const WAVEFORM_BINS: u16 = 400;

/// What is to be made of media.
pub(crate) struct Plan {
    /// The renditions.
    pub(crate) renditions: Vec<Planned>,
    /// Everything but sources and outputs.
    pub(crate) settings: RenderSpec,
    /// Which rendition is transcribed, and how; none if it is not.
    pub(crate) transcription: Option<Transcription>,
}

/// How media is transcribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transcription {
    /// Whether somebody waits for it.
    pub(crate) priority: Priority,
}

/// One line of a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) format: OutputFormat,
    pub(crate) rate_hz: u32,
    pub(crate) channels: ChannelLayout,
    pub(crate) span: Span,
    pub(crate) as_recorded: bool,
    pub(crate) through: Option<PhoneLine>,
}

impl Planned {
    /// The whole of it in mono.
    pub(crate) const fn mono(name: &'static str, purpose: Purpose, format: OutputFormat, rate_hz: u32) -> Self {
        Self {
            name,
            purpose,
            format,
            rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        }
    }

    /// The whole of it, caller left and callee right.
    pub(crate) const fn stereo(name: &'static str, purpose: Purpose, format: OutputFormat, rate_hz: u32) -> Self {
        Self { channels: ChannelLayout::Stereo, ..Self::mono(name, purpose, format, rate_hz) }
    }

    /// The brief clip in mono.
    pub(crate) const fn brief(name: &'static str, format: OutputFormat, rate_hz: u32) -> Self {
        Self { span: Span::Brief, ..Self::mono(name, Purpose::Brief, format, rate_hz) }
    }

    /// With the noise that came with it, whatever becomes of the others.
    pub(crate) const fn as_recorded(self) -> Self {
        Self { as_recorded: true, ..self }
    }

    /// What a phone makes of it, as a WAV that browsers play.
    pub(crate) const fn preview(name: &'static str) -> Self {
        let through = Some(PhoneLine::Ulaw);
        Self { through, ..Self::mono(name, Purpose::Preview, OutputFormat::Wav, 8_000) }
    }
}

/// The settings that all plans begin with.
pub(crate) fn settings(app: &App) -> RenderSpec {
    RenderSpec {
        ceiling_dbtp: app.config.media.ceiling_dbtp,
        waveform_bins: Some(WAVEFORM_BINS),
        max_duration_seconds: app.config.media.max_duration_seconds,
        ..RenderSpec::of(Vec::new())
    }
}
