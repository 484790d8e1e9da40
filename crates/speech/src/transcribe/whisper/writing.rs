//! Writes down one span, greedily, a token at a time, and notices when the decoder goes in circles.

use super::{
    align,
    decoder::{Decoder, Memory},
    layers::{Kernels, Scratch},
    vocabulary::Vocabulary,
};
use crate::SpeechError;

/// A text of 28 s is shorter than this, unless it loops.
const MAX_TOKENS: usize = 220;

/// A word may lie this far outside the timestamps around it, which are coarse, in seconds.
const STAMP_SLACK_SECONDS: f64 = 0.5;

/// Phrases, in tokens, that are looked for in circles.
const MAX_PHRASE: usize = 24;
/// Shorter ones are said in earnest now and then: "bye, bye".
const SHORT_PHRASE: usize = 3;

/// When the last round of a phrase was heard less than this after the first, for each of its tokens, in seconds, the
/// decoder reads the same sound again.
const ROUND_SECONDS_A_TOKEN: f64 = 0.05;
/// Places this near to the furthest are at the end of what was said.
const NEAR_SECONDS: f64 = 0.1;

/// A token of a text.
pub(super) struct Written {
    pub(super) token: usize,
    /// Natural logarithm of its probability.
    pub(super) log_probability: f32,
    /// Seconds from the start of the span.
    pub(super) start_seconds: f64,
    pub(super) end_seconds: f64,
}

/// A span in writing.
pub(super) struct Text {
    pub(super) tokens: Vec<Written>,
    /// How much of the span was written down, in seconds, where the decoder stopped before its end.
    pub(super) until_seconds: Option<f64>,
    pub(super) no_speech_probability: f32,
    pub(super) language: Option<&'static str>,
}

/// What writing needs beside the span.
pub(super) struct Writer<'a> {
    pub(super) kernels: &'a Kernels,
    pub(super) decoder: &'a Decoder,
    pub(super) vocabulary: &'a Vocabulary,
}

impl Writer<'_> {
    /// Writes what the encoder made of a span: `encoded` has `positions` rows, of which the span fills `heard`.
    pub(super) fn write(
        &self,
        scratch: &mut Scratch,
        encoded: &[f32],
        positions: usize,
        heard: usize,
        language: Option<&str>,
        check: &dyn Fn() -> Result<(), SpeechError>,
    ) -> Result<Text, SpeechError> {
        let Self { kernels, decoder, vocabulary } = self;
        let mut memory = decoder.begin(kernels, scratch, encoded, positions)?;
        let mut scores = Vec::new();
        let mut state = decoder.take(kernels, scratch, &mut memory, vocabulary.start)?;
        decoder.score(kernels, scratch, &state, &mut scores)?;
        let no_speech_probability = log_probability(&scores, vocabulary.no_speech).exp();
        let language = vocabulary.language(&scores, language);
        // Where nothing is asked, what follows is scored already.
        let mut is_scored = true;
        for token in vocabulary.request(language) {
            state = decoder.take(kernels, scratch, &mut memory, token)?;
            is_scored = false;
        }
        let asked = memory.attention.len();
        let mut line = Line { positions, heard, ..Line::default() };
        while line.tokens.len() < MAX_TOKENS {
            check()?;
            if !std::mem::take(&mut is_scored) {
                decoder.score(kernels, scratch, &state, &mut scores)?;
            }
            vocabulary.forbid(&mut scores, &line.tokens, heard);
            let token = likeliest(&scores);
            if token == vocabulary.end {
                break;
            }
            line.push(token, log_probability(&scores, token), memory.attention.last());
            if line.circles(vocabulary) || vocabulary.is_over(&line.tokens, heard) {
                break;
            }
            state = decoder.take(kernels, scratch, &mut memory, token)?;
        }
        let until_seconds = line.tokens.last().and_then(|last| vocabulary.position(*last)).map(seconds);
        let tokens = line.timed(&memory, asked, vocabulary);
        Ok(Text { tokens, until_seconds, no_speech_probability, language: vocabulary.language_name(language) })
    }
}

/// A text as it grows.
#[derive(Default)]
struct Line {
    positions: usize,
    heard: usize,
    tokens: Vec<usize>,
    log_probabilities: Vec<f32>,
    /// Where each token was looked for, in seconds.
    places: Vec<f64>,
}

impl Line {
    fn push(&mut self, token: usize, log_probability: f32, looked: Option<&Vec<f32>>) {
        self.tokens.push(token);
        self.log_probabilities.push(log_probability);
        self.places.push(looked.map_or(0.0, |looked| align::place(looked, self.positions, self.heard)));
    }

    /// True when a phrase was written again and again, with no timestamp between, from the same sound; then only the
    /// first round is kept.
    ///
    /// People repeat themselves too, but later: a real second round is heard after the first.
    fn circles(&mut self, vocabulary: &Vocabulary) -> bool {
        let length = self.tokens.len();
        let stamped = self.tokens.iter().rposition(|token| vocabulary.position(*token).is_some());
        let since = stamped.map_or(0, |stamp| stamp + 1);
        let same = |at: usize, phrase: usize| {
            let text = |at: usize| vocabulary.text(self.tokens[at]);
            text(at).eq_ignore_ascii_case(text(at - phrase))
        };
        let found = (1..=MAX_PHRASE).find_map(|phrase| {
            let rounds = if phrase < SHORT_PHRASE { 4 } else { 3 };
            let begin = length.checked_sub(rounds * phrase).filter(|begin| *begin >= since)?;
            let repeated = (begin + phrase..length).all(|at| same(at, phrase));
            let advance = self.places[length - 1] - self.places[begin + phrase - 1];
            (repeated && advance < ROUND_SECONDS_A_TOKEN * phrase as f64).then_some(begin)
        });
        let Some(begin) = found else { return false };
        let furthest = self.places[begin..].iter().copied().fold(0.0, f64::max);
        let reached = |place: &f64| *place > furthest - NEAR_SECONDS;
        let mut kept = begin + self.places[begin..].iter().position(reached).unwrap_or(0) + 1;
        while kept < length && vocabulary.text(self.tokens[kept]).iter().all(u8::is_ascii_punctuation) {
            kept += 1;
        }
        self.tokens.truncate(kept);
        true
    }

    /// The tokens of text with their times; `asked` tokens were taken before the first was written.
    fn timed(self, memory: &Memory, asked: usize, vocabulary: &Vocabulary) -> Vec<Written> {
        // A token was looked for while the one before it was taken; one look more tells where the last ends.
        let first = asked - 1;
        let looks = (self.tokens.len() + 1).min(memory.attention.len() - first);
        let starts = align::times(&memory.attention[first..first + looks], self.positions, self.heard);
        let end = seconds(self.heard);
        let stamp = |token: &usize| vocabulary.position(*token).map(seconds);
        let mut written = Vec::with_capacity(self.tokens.len());
        for (at, token) in self.tokens.iter().enumerate().filter(|(_, token)| stamp(token).is_none()) {
            let after = self.tokens[..at].iter().rev().find_map(stamp).unwrap_or(0.0);
            let before = self.tokens[at..].iter().find_map(stamp).unwrap_or(end);
            let within = |seconds: f64| {
                seconds
                    .clamp((after - STAMP_SLACK_SECONDS).max(0.0), (before + STAMP_SLACK_SECONDS).max(after).min(end))
            };
            written.push(Written {
                token: *token,
                log_probability: self.log_probabilities[at],
                start_seconds: within(starts.get(at).copied().unwrap_or(end)),
                end_seconds: within(starts.get(at + 1).copied().unwrap_or(end)),
            });
        }
        written
    }
}

fn seconds(positions: usize) -> f64 {
    positions as f64 * align::POSITION_SECONDS
}

fn likeliest(scores: &[f32]) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, score) in scores.iter().enumerate() {
        if *score > best.1 {
            best = (token, *score);
        }
    }
    best.0
}

/// The natural logarithm of a token's probability, of all that may follow.
fn log_probability(scores: &[f32], token: usize) -> f32 {
    use rten_simd::SimdOp;
    let (_, highest) = rten_vecmath::MinMax::new(scores).dispatch();
    let sum = rten_vecmath::SumExpSub::new(scores, highest).dispatch();
    scores[token] - highest - sum.ln()
}
