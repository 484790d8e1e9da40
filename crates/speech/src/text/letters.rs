//! Letters: which of them a voice reads, and the nearest of those for the others that are written in Latin script.

use unicode_normalization::UnicodeNormalization;

/// True for a letter that an English voice can be expected to meet.
pub(super) fn is_letter(character: char) -> bool {
    character.is_alphabetic() && (character.is_ascii() || ('\u{c0}'..='\u{24f}').contains(&character))
}

/// What is read for a letter: itself, or for one of Latin script that no voice knows the plain letter under its marks.
/// None for a letter of another script.
pub(crate) fn nearest(letter: char) -> Option<char> {
    if is_letter(letter) {
        return Some(letter);
    }
    plain(letter).filter(|plain| is_letter(*plain))
}

/// The letter without its marks: `ễ` is `e`, `đ` is `d`.
pub(crate) fn plain(letter: char) -> Option<char> {
    let bare = std::iter::once(letter).nfd().next()?;
    Some(match bare {
        'đ' | 'ɖ' | 'ð' => 'd',
        'Đ' | 'Ɖ' | 'Ð' => 'D',
        'ł' | 'ḷ' => 'l',
        'Ł' => 'L',
        'ø' | 'ɔ' => 'o',
        'Ø' | 'Ɔ' => 'O',
        'ħ' => 'h',
        'Ħ' => 'H',
        'ŧ' | 'þ' => 't',
        'Ŧ' | 'Þ' => 'T',
        'ŋ' => 'n',
        'Ŋ' => 'N',
        'ı' => 'i',
        'ə' | 'ɛ' | 'æ' | 'œ' => 'e',
        'Ə' | 'Ɛ' | 'Æ' | 'Œ' => 'E',
        'ɓ' => 'b',
        'Ɓ' => 'B',
        'ƙ' => 'k',
        'Ƙ' => 'K',
        'ß' => 's',
        'ẞ' => 'S',
        'ƴ' => 'y',
        bare => bare,
    })
}

/// The characters of `text` as a voice knows them: letters and digits in their plain form whatever their font or width,
/// accents joined to their letters, ligatures apart, entities of HTML as what they stand for.
pub(super) fn composed(text: &str) -> String {
    let text = without_entities(text);
    // What the normal form would make something else of that has a meaning aloud, or none.
    let kept: String = text
        .chars()
        .map(|character| match character {
            '´' | '`' | 'ʼ' | '‘' | '’' | 'ʻ' => '\'',
            'º' | '˚' => '°',
            '″' => '"',
            'µ' => 'u',
            '™' | '℠' | '®' | '¨' | '¸' => ' ',
            character => character,
        })
        .collect();
    let written_out = |character: char| match character {
        '½' => " 1/2".to_owned(),
        '¼' => " 1/4".to_owned(),
        '¾' => " 3/4".to_owned(),
        '⅓' => " 1/3".to_owned(),
        '⅔' => " 2/3".to_owned(),
        '²' => " squared".to_owned(),
        '³' => " cubed".to_owned(),
        character => character.to_string(),
    };
    kept.chars().map(written_out).collect::<String>().nfkc().collect()
}

/// Text copied from a page's source, as the page shows it.
fn without_entities(text: &str) -> String {
    /// Longest name of an entity, with its sign and semicolon.
    const MAX_ENTITY_BYTES: usize = 10;
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let named =
            rest.find(';').filter(|end| *end < MAX_ENTITY_BYTES).and_then(|end| Some((end, entity(&rest[1..end])?)));
        match named {
            Some((end, character)) => {
                plain.push_str(&character);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// What an entity stands for, by its number or by its name in HTML 4.
fn entity(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).map(String::from);
    }
    let symbol = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" | "ldquo" | "rdquo" | "laquo" | "raquo" => "\"",
        "apos" | "lsquo" | "rsquo" => "'",
        "nbsp" => " ",
        "ndash" => "–",
        "mdash" => "—",
        "hellip" => "…",
        "euro" => "€",
        "pound" => "£",
        "yen" => "¥",
        "cent" => "¢",
        "deg" => "°",
        "times" => "×",
        "plusmn" => "±",
        "frac12" => "½",
        "copy" => "©",
        "reg" | "trade" => "®",
        "szlig" => "ß",
        "aelig" => "æ",
        "oslash" => "ø",
        "Oslash" => "Ø",
        "aring" => "å",
        _ => {
            let (letter, mark) = name.split_at_checked(1)?;
            let mark = match mark {
                "grave" => '\u{300}',
                "acute" => '\u{301}',
                "circ" => '\u{302}',
                "tilde" => '\u{303}',
                "uml" => '\u{308}',
                "cedil" => '\u{327}',
                "caron" => '\u{30c}',
                _ => return None,
            };
            return Some(format!("{letter}{mark}"));
        }
    };
    Some(symbol.to_owned())
}

/// What a voice that reads English cannot speak of `text`: the first words whose letters are of another script, none if
/// there are none. Signs without a sound, such as a star before a line, are passed over and are no words.
pub(super) fn unspeakable(text: &str) -> Option<String> {
    /// Most of it that is repeated, in characters.
    const MAX_CHARACTERS: usize = 40;
    let text = composed(text);
    let foreign = |word: &&str| {
        let letters = word.chars().filter(|character| character.is_alphanumeric());
        let mut unknown = letters.filter(|&letter| !letter.is_ascii_digit() && nearest(letter).is_none());
        unknown.next().is_some() && !is_greek_letter(word)
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let first = words.iter().position(&foreign)?;
    let found: Vec<&str> = words[first..].iter().copied().take_while(|word| foreign(word)).collect();
    Some(found.join(" ").chars().take(MAX_CHARACTERS).collect())
}

/// True for one letter of Greek by itself, which has a name in English.
fn is_greek_letter(word: &str) -> bool {
    let letter = word.trim_matches(|character: char| !character.is_alphanumeric());
    let mut letters = letter.chars();
    letters.next().and_then(greek).is_some() && letters.next().is_none()
}

/// The English name of a Greek letter.
pub(super) fn greek(letter: char) -> Option<&'static str> {
    const NAMES: [&str; 24] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu",
        "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    ];
    const LETTERS: &str = "αβγδεζηθικλμνξοπρστυφχψω";
    let lower = letter.to_lowercase().next()?;
    LETTERS.chars().position(|known| known == lower).and_then(|index| NAMES.get(index)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latin_letter_has_a_near_one_and_no_other_script_has() {
        for (letter, near) in
            [('a', 'a'), ('ễ', 'e'), ('ặ', 'a'), ('é', 'é'), ('ơ', 'ơ'), ('ḥ', 'h'), ('ẞ', 'S'), ('ɛ', 'e')]
        {
            assert_eq!(nearest(letter), Some(near), "{letter}");
        }
        for letter in ['П', '日', 'ع', 'ש', '한', 'ก'] {
            assert_eq!(nearest(letter), None, "{letter}");
        }
        assert_eq!(plain('Đ'), Some('D'));
    }

    #[test]
    fn what_no_voice_can_speak_is_named() {
        for (text, named) in [
            ("Добрый день", "Добрый день"),
            ("Hello, привет мир, how are you?", "привет мир,"),
            ("Welcome to 東京 Sushi", "東京"),
            ("مرحبا", "مرحبا"),
        ] {
            assert_eq!(unspeakable(text).as_deref(), Some(named), "{text}");
        }
        for text in ["Đặng Thị Hồng", "★ Sale 🎉", "α and β", "ﬁnance", "Ｈｅｌｌｏ", "𝐇𝐞𝐥𝐥𝐨", "5 µg", "Zoë's café", ""]
        {
            assert_eq!(unspeakable(text), None, "{text}");
        }
    }

    #[test]
    fn entities_are_what_they_stand_for() {
        assert_eq!(composed("Tom &amp; Jerry&#39;s caf&eacute; &#x2014; AT&T; R&D"), "Tom & Jerry's café — AT&T; R&D");
        assert_eq!(composed("&;&#;&#xffffffff;&é;&"), "&;&#;&#xffffffff;&é;&");
    }
}
