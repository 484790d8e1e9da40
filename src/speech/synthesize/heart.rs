//! The voice "heart": a small network that speaks a hundred times faster than real time on one core.

use std::collections::HashMap;

use rten_tensor::Tensor;

use super::{
    Gender, MAX_TEXT_CHARACTERS, Pcm, Synthesizer, Voice, VoiceId,
    network::{Network, failed},
    phonemes::Phonemizer,
    sentences,
    vocoder::{self, Frames, Vocoder},
};
use crate::speech::{SpeechError, models::ModelStore, text};

const MODEL: &str = "voice-heart";

/// Speaks American English with a woman's voice.
pub struct HeartSynthesizer {
    network: Network,
    phoneme_ids: HashMap<char, i32>,
    phonemizer: Phonemizer,
    vocoder: Vocoder,
    voices: [Voice; 1],
}

impl HeartSynthesizer {
    /// Loads the voice from the store.
    ///
    /// # Errors
    /// When the model was not fetched or is damaged.
    pub fn open(store: &ModelStore) -> Result<Self, SpeechError> {
        let folder = store.path(MODEL)?;
        let vocabulary = std::fs::read(folder.join("vocab.json")).map_err(SpeechError::io("reading the phonemes"))?;
        let phoneme_ids = serde_json::from_slice(&vocabulary)
            .map_err(|error| SpeechError::Malformed(format!("the phonemes of {MODEL}: {error}")))?;
        Ok(Self {
            network: Network::load(&folder.join("hibari.onnx"))?,
            phoneme_ids,
            phonemizer: Phonemizer::american(&folder.join("oov.onnx"), &folder.join("oov.json"))?,
            vocoder: Vocoder::new(),
            voices: [Voice { id: VoiceId::new("heart"), language: "en-US", gender: Gender::Female, model: MODEL }],
        })
    }

    /// Speaks one piece and adds it to `samples`.
    fn speak(&self, piece: &str, samples: &mut Vec<f32>) -> Result<(), SpeechError> {
        let phonemes = self.phonemizer.phonemes(piece)?;
        let ids: Vec<i32> = phonemes.chars().filter_map(|phoneme| self.phoneme_ids.get(&phoneme).copied()).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let frames = self.frames(&ids)?;
        if !frames.is_consistent() {
            return Err(SpeechError::Engine("the voice gave frames of unequal length".to_owned()));
        }
        samples.extend(self.vocoder.render(&frames).into_iter().map(|sample| sample.clamp(-1.0, 1.0)));
        Ok(())
    }

    fn frames(&self, ids: &[i32]) -> Result<Frames, SpeechError> {
        // The network expects a blank at either end.
        let ids = [&[0], ids, &[0]].concat();
        let inputs = [
            ("ids", Tensor::from_data(&[1, ids.len()], ids).into()),
            ("speed", Tensor::from_data(&[1], vec![1.0f32]).into()),
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

impl Synthesizer for HeartSynthesizer {
    fn voices(&self) -> &[Voice] {
        &self.voices
    }

    fn synthesize(&self, text: &str, voice: &VoiceId) -> Result<Pcm, SpeechError> {
        if !self.voices.iter().any(|known| known.id == *voice) {
            return Err(SpeechError::Refused(format!("there is no voice called {:?}; there is heart", voice.as_str())));
        }
        let characters = text.chars().count();
        if characters > MAX_TEXT_CHARACTERS {
            return Err(SpeechError::Refused(format!(
                "the text has {characters} characters; at most {MAX_TEXT_CHARACTERS} are spoken at once"
            )));
        }
        let speakable = text::speakable(text);
        let mut samples = Vec::new();
        for piece in sentences::split(&speakable) {
            let before = samples.len();
            self.speak(piece.text, &mut samples)?;
            if samples.len() > before {
                let pause = (piece.pause_seconds * vocoder::RATE_HZ as f32) as usize;
                samples.resize(samples.len() + pause, 0.0);
            }
        }
        if samples.is_empty() {
            return Err(SpeechError::Refused("there is nothing to speak in the text".to_owned()));
        }
        Ok(Pcm { rate_hz: vocoder::RATE_HZ, samples })
    }
}
