//! Splits speakable text into pieces a voice says in one breath, so that memory follows the sentence, not the text.

/// A piece of text and the pause after it.
#[derive(Debug, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) pause_seconds: f32,
}

const SENTENCE_PAUSE_SECONDS: f32 = 0.3;
const CLAUSE_PAUSE_SECONDS: f32 = 0.12;

/// The pieces of `text`, in order, none of them blank; a sentence of more than `most` characters is split at a clause, or
/// failing that at a word.
pub(super) fn split(text: &str, most: usize) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for sentence in text.split_inclusive(['.', '!', '?', '\n']) {
        let mut rest = sentence.trim();
        while rest.chars().nth(most).is_some() {
            let (piece, after) = rest.split_at(break_point(rest, most));
            push(&mut pieces, piece, CLAUSE_PAUSE_SECONDS);
            rest = after.trim_start();
        }
        push(&mut pieces, rest, SENTENCE_PAUSE_SECONDS);
    }
    pieces
}

fn push<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str, pause_seconds: f32) {
    if text.chars().any(char::is_alphanumeric) {
        let text = text.trim();
        pieces.push(Piece { text, pause_seconds });
    }
}

/// Phonemes in portions of at most `most`, broken at the last pause that fits, else the last space, else anywhere.
pub(super) fn portions(phonemes: &str, most: usize) -> Vec<&str> {
    let mut portions = Vec::new();
    let mut rest = phonemes;
    while let Some((limit, _)) = rest.char_indices().nth(most) {
        let fitting = &rest[..limit];
        let pause = fitting.rfind([',', ';', ':']).map(|index| index + 1);
        let end = pause.or_else(|| fitting.rfind(' ')).filter(|&index| index > 0).unwrap_or(limit);
        portions.push(&rest[..end]);
        rest = &rest[end..];
    }
    portions.push(rest);
    portions
}

/// Where to break a text that is too long: after the last clause that fits, else the last word, else anywhere.
fn break_point(text: &str, most: usize) -> usize {
    let limit = text.char_indices().nth(most).map_or(text.len(), |(index, _)| index);
    let fitting = &text[..limit];
    let clause = fitting.rfind([',', ';', ':']).map(|index| index + 1);
    let word = || fitting.rfind(' ');
    clause.or_else(word).filter(|&index| index > 0).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        split(text, 240).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn sentences_and_lines_are_pieces_and_blanks_are_not() {
        assert_eq!(texts("Hello. How are you?\nPress one!  ... "), ["Hello.", "How are you?", "Press one!"]);
        assert!(split(" . \n ", 240).is_empty());
    }

    #[test]
    fn phonemes_come_in_portions_that_lose_nothing() {
        assert_eq!(portions("wˈʌn", 10), ["wˈʌn"]);
        assert_eq!(portions("wˈʌn, tˈu θɹˈi", 9), ["wˈʌn,", " tˈu θɹˈi"]);
        assert_eq!(portions("ɑɑɑɑɑ", 2), ["ɑɑ", "ɑɑ", "ɑ"]);
    }

    #[test]
    fn long_sentences_break_at_clauses_then_words_then_anywhere() {
        let clauses = "some words here, ".repeat(40);
        let words = "word ".repeat(200);
        let letters = "é".repeat(1000);
        for text in [&clauses, &words, &letters] {
            let pieces = texts(text);
            assert!(pieces.len() > 1);
            assert!(pieces.iter().all(|piece| piece.chars().count() <= 240));
            let joined: String = pieces.concat().replace(' ', "");
            assert_eq!(joined, text.replace(' ', ""));
        }
        assert!(texts(&clauses)[0].ends_with(','));
    }
}
