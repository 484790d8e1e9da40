//! Transcription by a provider elsewhere, by the API that many have in common (`POST /v1/audio/transcriptions`).

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use secrecy::SecretString;
use serde::Deserialize;

use super::{EngineInfo, RATE_HZ, Segment, TranscribeControl, Transcriber, Transcript, Word, gate, windows::Windows};
use crate::{SpeechError, cloud::Endpoint, error::ProviderProblem, synthesize::Pcm};
use voicemill_audio::format::AudioSource;

/// Longest audio sent at once, in seconds: 10 MB, which every provider takes.
const WINDOW_SECONDS: usize = 300;
/// Most bytes of an answer.
const MAX_BYTES: usize = 8_000_000;
/// How sure an engine is that does not say.
const UNKNOWN_CONFIDENCE: f32 = 0.5;

/// `[cloud_transcription]`: a provider's transcription in place of our own. Off unless the section is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudTranscriptionConfig {
    /// Where the provider is, without `/v1/audio/transcriptions`.
    pub base_url: String,
    /// The key that it knows us by; better set by the environment.
    #[serde(default)]
    pub key: Option<SecretString>,
    /// The provider's name of its model.
    pub model: String,
    /// Seconds that five minutes of audio may take.
    #[serde(default = "CloudTranscriptionConfig::default_timeout_seconds")]
    pub timeout_seconds: u64,
}

impl CloudTranscriptionConfig {
    fn default_timeout_seconds() -> u64 {
        300
    }
}

/// A provider's transcription.
pub struct CloudTranscriber {
    endpoint: Endpoint,
    model: String,
}

impl CloudTranscriber {
    /// The provider that `config` names; on the runtime that its calls will run on.
    ///
    /// # Errors
    /// [`SpeechError::Refused`] when the address is none.
    pub fn new(config: &CloudTranscriptionConfig) -> Result<Self, SpeechError> {
        let timeout = Duration::from_secs(config.timeout_seconds);
        let endpoint = Endpoint::new(&config.base_url, "/v1/audio/transcriptions", config.key.clone(), timeout)?;
        Ok(Self { endpoint, model: config.model.clone() })
    }

    /// What is said in one window.
    fn window(&self, samples: Vec<f32>, language: Option<&str>) -> Result<Answer, SpeechError> {
        let wav = Pcm { rate_hz: RATE_HZ, samples }.to_wav()?;
        let file = Part::bytes(wav).file_name("audio.wav");
        let form = Form::new()
            .text("model", self.model.clone())
            .text("response_format", "verbose_json")
            .text("timestamp_granularities[]", "word")
            .text("timestamp_granularities[]", "segment")
            .part("file", file);
        let form = match language {
            Some(language) => form.text("language", language.to_owned()),
            None => form,
        };
        let body = self.endpoint.post(MAX_BYTES, |request| request.multipart(form))?;
        serde_json::from_slice(&body).map_err(|_| ProviderProblem::NoTranscript.into())
    }
}

impl Transcriber for CloudTranscriber {
    fn transcribe(
        &self,
        audio: &mut dyn AudioSource,
        control: &TranscribeControl<'_>,
    ) -> Result<Transcript, SpeechError> {
        let mut windows = Windows::new(audio, WINDOW_SECONDS)?;
        let (mut segments, mut language) = (Vec::new(), None);
        while let Some(window) = windows.next()? {
            control.check()?;
            // Providers' engines write sentences for silence and tones too.
            if !gate::speech(window.samples.clone()).is_empty() {
                let begins = seconds(window.start);
                let answer = self.window(window.samples, control.language)?;
                language = language.or_else(|| answer.language());
                segments.extend(answer.segments(begins, seconds(windows.done()) - begins));
            }
            control.report(seconds(windows.done()));
        }
        Ok(super::transcript(segments, language, self.engine(), seconds(windows.done())))
    }

    fn engine(&self) -> EngineInfo {
        EngineInfo { engine: "cloud".to_owned(), model: self.model.clone(), cpu: "elsewhere".to_owned() }
    }
}

fn seconds(samples: u64) -> f64 {
    samples as f64 / f64::from(RATE_HZ)
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    text: String,
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    segments: Vec<AnsweredSegment>,
    #[serde(default)]
    words: Vec<AnsweredWord>,
}

#[derive(Deserialize)]
struct AnsweredSegment {
    start: f64,
    end: f64,
    text: String,
    avg_logprob: Option<f32>,
}

#[derive(Deserialize)]
struct AnsweredWord {
    word: String,
    start: f64,
    end: f64,
}

impl Answer {
    /// The language's ISO 639-1 code; providers send it, or the language's English name.
    fn language(&self) -> Option<String> {
        let name = self.language.as_deref()?.to_lowercase();
        let code = match name.as_str() {
            "english" => "en",
            "spanish" => "es",
            "french" => "fr",
            "german" => "de",
            "italian" => "it",
            "portuguese" => "pt",
            "dutch" => "nl",
            "polish" => "pl",
            "russian" => "ru",
            "chinese" => "zh",
            "japanese" => "ja",
            "korean" => "ko",
            code if code.len() == 2 => code,
            _ => return None,
        };
        Some(code.to_owned())
    }

    /// The segments with their words, `begins` seconds later; a text without segments is one of `length` seconds.
    fn segments(self, begins: f64, length: f64) -> Vec<Segment> {
        let mut answered = self.segments;
        if answered.is_empty() {
            answered.push(AnsweredSegment { start: 0.0, end: length, text: self.text, avg_logprob: None });
        }
        let mut words = self.words.into_iter().peekable();
        let mut segments = Vec::new();
        for segment in answered {
            let text = segment.text.split_whitespace().collect::<Vec<_>>().join(" ");
            if text.is_empty() {
                continue;
            }
            let confidence = segment.avg_logprob.map_or(UNKNOWN_CONFIDENCE, |log| log.exp().clamp(0.0, 1.0));
            let within = |value: f64| value.clamp(0.0, length);
            let (start, end) = (within(segment.start), within(segment.end.max(segment.start)));
            let mut own = Vec::new();
            while let Some(word) = words.next_if(|word| word.start < end) {
                own.push((word.word.trim().to_owned(), within(word.start), within(word.end.max(word.start))));
            }
            if own.is_empty() {
                own = spread(&text, start, end);
            }
            let word = |(text, start, end): (String, f64, f64)| Word {
                start_seconds: begins + start,
                end_seconds: begins + end,
                text,
                confidence,
                doubtful: false,
            };
            let words = own.into_iter().map(word).collect();
            segments.push(Segment {
                start_seconds: begins + start,
                end_seconds: begins + end,
                text,
                role: None,
                words,
            });
        }
        segments
    }
}

/// The words of a text without times, each as long as its share of the letters.
fn spread(text: &str, start: f64, end: f64) -> Vec<(String, f64, f64)> {
    let per_byte = (end - start) / (text.len() + 1) as f64;
    let mut at = start;
    let timed = text.split(' ').map(|word| {
        let begins = at;
        at += per_byte * (word.len() + 1) as f64;
        (word.to_owned(), begins, at.min(end))
    });
    timed.collect()
}
