//! The voices that speak on this machine: what they are, and how a text is brought to them sentence by sentence, so
//! that memory follows the sentence and not the text.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Gender, Pcm, Speech, Synthesizer, Voice, VoiceId, check_text,
    engine::{Engine, RATE_HZ},
    find,
    heart::{self, Heart},
    kokoro::{self, Kokoro},
    phonemes::Accent,
    sentences,
};
use crate::{
    SpeechError,
    error::Refusal,
    load_once::LoadOnce,
    models::{ModelState, ModelStore},
    text,
};

/// How long a list of voices is believed; a model that is fetched meanwhile shows after so long.
const LISTED_FOR: Duration = Duration::from_secs(5);

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
    heart: LoadOnce<Heart>,
    kokoro: LoadOnce<Kokoro>,
    listed: Mutex<Option<Listed>>,
}

/// The voices as they were found.
struct Listed {
    at: Instant,
    voices: Vec<Voice>,
}

impl LocalVoices {
    /// The voices of `store`, whether their models are there yet or not.
    pub fn new(store: Arc<ModelStore>) -> Self {
        Self { store, heart: LoadOnce::new(), kokoro: LoadOnce::new(), listed: Mutex::default() }
    }

    fn engine(&self, model: &str) -> Result<&dyn Engine, SpeechError> {
        match model {
            heart::MODEL => self.heart.get_or_load(|| Heart::open(&self.store)).map(|engine| engine as &dyn Engine),
            _ => self.kokoro.get_or_load(|| Kokoro::open(&self.store)).map(|engine| engine as &dyn Engine),
        }
    }

    /// The voices as they were at `now` or less than [`LISTED_FOR`] before.
    fn listed(&self, now: Instant) -> Vec<Voice> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*listed {
            Some(list) if now.saturating_duration_since(list.at) < LISTED_FOR => list.voices.clone(),
            _ => {
                let voices = self.look();
                *listed = Some(Listed { at: now, voices: voices.clone() });
                voices
            }
        }
    }

    /// The voices, with a look at every file of their models.
    fn look(&self) -> Vec<Voice> {
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
}

impl Synthesizer for LocalVoices {
    fn voices(&self) -> Vec<Voice> {
        self.listed(Instant::now())
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
    check_text(speech.text)?;
    let mut samples = Vec::new();
    for piece in sentences::split(&text::speakable_for(speech.text, speech.locale), most_characters) {
        speech.check()?;
        let sound = say(piece.text)?;
        if !sound.is_empty() {
            samples.extend(sound.into_iter().map(|sample| sample.clamp(-1.0, 1.0)));
            let pause = f64::from(piece.pause_seconds) * speech.manner.pauses * f64::from(rate_hz);
            samples.resize(samples.len() + pause as usize, 0.0);
        }
    }
    if samples.is_empty() {
        return Err(Refusal::NothingToSpeak.into());
    }
    Ok(Pcm { rate_hz, samples })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::models::Manifest;

    #[test]
    fn a_list_of_voices_is_kept_for_seconds_and_then_shows_what_was_fetched() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Manifest::built_in().unwrap();
        let model = manifest.model(heart::MODEL).unwrap().clone();
        let voices = LocalVoices::new(Arc::new(ModelStore::new(folder.path(), manifest)));
        let ready = |at| find(&voices.listed(at), &VoiceId::from_static("heart")).unwrap().ready;
        let begun = Instant::now();
        assert!(!ready(begun));

        fs::create_dir(folder.path().join(&model.name)).unwrap();
        for file in &model.files {
            fs::File::create(folder.path().join(&model.name).join(&file.name)).unwrap().set_len(file.bytes).unwrap();
        }
        assert!(!ready(begun + LISTED_FOR - Duration::from_millis(1)), "no file is looked at");
        assert!(ready(begun + LISTED_FOR));
    }
}
