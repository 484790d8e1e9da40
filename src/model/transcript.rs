//! What was said, with times.

use serde::{Deserialize, Serialize};

/// The text of a message or recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The whole text, with punctuation; empty when nobody speaks.
    pub text: String,
    /// True when there is no speech in the audio.
    pub no_speech: bool,
    /// The text in pieces of a sentence or so, in order of time.
    pub segments: Vec<TranscriptSegment>,
    /// ISO 639-1 code of the language; `None` when nobody speaks.
    pub language: Option<String>,
    /// Name and version of the engine.
    pub engine: String,
    /// The model's name in the manifest.
    pub model: String,
    /// Length of the audio in seconds, speech or not.
    pub duration_seconds: f64,
    /// Telephone numbers that are said, each once.
    #[serde(default)]
    pub callback_numbers: Vec<CallbackNumber>,
}

/// A telephone number that somebody says in a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallbackNumber {
    /// To dial: with `+` and the country's code where that is known, else the digits that were said.
    pub number: String,
    /// To read: `(415) 555-0132`, with the extension if one is said.
    pub display: String,
    /// Digits to dial once it answers.
    pub extension: Option<String>,
    /// Where it is said, in seconds from the start of the audio; the first time if it is said again.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
}

impl Transcript {
    /// The words of all segments, in order.
    pub fn words(&self) -> impl Iterator<Item = &TranscriptWord> {
        self.segments.iter().flat_map(|segment| &segment.words)
    }

    /// The transcript as WebVTT (W3C), a cue a segment.
    pub fn to_web_vtt(&self) -> String {
        let at = |seconds: f64| {
            let milliseconds = (seconds.max(0.0) * 1000.0).round() as u64;
            let (hours, rest) = (milliseconds / 3_600_000, milliseconds % 3_600_000);
            format!("{hours:02}:{:02}:{:02}.{:03}", rest / 60_000, rest / 1000 % 60, rest % 1000)
        };
        let mut vtt = String::from("WEBVTT\n");
        for segment in &self.segments {
            // A cue must not be empty, nor have an arrow or a tag in its text.
            let end_seconds = segment.end_seconds.max(segment.start_seconds + 0.001);
            let text = segment.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            vtt.push_str(&format!("\n{} --> {}\n{text}\n", at(segment.start_seconds), at(end_seconds)));
        }
        vtt
    }
}

/// A piece of a transcript.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscriptSegment {
    /// Where it begins, in seconds from the start of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// The words with a space between.
    pub text: String,
    /// Its words, at least one.
    pub words: Vec<TranscriptWord>,
}

/// One word with its punctuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TranscriptWord {
    /// Where it begins, in seconds from the start of the audio.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
    /// The word as written.
    pub text: String,
    /// How sure the engine is, from 0 to 1.
    pub confidence: f32,
}

/// Which engine transcribes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Ours; whisper.cpp for weights in a form that ours does not read.
    #[default]
    Voicemill,
    /// whisper.cpp.
    WhisperCpp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_vtt_has_a_cue_a_segment_and_no_markup() {
        let segment = |start_seconds: f64, end_seconds: f64, text: &str| TranscriptSegment {
            start_seconds,
            end_seconds,
            text: text.to_owned(),
            words: Vec::new(),
        };
        let segments = vec![segment(0.5, 2.25, "Hi, it's A&B."), segment(3_661.0, 3_661.0, "1 --> 2 <b>")];
        let transcript = Transcript { segments, ..Transcript::default() };
        assert_eq!(
            transcript.to_web_vtt(),
            "WEBVTT\n\n00:00:00.500 --> 00:00:02.250\nHi, it's A&amp;B.\n\n\
             01:01:01.000 --> 01:01:01.001\n1 --&gt; 2 &lt;b&gt;\n"
        );
        assert_eq!(Transcript::default().to_web_vtt(), "WEBVTT\n");
    }
}
