//! The tokens of whisper's vocabulary, from the printable form that tokenisers publish to the bytes they stand for.

use std::{collections::HashMap, sync::LazyLock};

use crate::SpeechError;

/// Text tokens of every whisper model; the control tokens after them need no text.
const TEXT_TOKENS: usize = 50_257;

/// The one control token among the text tokens, in English-only models: its name is text, not bytes.
const END_OF_TEXT: &str = "<|endoftext|>";

/// Reads the text tokens of a vocabulary published as lines or as a JSON array.
pub(in super::super) fn parse(text: &str) -> Result<Vec<Vec<u8>>, SpeechError> {
    let tokens: Vec<String> = if text.starts_with('[') && text.trim_end().ends_with(']') {
        serde_json::from_str(text).map_err(|error| SpeechError::Malformed(format!("the vocabulary: {error}")))?
    } else {
        text.split('\n').map(str::to_owned).collect()
    };
    if tokens.len() < TEXT_TOKENS {
        let count = tokens.len();
        return Err(SpeechError::Malformed(format!("the vocabulary has {count} tokens, fewer than {TEXT_TOKENS}")));
    }
    tokens[..TEXT_TOKENS].iter().map(|token| decode(token)).collect()
}

fn decode(token: &str) -> Result<Vec<u8>, SpeechError> {
    if token == END_OF_TEXT {
        return Ok(token.as_bytes().to_vec());
    }
    token
        .chars()
        .map(|character| BYTES.get(&character).copied())
        .collect::<Option<_>>()
        .ok_or_else(|| SpeechError::Malformed(format!("the vocabulary: {token:?} stands for no bytes")))
}

/// The byte that each character stands for: printable Latin-1 for itself, the others shifted above it, in order.
static BYTES: LazyLock<HashMap<char, u8>> = LazyLock::new(|| {
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut shifted = '\u{100}'..;
    (0..=255)
        .filter_map(|byte| {
            let character = if printable(byte) { Some(char::from(byte)) } else { shifted.next() };
            character.map(|character| (character, byte))
        })
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        assert_eq!(BYTES.len(), 256);
        assert_eq!(BYTES[&'Ġ'], b' ');
        assert_eq!(BYTES[&'Ċ'], b'\n');
        assert_eq!(BYTES[&'a'], b'a');
    }

    #[test]
    fn tokens_decode_to_bytes_and_the_end_of_text_to_its_name() {
        assert_eq!(decode("Ġgazed").unwrap(), b" gazed");
        assert_eq!(decode("Ã©").unwrap(), "é".as_bytes());
        assert_eq!(decode(END_OF_TEXT).unwrap(), END_OF_TEXT.as_bytes());
        assert!(decode("日").is_err());
    }

    #[test]
    fn lines_and_json_hold_the_same_tokens() {
        let tokens = vec!["a"; TEXT_TOKENS + 1];
        let lines = parse(&tokens.join("\n")).unwrap();
        let json = parse(&serde_json::to_string(&tokens).unwrap()).unwrap();
        assert_eq!(lines.len(), TEXT_TOKENS);
        assert_eq!(lines, json);
        assert!(parse("a\nb").is_err());
    }
}
