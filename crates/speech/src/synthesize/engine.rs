//! What the networks of this machine have in common.

use super::{
    VoiceId,
    phonemes::{Accent, Phonemizer},
};
use crate::SpeechError;

/// Sampling rate of every voice here, in Hz.
pub(super) const RATE_HZ: u32 = 24_000;

/// A network that turns phonemes into sound.
pub(super) trait Engine: Send + Sync {
    /// Longest piece that it says in one breath, in characters.
    fn most_characters(&self) -> usize;

    /// What turns words into its phonemes.
    fn phonemizer(&self, accent: Accent) -> Result<&Phonemizer, SpeechError>;

    /// The sound of the phonemes at [`RATE_HZ`], `rate` times as fast as usual; nothing where there are none.
    fn sound(&self, voice: &VoiceId, phonemes: &str, rate: f32) -> Result<Vec<f32>, SpeechError>;
}
