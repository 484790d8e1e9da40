//! Whisper's tokens: text, and the control tokens around it.

use super::weights::Weights;
use crate::SpeechError;

/// Size of the vocabulary of the models that only know English.
pub(super) const ENGLISH_TOKENS: usize = 51_864;

/// Languages in the order of their tokens, by ISO 639-1 where there is such a code; the last only in large-v3.
const LANGUAGES: [&str; 100] = [
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi",
    "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml",
    "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs",
    "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am",
    "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jw", "su", "yue",
];

/// True for the code of a language that whisper knows.
pub fn is_language(code: &str) -> bool {
    LANGUAGES.contains(&code)
}

/// A text begins within this many positions, a second.
const LATEST_BEGINNING: usize = 50;
/// Within this many positions of the end of a span, everything is said.
const END_POSITIONS: usize = 15;

/// What each token means.
pub(super) struct Vocabulary {
    tokens: Vec<Vec<u8>>,
    /// A space, with which no text begins.
    blank: Option<usize>,
    /// None where there is only English.
    languages: Option<std::ops::Range<usize>>,
    /// Ends a text; every token before it is text.
    pub(super) end: usize,
    /// Begins a text.
    pub(super) start: usize,
    /// Asks for the words that were said, not for a translation.
    transcribe: usize,
    /// Likely after `start` where nobody speaks.
    pub(super) no_speech: usize,
    /// The first timestamp; one more for every position of what was heard.
    timestamps: usize,
}

impl Vocabulary {
    pub(super) fn read(weights: &mut Weights) -> Result<Self, SpeechError> {
        let tokens = std::mem::take(&mut weights.tokens);
        let all = weights.shape.vocabulary;
        let english = all == ENGLISH_TOKENS;
        let end = if english { 50_256 } else { 50_257 };
        // One language more moves everything behind the languages.
        let languages =
            (!english).then(|| end + 2..end + 2 + (all - ENGLISH_TOKENS.min(all) + 98).min(LANGUAGES.len()));
        let translate = languages.as_ref().map_or(end + 101, |languages| languages.end);
        if tokens.len() < end || translate + 6 >= all {
            return Err(SpeechError::Malformed(format!("a whisper model has no vocabulary of {all} tokens")));
        }
        Ok(Self {
            blank: tokens.iter().position(|token| token == b" "),
            tokens,
            languages,
            end,
            start: end + 1,
            transcribe: translate + 1,
            no_speech: translate + 4,
            timestamps: translate + 6,
        })
    }

    /// True where there is only English.
    pub(super) fn is_english(&self) -> bool {
        self.languages.is_none()
    }

    /// The bytes of a token of text.
    pub(super) fn text(&self, token: usize) -> &[u8] {
        self.tokens.get(token).map_or(&[], Vec::as_slice)
    }

    /// What is asked after `start`, with the language where there are several.
    pub(super) fn request(&self, language: Option<usize>) -> Vec<usize> {
        match language {
            Some(language) => vec![language, self.transcribe],
            None => Vec::new(),
        }
    }

    /// The token of the language called `wanted`, else of the likeliest; none where there is only English.
    pub(super) fn language(&self, scores: &[f32], wanted: Option<&str>) -> Option<usize> {
        let languages = self.languages.clone()?;
        let named = wanted.and_then(|wanted| LANGUAGES.iter().position(|language| *language == wanted));
        let named = named.map(|index| languages.start + index).filter(|token| languages.contains(token));
        named.or_else(|| languages.max_by(|a, b| scores[*a].total_cmp(&scores[*b])))
    }

    /// The language of a language's token; English where there is no other.
    pub(super) fn language_name(&self, token: Option<usize>) -> Option<&'static str> {
        match (token, &self.languages) {
            (Some(token), Some(languages)) => LANGUAGES.get(token.checked_sub(languages.start)?).copied(),
            _ => Some("en"),
        }
    }

    /// The position that a timestamp stands for.
    pub(super) fn position(&self, token: usize) -> Option<usize> {
        token.checked_sub(self.timestamps)
    }

    /// True when a stretch of text was closed at the end of a span of `heard` positions: nothing more was said.
    pub(super) fn is_over(&self, written: &[usize], heard: usize) -> bool {
        match written {
            [.., text, stamp] if *text < self.timestamps => {
                self.position(*stamp).is_some_and(|position| position + END_POSITIONS >= heard)
            }
            _ => false,
        }
    }

    /// Takes away what may not follow `written` in a span of `heard` positions.
    ///
    /// These are the rules of OpenAI's `ApplyTimestampRules`: stretches of text between pairs of timestamps that never
    /// go back. One more ends what Whisper is known for: no timestamp lies behind the end of the span (and when that is
    /// reached, the text [is over](Self::is_over)). Brackets stay: where nobody speaks, a note like "[music]", which is left out
    /// later, is better than words that nobody said.
    pub(super) fn forbid(&self, scores: &mut [f32], written: &[usize], heard: usize) {
        const NEVER: f32 = f32::NEG_INFINITY;
        let last = scores.len();
        let first_stamp = self.timestamps.min(last);
        scores[self.end + 1..first_stamp].fill(NEVER);
        scores[(first_stamp + heard + 1).min(last)..].fill(NEVER);
        let is_stamp = |back: usize| written.len() >= back && written[written.len() - back] >= self.timestamps;
        let Some(position) = written.iter().rev().find_map(|token| self.position(*token)) else {
            // The first token is a timestamp near the beginning.
            scores[..first_stamp].fill(NEVER);
            scores[(first_stamp + LATEST_BEGINNING + 1).min(last)..].fill(NEVER);
            return;
        };
        let opened = is_stamp(1) && (written.len() == 1 || is_stamp(2));
        let closed = is_stamp(1) && !opened;
        let earliest = if closed { position } else { position + 1 };
        scores[first_stamp..(first_stamp + earliest).min(last)].fill(NEVER);
        if opened {
            scores[first_stamp..].fill(NEVER);
        }
        if closed {
            scores[..self.end].fill(NEVER);
        }
        if written.len() == 1 {
            scores[self.end] = NEVER;
            self.blank.into_iter().for_each(|token| scores[token] = NEVER);
        }
        // A timestamp is due when all of them together are likelier than any one word.
        let (words, stamps) = scores.split_at_mut(first_stamp);
        let word = words.iter().copied().fold(NEVER, f32::max);
        if stamps.iter().map(|score| (score - word).exp()).sum::<f32>() > 1.0 {
            words.fill(NEVER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten words, an end, and timestamps from 20 on.
    fn vocabulary() -> Vocabulary {
        let tokens = (0..10).map(|n| format!(" w{n}").into_bytes()).collect();
        let (blank, languages) = (Some(0), None);
        Vocabulary { tokens, blank, languages, end: 10, start: 11, transcribe: 12, no_speech: 13, timestamps: 20 }
    }

    fn allowed(written: &[usize], heard: usize, scores: impl Fn(usize) -> f32) -> Vec<usize> {
        let mut all: Vec<f32> = (0..200).map(scores).collect();
        vocabulary().forbid(&mut all, written, heard);
        (0..200).filter(|token| all[*token] > f32::NEG_INFINITY).collect()
    }

    fn words(token: usize) -> f32 {
        if token < 20 { 0.0 } else { -9.0 }
    }

    #[test]
    fn a_text_begins_with_a_timestamp_near_the_beginning_and_then_a_word() {
        assert_eq!(allowed(&[], 150, words), (20..=20 + LATEST_BEGINNING).collect::<Vec<_>>());
        assert_eq!(allowed(&[20], 150, words), (1..10).collect::<Vec<_>>(), "no blank, no end");
    }

    #[test]
    fn timestamps_come_in_pairs_go_forward_and_stay_within_the_span() {
        assert_eq!(allowed(&[20, 3], 60, words), (0..=10).chain(21..=80).collect::<Vec<_>>());
        assert_eq!(allowed(&[20, 3, 40], 60, words), (10..=10).chain(40..=80).collect::<Vec<_>>());
        assert_eq!(allowed(&[20, 3, 40, 41], 60, words), (0..=10).collect::<Vec<_>>());
    }

    #[test]
    fn a_text_that_has_reached_the_end_of_its_span_ends() {
        let is_over = |written: &[usize]| vocabulary().is_over(written, 60);
        assert!(is_over(&[20, 3, 75]));
        assert!(!is_over(&[20, 3, 40]) && !is_over(&[20, 3]) && !is_over(&[75]) && !is_over(&[20, 3, 75, 75]));
    }

    #[test]
    fn many_likely_timestamps_outweigh_one_word() {
        let stamps = |token: usize| if token < 20 { 0.0 } else { -2.0 };
        assert_eq!(allowed(&[20, 3], 60, stamps), (21..=80).collect::<Vec<_>>());
    }
}
