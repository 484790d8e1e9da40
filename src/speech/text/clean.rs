//! What comes before and after the rules: folding typography to plain characters, and leaving nothing unspeakable.

/// Brings quotes, dashes and spaces to their plain forms, and symbols with one name to that name.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '’' | '‘' | 'ʼ' | '`' | '´' => folded.push('\''),
            '‐' | '‑' | '−' => folded.push('-'),
            '–' | '—' | '―' => folded.push_str(" - "),
            '…' => folded.push('.'),
            '½' => folded.push_str(" 1/2"),
            '¼' => folded.push_str(" 1/4"),
            '¾' => folded.push_str(" 3/4"),
            '＆' => folded.push('&'),
            '\n' | '\u{2028}' | '\u{2029}' => folded.push('\n'),
            '\r' => {}
            character if character.is_whitespace() => folded.push(' '),
            character => folded.push(character),
        }
    }
    folded
}

/// True for a letter that an English voice can be expected to meet.
pub(super) fn is_letter(character: char) -> bool {
    character.is_alphabetic() && (character.is_ascii() || ('\u{c0}'..='\u{24f}').contains(&character))
}

/// Keeps letters, apostrophes and hyphens within words, and the punctuation of a sentence, without repeats.
pub(super) fn finish(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    for (index, &character) in characters.iter().enumerate() {
        let letter_at = |index: usize| characters.get(index).copied().is_some_and(is_letter);
        let within_word = index > 0 && letter_at(index - 1) && letter_at(index + 1);
        match character {
            character if is_letter(character) => kept.push(character),
            '\'' | '-' if within_word => kept.push(character),
            '.' | ',' | '!' | '?' | ';' | ':' => push_stop(&mut kept, character),
            // A dash between words, brackets and the like are heard as a pause.
            '-' | '(' | ')' | '[' | ']' | '"' | '“' | '”' => push_stop(&mut kept, ','),
            '\n' => push_stop(&mut kept, '.'),
            '\'' => {}
            _ => push_space(&mut kept),
        }
    }
    let kept = kept.trim_end_matches([' ', ',', ';', ':']);
    kept.to_owned()
}

/// Puts a stop after the last word; of several in a row the strongest stays.
fn push_stop(text: &mut String, stop: char) {
    let strength = |stop| match stop {
        '.' | '!' | '?' => 2,
        ';' | ':' => 1,
        _ => 0,
    };
    text.truncate(text.trim_end().len());
    match text.chars().last() {
        None => return,
        Some(last @ ('.' | ',' | '!' | '?' | ';' | ':')) => {
            if strength(stop) > strength(last) {
                text.pop();
                text.push(stop);
            }
        }
        Some(_) => text.push(stop),
    }
    text.push(' ');
}

fn push_space(text: &mut String) {
    if !text.is_empty() && !text.ends_with(' ') {
        text.push(' ');
    }
}
