//! Voices of a provider elsewhere, by the API that many have in common (`POST /v1/audio/speech`).

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Pcm, Speech, Synthesizer, Voice, VoiceId, find, local::pieces};
use crate::{SpeechError, cloud::Endpoint, error::ProviderProblem};

/// Sampling rate of the samples that providers send, in Hz.
const RATE_HZ: u32 = 24_000;
/// Most bytes of one sentence: five minutes.
const MAX_BYTES: usize = 5 * 60 * 2 * RATE_HZ as usize;
/// Longest piece in characters.
const MAX_PIECE_CHARACTERS: usize = 1_000;
/// What stands before the provider's own name of a voice.
const PREFIX: &str = "cloud-";

/// `[cloud_voices]`: a provider's voices beside our own. Off unless the section is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudVoicesConfig {
    /// Where the provider is, without `/v1/audio/speech`.
    pub base_url: String,
    /// The key that it knows us by; better set by the environment.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// The provider's name of its model.
    pub model: String,
    /// The provider's names of the voices to offer; each is chosen as `cloud-NAME`.
    pub voices: Vec<String>,
    /// The language they speak, as a BCP 47 tag.
    #[serde(default = "CloudVoicesConfig::default_language")]
    pub language: String,
    /// Seconds that one sentence may take.
    #[serde(default = "CloudVoicesConfig::default_timeout_seconds")]
    pub timeout_seconds: u64,
}

impl CloudVoicesConfig {
    fn default_language() -> String {
        "en-US".to_owned()
    }

    fn default_timeout_seconds() -> u64 {
        60
    }
}

/// A provider's voices.
pub struct CloudVoices {
    endpoint: Endpoint,
    config: CloudVoicesConfig,
}

#[derive(Serialize)]
struct Wanted<'a> {
    model: &'a str,
    voice: &'a str,
    input: &'a str,
    speed: f64,
    /// Samples of 16 bits without a header.
    response_format: &'static str,
}

impl CloudVoices {
    /// The voices that `config` names; on the runtime that their calls will run on.
    ///
    /// # Errors
    /// [`SpeechError::Refused`] when the address is none.
    pub fn new(config: CloudVoicesConfig) -> Result<Self, SpeechError> {
        let timeout = Duration::from_secs(config.timeout_seconds);
        let endpoint = Endpoint::new(&config.base_url, "/v1/audio/speech", config.key.clone(), timeout)?;
        Ok(Self { endpoint, config })
    }
}

impl Synthesizer for CloudVoices {
    fn voices(&self) -> Vec<Voice> {
        let voice = |name: &String| Voice {
            id: VoiceId::new(format!("{PREFIX}{name}")),
            language: self.config.language.clone().into(),
            gender: None,
            model: self.config.model.clone().into(),
            speed: None,
            ready: true,
        };
        self.config.voices.iter().map(voice).collect()
    }

    fn synthesize(&self, speech: &Speech<'_>) -> Result<Pcm, SpeechError> {
        find(&self.voices(), speech.voice)?;
        let voice = speech.voice.as_str().trim_start_matches(PREFIX);
        pieces(speech, RATE_HZ, MAX_PIECE_CHARACTERS, |piece| {
            let input = &speech.pronunciations.respelled(piece);
            let (model, speed) = (&*self.config.model, speech.manner.rate);
            let wanted = Wanted { model, voice, input, speed, response_format: "pcm" };
            let bytes = self.endpoint.post(MAX_BYTES, |request| request.json(&wanted))?;
            let (samples, rest) = bytes.as_chunks::<2>();
            if samples.is_empty() || !rest.is_empty() {
                return Err(ProviderProblem::NoSamples.into());
            }
            Ok(samples.iter().map(|sample| f32::from(i16::from_le_bytes(*sample)) / 32_768.0).collect())
        })
    }
}

/// Our own voices and a provider's as one.
pub struct AllVoices<A, B> {
    /// Asked first.
    pub own: A,
    /// Asked for voices that the first does not have.
    pub cloud: B,
}

impl<A: Synthesizer, B: Synthesizer> Synthesizer for AllVoices<A, B> {
    fn voices(&self) -> Vec<Voice> {
        [self.own.voices(), self.cloud.voices()].concat()
    }

    fn synthesize(&self, speech: &Speech<'_>) -> Result<Pcm, SpeechError> {
        let voices = self.voices();
        find(&voices, speech.voice)?;
        match self.own.voices().iter().any(|voice| voice.id == *speech.voice) {
            true => self.own.synthesize(speech),
            false => self.cloud.synthesize(speech),
        }
    }
}
