//! What a text costs: the alphabet it needs, and the parts it is sent in.
//!
//! A part has 140 bytes: 160 characters of the GSM 7-bit alphabet (3GPP TS 23.038), or 70 UTF-16 units. Parts of a longer
//! text begin with six bytes that tell how they belong together, which leaves 153 or 67.

use unicode_segmentation::UnicodeSegmentation;

/// The alphabet that a text is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The GSM 7-bit alphabet.
    Gsm7,
    /// UTF-16 in network order.
    Ucs2,
}

/// Most parts that a text may have; longer ones are cut.
pub const MOST_PARTS: usize = 6;

/// The GSM 7-bit default alphabet, by code; the code 0x1B leads to [`EXTENSION`].
const ALPHABET: [char; 128] = [
    '@', '£', '$', '¥', 'è', 'é', 'ù', 'ì', 'ò', 'Ç', '\n', 'Ø', 'ø', '\r', 'Å', 'å', 'Δ', '_', 'Φ', 'Γ', 'Λ', 'Ω',
    'Π', 'Ψ', 'Σ', 'Θ', 'Ξ', '\u{1b}', 'Æ', 'æ', 'ß', 'É', ' ', '!', '"', '#', '¤', '%', '&', '\'', '(', ')', '*', '+',
    ',', '-', '.', '/', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ':', ';', '<', '=', '>', '?', '¡', 'A', 'B',
    'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T', 'U', 'V', 'W', 'X', 'Y',
    'Z', 'Ä', 'Ö', 'Ñ', 'Ü', '§', '¿', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p',
    'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z', 'ä', 'ö', 'ñ', 'ü', 'à',
];

const ESCAPE: u8 = 0x1b;

/// What follows an escape.
const EXTENSION: [(char, u8); 10] = [
    ('\u{c}', 0x0a),
    ('^', 0x14),
    ('{', 0x28),
    ('}', 0x29),
    ('\\', 0x2f),
    ('[', 0x3c),
    ('~', 0x3d),
    (']', 0x3e),
    ('|', 0x40),
    ('€', 0x65),
];

/// The codes of a character in the GSM alphabet, one or two of them.
fn gsm_codes(character: char) -> Option<([u8; 2], usize)> {
    if let Some((_, code)) = EXTENSION.iter().find(|(extended, _)| *extended == character) {
        return Some(([ESCAPE, *code], 2));
    }
    let code = ALPHABET.iter().position(|known| *known == character && character != '\u{1b}')?;
    Some(([code as u8, 0], 1))
}

/// The cheapest alphabet that has every character of the text.
pub(super) fn coding(text: &str) -> Coding {
    if text.chars().all(|character| gsm_codes(character).is_some()) { Coding::Gsm7 } else { Coding::Ucs2 }
}

/// The text as it travels: its alphabet, and its parts, each as octets (a septet an octet in GSM) without headers.
pub(super) fn encode(text: &str) -> (Coding, Vec<Vec<u8>>) {
    let coding = coding(text);
    // No character is torn in two: neither an escaped one, nor one outside the basic plane.
    let characters: Vec<Vec<u8>> = text
        .chars()
        .map(|character| match (coding, gsm_codes(character)) {
            (Coding::Gsm7, Some((codes, count))) => codes[..count].to_vec(),
            _ => character.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        })
        .collect();
    let (alone, together) = match coding {
        Coding::Gsm7 => (160, 153),
        Coding::Ucs2 => (140, 134),
    };
    let whole: usize = characters.iter().map(Vec::len).sum();
    let room = if whole <= alone { alone } else { together };
    let mut parts = vec![Vec::new()];
    for octets in characters {
        if parts.last().is_some_and(|part: &Vec<u8>| part.len() + octets.len() > room) {
            parts.push(Vec::new());
        }
        if let Some(part) = parts.last_mut() {
            part.extend(octets);
        }
    }
    (coding, parts)
}

/// Octets of the GSM alphabet as text.
pub(super) fn decode_gsm(octets: &[u8]) -> String {
    let mut text = String::new();
    let mut octets = octets.iter();
    while let Some(octet) = octets.next() {
        let character = match *octet {
            ESCAPE => octets
                .next()
                .and_then(|code| EXTENSION.iter().find(|(_, known)| known == code))
                .map(|(character, _)| *character),
            octet => ALPHABET.get(usize::from(octet)).copied(),
        };
        text.push(character.unwrap_or(' '));
    }
    text
}

/// The alphabet a text needs, and how many parts it has.
pub fn measure(text: &str) -> (Coding, usize) {
    let (coding, parts) = encode(text);
    (coding, parts.len())
}

/// The text with typographic marks put plainly, so that none of them doubles its price, and no longer than
/// [`MOST_PARTS`].
pub fn plain(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .map(|character| match character {
            '‘' | '’' | '‚' | '′' | '`' | '´' => '\'',
            '“' | '”' | '„' | '″' | '«' | '»' => '"',
            '‐'..='―' | '−' => '-',
            '\u{a0}' | '\u{2007}' | '\u{202f}' | '\t' => ' ',
            other => other,
        })
        .collect::<String>()
        .replace('…', "...");
    while measure(&plain).1 > MOST_PARTS {
        // A whole character as people see it.
        let last = plain.grapheme_indices(true).next_back().map_or(0, |(at, _)| at);
        plain.truncate(last);
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_counted_as_networks_count_them() {
        for (text, expected) in [
            (String::new(), (Coding::Gsm7, 1)),
            ("a".repeat(160), (Coding::Gsm7, 1)),
            ("a".repeat(161), (Coding::Gsm7, 2)),
            ("a".repeat(306), (Coding::Gsm7, 2)),
            ("a".repeat(307), (Coding::Gsm7, 3)),
            // An escaped character counts twice, and is not torn at the end of a part.
            ("€".repeat(80), (Coding::Gsm7, 1)),
            ("€".repeat(81), (Coding::Gsm7, 2)),
            ("€".repeat(153), (Coding::Gsm7, 3)),
            ("é".repeat(160), (Coding::Gsm7, 1)),
            ("я".repeat(70), (Coding::Ucs2, 1)),
            ("я".repeat(71), (Coding::Ucs2, 2)),
            ("я".repeat(134), (Coding::Ucs2, 2)),
            ("я".repeat(135), (Coding::Ucs2, 3)),
            ("😀".repeat(35), (Coding::Ucs2, 1)),
            ("😀".repeat(36), (Coding::Ucs2, 2)),
            ("😀".repeat(67), (Coding::Ucs2, 3)),
            (format!("{}ç", "a".repeat(69)), (Coding::Ucs2, 1)),
        ] {
            assert_eq!(measure(&text), expected, "{} times {:?}", text.chars().count(), text.chars().next());
        }
    }

    #[test]
    fn the_octets_are_those_of_the_standard() {
        let codes = |text: &str| encode(text).1.concat();
        assert_eq!(codes("@Hi_~"), [0x00, 0x48, 0x69, 0x11, 0x1b, 0x3d]);
        assert_eq!(codes("è¡¿äà"), [0x04, 0x40, 0x60, 0x7b, 0x7f]);
        assert_eq!(codes("Ж😀"), [0x04, 0x16, 0xd8, 0x3d, 0xde, 0x00]);
    }

    #[test]
    fn typographic_marks_cost_nothing() {
        assert_eq!(plain("Zoë’s “café” – 5…"), "Zoë's \"café\" - 5...");
        assert_eq!(measure(&plain("It’s 5 o’clock")), (Coding::Gsm7, 1));
        assert_eq!(measure(&plain(&"я".repeat(1000))).1, MOST_PARTS);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_between_parts(text in "\\PC{0,400}") {
            let (coding, parts) = encode(&text);
            let limit = match (coding, parts.len()) { (Coding::Gsm7, 1) => 160, (Coding::Gsm7, _) => 153, (_, 1) => 140, _ => 134 };
            prop_assert!(parts.iter().all(|part| part.len() <= limit));
            if coding == Coding::Ucs2 {
                for part in &parts {
                    let units: Vec<u16> = part.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                    prop_assert!(String::from_utf16(&units).is_ok());
                }
                let units: Vec<u16> = parts.concat().chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
                prop_assert_eq!(String::from_utf16(&units).unwrap(), text);
            }
        }
    }
}
