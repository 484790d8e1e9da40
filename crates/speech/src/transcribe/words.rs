//! Joins an engine's tokens into words.

use super::Word;

/// One token of text, with its times in seconds from the start of the audio.
pub(super) struct Token {
    /// Its bytes, which may end within a character; a space before begins a word.
    pub(super) bytes: Vec<u8>,
    pub(super) start_seconds: f64,
    pub(super) end_seconds: f64,
    /// Natural logarithm of its probability.
    pub(super) log_probability: f32,
}

/// The words that tokens spell; a word's confidence is the geometric mean of its tokens' probabilities.
pub(super) fn join(tokens: &[Token]) -> Vec<Word> {
    tokens
        .chunk_by(|_, next| !next.bytes.starts_with(b" "))
        .filter_map(|tokens| {
            let (first, last) = (tokens.first()?, tokens.last()?);
            let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.bytes.iter().copied()).collect();
            let text = String::from_utf8_lossy(&bytes).trim().to_owned();
            let log_probability = tokens.iter().map(|token| token.log_probability).sum::<f32>() / tokens.len() as f32;
            (!text.is_empty()).then(|| Word {
                start_seconds: round_to_centiseconds(first.start_seconds),
                end_seconds: round_to_centiseconds(last.end_seconds.max(first.start_seconds)),
                text,
                confidence: log_probability.exp().clamp(0.0, 1.0),
                doubtful: false,
            })
        })
        .collect()
}

/// Leaves out what the engine says about sounds rather than words: `[music]`, `(phone ringing)`, `♪`.
/// A bracket with a digit in it is a telephone number and stays.
pub(super) fn without_annotations(words: Vec<Word>) -> Vec<Word> {
    let mut kept = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let closing = match word.text.chars().next() {
            Some('[') => ']',
            Some('(') => ')',
            Some('*') => '*',
            _ => {
                if word.text.chars().any(char::is_alphanumeric) {
                    kept.push(word);
                }
                continue;
            }
        };
        let closes = |word: &Word| word.text.trim_end_matches(['.', ',', '!', '?']).ends_with(closing);
        let mut bracketed = vec![word];
        while !bracketed.last().is_some_and(|last| closes(last) && last.text.len() > 1) {
            match words.next() {
                Some(word) => bracketed.push(word),
                None => break,
            }
        }
        if bracketed.iter().any(|word| word.text.chars().any(|character| character.is_ascii_digit())) {
            kept.append(&mut bracketed);
        }
    }
    kept
}

fn round_to_centiseconds(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str, probability: f32) -> Token {
        Token {
            bytes: text.as_bytes().to_vec(),
            start_seconds: 1.0,
            end_seconds: 1.25,
            log_probability: probability.ln(),
        }
    }

    fn words(text: &str) -> Vec<Word> {
        let tokens: Vec<_> = text.split(' ').map(|word| token(&format!(" {word}"), 0.5)).collect();
        join(&tokens)
    }

    fn text(words: &[Word]) -> String {
        words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tokens_join_at_spaces_and_punctuation_stays_with_its_word() {
        let words = join(&[token(" Good", 0.9), token("bye", 0.4), token(".", 0.6), token(" Now", 0.8)]);
        assert_eq!(text(&words), "Goodbye. Now");
        assert!((words[0].confidence - 0.6).abs() < 1e-3, "{}", words[0].confidence);
    }

    #[test]
    fn a_character_split_between_tokens_is_made_whole() {
        let mut tokens = vec![token(" caf", 0.9), token("", 0.9), token("", 0.9)];
        tokens[1].bytes = vec![0xc3];
        tokens[2].bytes = vec![0xa9];
        assert_eq!(text(&join(&tokens)), "café");
    }

    #[test]
    fn annotations_go_and_telephone_numbers_stay() {
        for (said, kept) in [
            ("[Music]", ""),
            ("(phone ringing) Hello there.", "Hello there."),
            ("♪ ♪", ""),
            ("*sighs* Fine.", "Fine."),
            ("Call (415) 555-0132 now.", "Call (415) 555-0132 now."),
            ("[BLANK_AUDIO]", ""),
            ("(upbeat music", ""),
        ] {
            assert_eq!(text(&without_annotations(words(said))), kept, "{said}");
        }
    }
}
