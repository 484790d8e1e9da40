//! What was said, with times.

use serde::{Deserialize, Serialize};

use crate::LegRole;

/// The text of a message or recording.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The whole text, with punctuation; empty when nobody speaks.
    pub text: String,
    /// True when there is no speech in the audio.
    pub no_speech: bool,
    /// True when somebody speaks and no word was understood: another language than the engine knows, or too much noise.
    #[serde(default)]
    pub not_understood: bool,
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
    /// True when it was meant as a number and cannot be all of one: a digit was lost, doubled or not understood. People
    /// should listen for themselves.
    #[serde(default)]
    pub unsure: bool,
    /// Where it is said, in seconds from the start of the audio; the first time if it is said again.
    pub start_seconds: f64,
    /// Where it ends.
    pub end_seconds: f64,
}

impl CallbackNumber {
    /// The number to read, with a mark where it is unsure: `646-55-0100 (unsure: please listen)`.
    pub fn label(&self) -> String {
        if self.unsure { format!("{} (unsure: please listen)", self.display) } else { self.display.clone() }
    }
}

/// Words in a row that are all doubtful, or all not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The words with a space between.
    pub text: String,
    /// True when the engine was unsure of each.
    pub doubtful: bool,
}

impl Transcript {
    /// The text in runs of words that are doubtful or not, in order.
    pub fn runs(&self) -> Vec<Run> {
        let words: Vec<_> = self.words().collect();
        let run = |words: &[&TranscriptWord]| Run {
            text: words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "),
            doubtful: words.first().is_some_and(|word| word.doubtful),
        };
        words.chunk_by(|word, next| word.doubtful == next.doubtful).map(run).collect()
    }

    /// The words of all segments, in order.
    pub fn words(&self) -> impl Iterator<Item = &TranscriptWord> {
        self.segments.iter().flat_map(|segment| &segment.words)
    }

    /// The transcript as WebVTT (W3C), a cue a segment: its speaker as the voice, doubtful words in spans of the class
    /// `doubtful`, which players show fainter.
    pub fn to_web_vtt(&self) -> String {
        let at = |seconds: f64| {
            let milliseconds = (seconds.max(0.0) * 1000.0).round() as u64;
            let (hours, rest) = (milliseconds / 3_600_000, milliseconds % 3_600_000);
            format!("{hours:02}:{:02}:{:02}.{:03}", rest / 60_000, rest / 1000 % 60, rest % 1000)
        };
        let mut vtt = String::from("WEBVTT\n");
        if self.words().any(|word| word.doubtful) {
            vtt.push_str("\nSTYLE\n::cue(.doubtful) { opacity: 0.6; font-style: italic }\n");
        }
        for segment in &self.segments {
            // A cue must not be empty.
            let end_seconds = segment.end_seconds.max(segment.start_seconds + 0.001);
            let voice = segment.role.map_or(String::new(), |role| format!("<v {}>", role.title()));
            let text = segment.cue_text();
            vtt.push_str(&format!("\n{} --> {}\n{voice}{text}\n", at(segment.start_seconds), at(end_seconds)));
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
    /// Who speaks, where each has a channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<LegRole>,
    /// Its words, at least one.
    pub words: Vec<TranscriptWord>,
}

impl TranscriptSegment {
    /// The text of a WebVTT cue, which must not have an arrow or a tag of its own.
    fn cue_text(&self) -> String {
        let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let word = |word: &TranscriptWord| {
            let text = plain(&word.text);
            if word.doubtful { format!("<c.doubtful>{text}</c>") } else { text }
        };
        if self.words.iter().any(|word| word.doubtful) {
            self.words.iter().map(word).collect::<Vec<_>>().join(" ")
        } else {
            plain(&self.text)
        }
    }
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
    /// True when it is so unsure that people should listen for themselves.
    #[serde(default)]
    pub doubtful: bool,
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
            role: None,
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

    fn spoken(role: Option<LegRole>, text: &str) -> TranscriptSegment {
        let word = |text: &str| TranscriptWord {
            start_seconds: 1.0,
            end_seconds: 1.5,
            text: text.trim_end_matches('?').to_owned(),
            confidence: if text.ends_with('?') { 0.2 } else { 0.9 },
            doubtful: text.ends_with('?'),
        };
        TranscriptSegment {
            start_seconds: 1.0,
            end_seconds: 2.0,
            text: text.replace('?', ""),
            role,
            words: text.split(' ').map(word).collect(),
        }
    }

    #[test]
    fn web_vtt_names_who_speaks_and_marks_what_is_doubtful() {
        let segments = vec![spoken(Some(LegRole::Caller), "Call A&B? now"), spoken(Some(LegRole::Callee), "Sure")];
        let vtt = Transcript { segments, ..Transcript::default() }.to_web_vtt();
        assert!(vtt.contains("::cue(.doubtful)"), "{vtt}");
        assert!(vtt.contains("\n<v Caller>Call <c.doubtful>A&amp;B</c> now\n"), "{vtt}");
        assert!(vtt.contains("\n<v Callee>Sure\n"), "{vtt}");
    }

    #[test]
    fn runs_are_doubtful_or_not_and_make_the_whole_text() {
        let segments = vec![spoken(None, "Hi it's Bob? Smith?"), spoken(None, "from? Acme")];
        let runs = Transcript { segments, ..Transcript::default() }.runs();
        let shown: Vec<_> = runs.iter().map(|run| (run.text.as_str(), run.doubtful)).collect();
        assert_eq!(shown, [("Hi it's", false), ("Bob Smith from", true), ("Acme", false)]);
    }
}
