//! The voices that speak on this machine: what they are, and how a text is brought to them sentence by sentence, so
//! that memory follows the sentence and not the text.

use std::sync::{Arc, OnceLock};

use super::{
    Gender, Pcm, Speech, Synthesizer, Voice, VoiceId,
    engine::{Engine, RATE_HZ, load_once},
    find,
    heart::{self, Heart},
    kokoro::{self, Kokoro},
    phonemes::Accent,
    sentences,
};
use crate::{
    SpeechError,
    models::{ModelState, ModelStore},
    text,
};

/// Most phonemes a network gets at once, however many a pronunciation has.
const MAX_PHONEMES: usize = 300;

const AMERICAN: &str = "en-US";
const BRITISH: &str = "en-GB";

/// Every voice: its name, language, gender and model.
const VOICES: [(&str, &str, Gender, &str); 11] = [
    ("heart", AMERICAN, Gender::Female, heart::MODEL),
    ("bella", AMERICAN, Gender::Female, kokoro::MODEL),
    ("kore", AMERICAN, Gender::Female, kokoro::MODEL),
    ("aoede", AMERICAN, Gender::Female, kokoro::MODEL),
    ("fenrir", AMERICAN, Gender::Male, kokoro::MODEL),
    ("michael", AMERICAN, Gender::Male, kokoro::MODEL),
    ("puck", AMERICAN, Gender::Male, kokoro::MODEL),
    ("emma", BRITISH, Gender::Female, kokoro::MODEL),
    ("isabella", BRITISH, Gender::Female, kokoro::MODEL),
    ("george", BRITISH, Gender::Male, kokoro::MODEL),
    ("lewis", BRITISH, Gender::Male, kokoro::MODEL),
];

/// The voices of the models in a store, each model loaded when a voice of it first speaks.
pub struct LocalVoices {
    store: Arc<ModelStore>,
    heart: OnceLock<Heart>,
    kokoro: OnceLock<Kokoro>,
}

impl LocalVoices {
    /// The voices of `store`, whether their models are there yet or not.
    pub fn new(store: Arc<ModelStore>) -> Self {
        Self { store, heart: OnceLock::new(), kokoro: OnceLock::new() }
    }

    fn engine(&self, model: &str) -> Result<&dyn Engine, SpeechError> {
        match model {
            heart::MODEL => load_once(&self.heart, || Heart::open(&self.store)).map(|engine| engine as &dyn Engine),
            _ => load_once(&self.kokoro, || Kokoro::open(&self.store)).map(|engine| engine as &dyn Engine),
        }
    }
}

impl Synthesizer for LocalVoices {
    fn voices(&self) -> Vec<Voice> {
        let status = self.store.status();
        let is_here =
            |name: &str| status.iter().any(|(model, state)| model.name == name && *state == ModelState::Present);
        let voice = |(name, language, gender, model): (&'static str, &'static str, Gender, &'static str)| Voice {
            id: VoiceId::from_static(name),
            language: language.into(),
            gender: Some(gender),
            model: model.into(),
            speed: Some(if model == heart::MODEL { heart::SPEED } else { kokoro::SPEED }),
            ready: is_here(model),
        };
        VOICES.into_iter().map(voice).collect()
    }

    fn synthesize(&self, speech: &Speech<'_>) -> Result<Pcm, SpeechError> {
        let voices = self.voices();
        let voice = find(&voices, speech.voice)?;
        let engine = self.engine(&voice.model)?;
        let accent = if voice.language == BRITISH { Accent::British } else { Accent::American };
        let phonemizer = engine.phonemizer(accent)?;
        pieces(speech, RATE_HZ, engine.most_characters(), |piece| {
            let phonemes = phonemizer.phonemes(&speech.pronunciations.marked(piece, accent))?;
            let mut sound = Vec::new();
            for portion in sentences::portions(&phonemes, MAX_PHONEMES) {
                sound.extend(engine.sound(speech.voice, portion, speech.manner.rate as f32)?);
            }
            Ok(sound)
        })
    }
}

/// Speaks a text piece by piece with `say`, and pauses after each.
pub(super) fn pieces(
    speech: &Speech<'_>,
    rate_hz: u32,
    most_characters: usize,
    mut say: impl FnMut(&str) -> Result<Vec<f32>, SpeechError>,
) -> Result<Pcm, SpeechError> {
    speech.check()?;
    let mut samples = Vec::new();
    for piece in sentences::split(&text::speakable(speech.text), most_characters) {
        speech.check()?;
        let sound = say(piece.text)?;
        if !sound.is_empty() {
            samples.extend(sound.into_iter().map(|sample| sample.clamp(-1.0, 1.0)));
            let pause = f64::from(piece.pause_seconds) * speech.manner.pauses * f64::from(rate_hz);
            samples.resize(samples.len() + pause as usize, 0.0);
        }
    }
    if samples.is_empty() {
        return Err(SpeechError::Refused("there is nothing to speak in the text".to_owned()));
    }
    Ok(Pcm { rate_hz, samples })
}
