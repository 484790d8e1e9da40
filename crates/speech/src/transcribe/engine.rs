//! Which engine transcribes.

/// Which engine transcribes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Ours; whisper.cpp for weights in a form that ours does not read.
    #[default]
    Voicemill,
    /// whisper.cpp.
    WhisperCpp,
}
