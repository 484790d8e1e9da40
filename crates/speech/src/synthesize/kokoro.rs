//! Kokoro: a network of 82 million weights with many voices, each of them a table of style vectors.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rten_tensor::Tensor;

use super::{
    VoiceId,
    engine::Engine,
    network::{Network, failed},
    phonemes::{Accent, Phonemizer, phoneme_ids},
};
use crate::{SpeechError, load_once::LoadOnce, models::ModelStore};

/// Its name in the manifest.
pub(super) const MODEL: &str = "voice-kokoro";
/// Seconds of speech made in a second on one core.
pub(super) const SPEED: f32 = 2.0;

/// Numbers in a style vector; a voice has one vector for each count of phonemes.
const STYLE: usize = 256;

/// Longest piece in characters: memory grows by 30 MB a second of speech.
const MAX_PIECE_CHARACTERS: usize = 100;

// In samples of 24 kHz: the click that every sound begins with lasts 20 ms, silence follows.
const CLICK: usize = 720;
/// Below this nothing is heard: −50 dB.
const SILENCE: f32 = 0.003;
/// How much of the silence before and after the sound is kept, so that soft beginnings and ends are whole.
const BEFORE: usize = 960;
const AFTER: usize = 2_400;

/// Speaks with any of its voices.
pub(super) struct Kokoro {
    folder: PathBuf,
    network: Network,
    phoneme_ids: HashMap<char, i32>,
    american: LoadOnce<Phonemizer>,
    british: LoadOnce<Phonemizer>,
    styles: Mutex<HashMap<VoiceId, Arc<[f32]>>>,
}

impl Kokoro {
    /// Loads the network; voices and dictionaries are loaded when they first speak.
    pub(super) fn open(store: &ModelStore) -> Result<Self, SpeechError> {
        let folder = store.path(MODEL)?;
        Ok(Self {
            network: Network::load(&folder.join("kokoro.onnx"))?,
            phoneme_ids: phoneme_ids(&folder)?,
            american: LoadOnce::new(),
            british: LoadOnce::new(),
            styles: Mutex::default(),
            folder,
        })
    }

    /// The style vectors of a voice.
    fn styles(&self, voice: &VoiceId) -> Result<Arc<[f32]>, SpeechError> {
        let mut styles = self.styles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = styles.get(voice) {
            return Ok(known.clone());
        }
        let bytes = std::fs::read(self.folder.join(format!("{voice}.bin")))
            .map_err(SpeechError::io(format!("reading the voice {voice}")))?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        if numbers.len() < STYLE || !rest.is_empty() {
            return Err(SpeechError::Malformed(format!("the voice {voice} is not made of style vectors")));
        }
        let loaded: Arc<[f32]> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        styles.insert(voice.clone(), loaded.clone());
        Ok(loaded)
    }
}

/// The sound without the click that the network begins with, and without the silence around it.
fn trimmed(samples: &[f32]) -> &[f32] {
    let samples = samples.get(CLICK..).unwrap_or_default();
    let heard = |sample: &f32| sample.abs() > SILENCE;
    let (Some(first), Some(last)) = (samples.iter().position(heard), samples.iter().rposition(heard)) else {
        return &[];
    };
    &samples[first.saturating_sub(BEFORE)..(last + AFTER).min(samples.len())]
}

impl Engine for Kokoro {
    fn most_characters(&self) -> usize {
        MAX_PIECE_CHARACTERS
    }

    fn phonemizer(&self, accent: Accent) -> Result<&Phonemizer, SpeechError> {
        let cell = match accent {
            Accent::American => &self.american,
            Accent::British => &self.british,
        };
        cell.get_or_load(|| Phonemizer::load(accent, &self.folder))
    }

    fn sound(&self, voice: &VoiceId, phonemes: &str, rate: f32) -> Result<Vec<f32>, SpeechError> {
        let ids: Vec<i32> = phonemes.chars().filter_map(|phoneme| self.phoneme_ids.get(&phoneme).copied()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let styles = self.styles(voice)?;
        let row = ids.len().min(styles.len() / STYLE - 1) * STYLE;
        let style = styles[row..row + STYLE].to_vec();
        // The network expects a blank at either end.
        let ids = [&[0], &*ids, &[0]].concat();
        let inputs = [
            ("tokens", Tensor::from_data(&[1, ids.len()], ids).into()),
            ("style", Tensor::from_data(&[1, STYLE], style).into()),
            ("speed", Tensor::from_data(&[1], vec![rate]).into()),
        ];
        let [audio] = self.network.run(inputs, ["audio"])?;
        Ok(trimmed(&Tensor::<f32>::try_from(audio).map_err(failed)?.into_data()).to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_click_and_the_silence_around_speech_are_cut() {
        let mut sound = vec![0.0; 24_000];
        sound[..200].fill(0.9);
        sound[6_000..12_000].fill(0.5);
        let cut = trimmed(&sound);
        assert_eq!(cut.len(), BEFORE + 6_000 + AFTER - 1);
        assert!(cut[..BEFORE].iter().all(|sample| *sample == 0.0));
        assert!(trimmed(&sound[..5_000]).is_empty(), "a click is no speech");
        assert!(trimmed(&[0.9; 10]).is_empty());
    }
}
