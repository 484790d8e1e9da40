//! What is written and what is said, case by case and at random.

use proptest::prelude::*;

use super::{cases::CASES, *};

/// Both tables.
fn cases() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    CASES.iter().chain(field_cases::CASES)
}

#[test]
fn written_text_is_said_as_people_say_it() {
    let wrong: Vec<String> = cases()
        .map(|(written, said)| (written, said, speakable(written)))
        .filter(|(_, said, got)| got != *said)
        .map(|(written, said, got)| format!("{written:?}\n  should be {said:?}\n  but is    {got:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases().count(), wrong.join("\n"));
}

#[test]
fn what_is_said_is_left_alone() {
    for (written, _) in cases() {
        let said = speakable(written);
        assert_eq!(speakable(&said), said, "{written:?}");
    }
}

#[test]
fn names_are_spelled_with_gaps() {
    assert_eq!(spelled("Nadia"), "N, ay, D, I, ay.");
    assert_eq!(spelled("O'Brien 2"), "O, B, R, I, E, N, two.");
    assert_eq!(spelled("Zoë"), "Z, O, Ë.");
    assert_eq!(spelled("!?"), "");
}

#[test]
fn k24_dates_follow_the_locale() {
    for (written, american, british) in [
        ("5/6/2026", "May sixth, twenty twenty six", "June fifth, twenty twenty six"),
        ("25/12/2026", "December twenty fifth, twenty twenty six", "December twenty fifth, twenty twenty six"),
        ("on 1/2/27", "on January second, twenty twenty seven", "on February first, twenty twenty seven"),
        ("2026-06-05", "June fifth, twenty twenty six", "June fifth, twenty twenty six"),
    ] {
        assert_eq!(speakable(written), american);
        assert_eq!(speakable_for(written, "en-GB"), british);
        assert_eq!(speakable_for(written, "en-AU"), british);
    }
}

fn is_speakable(character: char) -> bool {
    letters::is_letter(character) || " '-.,!?;:".contains(character)
}

proptest! {
    #[test]
    fn anything_becomes_speakable(text in any::<String>()) {
        let said = speakable(&text);
        prop_assert!(said.chars().all(is_speakable));
        prop_assert!(said.len() <= 20 * text.len() + 20, "{} bytes of {}", said.len(), text.len());
        prop_assert!(spelled(&text).chars().all(is_speakable));
    }

    #[test]
    fn anything_near_the_rules_becomes_speakable(text in r#"[ 0-9.,:/$%#*+()\[\]x°APMapmstMonSat@&'"€~±^XVI;-]{0,40}"#) {
        prop_assert!(speakable(&text).chars().all(is_speakable), "{:?}", speakable(&text));
    }

    #[test]
    fn numbers_of_any_size_are_said(value in any::<u64>()) {
        prop_assert!(numbers::cardinal(value).split(' ').all(|word| word.chars().all(|letter| letter.is_ascii_lowercase())));
        prop_assert!(!numbers::ordinal(value).is_empty());
        prop_assert!(!numbers::year(value).is_empty());
    }
}
