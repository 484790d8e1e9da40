//! The voice "heart": a small network that speaks a hundred times faster than real time on one core.

use std::collections::HashMap;

use rten_tensor::Tensor;

use super::{
    VoiceId,
    engine::Engine,
    network::{Network, failed},
    phonemes::{Accent, Phonemizer, phoneme_ids},
    vocoder::{Frames, Vocoder},
};
use crate::{SpeechError, models::ModelStore};

/// Its name in the manifest.
pub(super) const MODEL: &str = "voice-heart";
/// Seconds of speech made in a second on one core.
pub(super) const SPEED: f32 = 100.0;

/// Speaks American English with a woman's voice.
pub(super) struct Heart {
    network: Network,
    phoneme_ids: HashMap<char, i32>,
    phonemizer: Phonemizer,
    vocoder: Vocoder,
}

impl Heart {
    /// Loads the voice from the store.
    pub(super) fn open(store: &ModelStore) -> Result<Self, SpeechError> {
        let folder = store.path(MODEL)?;
        Ok(Self {
            network: Network::load(&folder.join("hibari.onnx"))?,
            phoneme_ids: phoneme_ids(&folder)?,
            phonemizer: Phonemizer::load(Accent::American, &folder)?,
            vocoder: Vocoder::new(),
        })
    }

    fn frames(&self, ids: &[i32], rate: f32) -> Result<Frames, SpeechError> {
        // The network expects a blank at either end.
        let ids = [&[0], ids, &[0]].concat();
        let inputs = [
            ("ids", Tensor::from_data(&[1, ids.len()], ids).into()),
            ("speed", Tensor::from_data(&[1], vec![rate]).into()),
        ];
        let outputs = self.network.run(inputs, ["lh", "theta", "ln", "lr", "phi", "f0"])?;
        let [harmonic_log_magnitude, harmonic_phase, noise_log_magnitude, free_log_magnitude, free_phase, pitch_hz] =
            outputs.map(|value| Tensor::<f32>::try_from(value).map(Tensor::into_data));
        Ok(Frames {
            harmonic_log_magnitude: harmonic_log_magnitude.map_err(failed)?,
            harmonic_phase: harmonic_phase.map_err(failed)?,
            noise_log_magnitude: noise_log_magnitude.map_err(failed)?,
            free_log_magnitude: free_log_magnitude.map_err(failed)?,
            free_phase: free_phase.map_err(failed)?,
            pitch_hz: pitch_hz.map_err(failed)?,
        })
    }
}

impl Engine for Heart {
    fn most_characters(&self) -> usize {
        240
    }

    fn phonemizer(&self, _: Accent) -> Result<&Phonemizer, SpeechError> {
        Ok(&self.phonemizer)
    }

    fn sound(&self, _: &VoiceId, phonemes: &str, rate: f32) -> Result<Vec<f32>, SpeechError> {
        let ids: Vec<i32> = phonemes.chars().filter_map(|phoneme| self.phoneme_ids.get(&phoneme).copied()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let frames = self.frames(&ids, rate)?;
        if !frames.is_consistent() {
            return Err(SpeechError::Engine("the voice gave frames of unequal length".to_owned()));
        }
        Ok(self.vocoder.render(&frames))
    }
}
