//! Splits speakable text into pieces a voice says in one breath, so that memory follows the sentence, not the text.

/// Longest piece in characters; a longer sentence is split at a clause, or failing that at a word.
const MAX_PIECE_CHARACTERS: usize = 240;

/// A piece of text and the pause after it.
#[derive(Debug, PartialEq)]
pub(super) struct Piece<'a> {
    pub(super) text: &'a str,
    pub(super) pause_seconds: f32,
}

const SENTENCE_PAUSE_SECONDS: f32 = 0.3;
const CLAUSE_PAUSE_SECONDS: f32 = 0.12;

/// The pieces of `text`, in order, none of them blank.
pub(super) fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    for sentence in text.split_inclusive(['.', '!', '?', '\n']) {
        let mut rest = sentence.trim();
        while rest.chars().nth(MAX_PIECE_CHARACTERS).is_some() {
            let (piece, after) = rest.split_at(break_point(rest));
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

/// Where to break a text that is too long: after the last clause that fits, else the last word, else anywhere.
fn break_point(text: &str) -> usize {
    let limit = text.char_indices().nth(MAX_PIECE_CHARACTERS).map_or(text.len(), |(index, _)| index);
    let fitting = &text[..limit];
    let clause = fitting.rfind([',', ';', ':']).map(|index| index + 1);
    let word = || fitting.rfind(' ');
    clause.or_else(word).filter(|&index| index > 0).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn sentences_and_lines_are_pieces_and_blanks_are_not() {
        assert_eq!(texts("Hello. How are you?\nPress one!  ... "), ["Hello.", "How are you?", "Press one!"]);
        assert!(split(" . \n ").is_empty());
    }

    #[test]
    fn long_sentences_break_at_clauses_then_words_then_anywhere() {
        let clauses = "some words here, ".repeat(40);
        let words = "word ".repeat(200);
        let letters = "é".repeat(1000);
        for text in [&clauses, &words, &letters] {
            let pieces = texts(text);
            assert!(pieces.len() > 1);
            assert!(pieces.iter().all(|piece| piece.chars().count() <= MAX_PIECE_CHARACTERS));
            let joined: String = pieces.concat().replace(' ', "");
            assert_eq!(joined, text.replace(' ', ""));
        }
        assert!(texts(&clauses)[0].ends_with(','));
    }
}
