//! Finds the telephone numbers that are said in a message, as people say them: digit by digit, in groups, with an "oh"
//! for a zero, a slip of the tongue put right, an extension after.

use super::Word;
use crate::accuracy::edits;
use voicemill_types::CallbackNumber;

/// What callers say between the digits of one number.
const FILLERS: [&str; 12] = ["dash", "hyphen", "uh", "um", "er", "area", "code", "then", "it's", "is", "space", "and"];

/// What callers say before they put a number right.
const CORRECTIONS: [&str; 9] = ["no", "sorry", "wait", "actually", "correction", "rather", "oops", "mean", "excuse"];
/// Words between a slip and its correction: "no wait, I mean".
const CORRECTION_WORDS: usize = 5;

/// Numbers that these words announce are not for calling.
const NOT_TELEPHONES: [&str; 15] = [
    "account",
    "order",
    "invoice",
    "ticket",
    "reference",
    "confirmation",
    "case",
    "policy",
    "tracking",
    "zip",
    "pin",
    "serial",
    "member",
    "claim",
    "passcode",
];
const ANNOUNCED_WITHIN_WORDS: usize = 4;

/// Digits of a number within a country; with the country's, up to what ITU-T E.164 allows.
const LOCAL_DIGITS: usize = 7;
const NATIONAL_DIGITS: usize = 10;
const MOST_DIGITS: usize = 15;
const MOST_EXTENSION_DIGITS: usize = 6;

/// Words that announce a number to call.
const TELEPHONES: [&str; 13] = [
    "number", "numbers", "call", "reach", "phone", "cell", "mobile", "dial", "text", "back", "contact", "office", "fax",
];
/// Digits of what may be a number with some of them lost or doubled.
const LEAST_UNSURE_DIGITS: usize = 6;
const MOST_UNSURE_DIGITS: usize = 20;
/// Digits of a word that is a number although a letter or two are heard in it.
const LEAST_DAMAGED_DIGITS: usize = 6;
const MOST_LETTERS: usize = 2;
/// A number that is said again differs by no more digits from what was understood of it.
const SAID_AGAIN_EDITS: usize = 2;

/// What was found in words.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The numbers in the order in which they are first said, each once.
    pub(super) numbers: Vec<CallbackNumber>,
    /// Places of the words that were said as a number, and cannot be all of one.
    pub(super) doubtful: Vec<usize>,
}

/// Looks for telephone numbers. What was meant as one and is none, by a digit too many or too few, is found as unsure.
pub(super) fn find(words: &[&Word]) -> Found {
    let (mut found, mut doubtful) = (Vec::<CallbackNumber>::new(), Vec::new());
    let mut runs = corrected(words, runs(words)).into_iter().peekable();
    while let Some(run) = runs.next() {
        let sure = telephone(&run);
        let unsure = sure.is_none();
        let Some((number, display)) = sure.or_else(|| attempted(words, &run)) else { continue };
        if is_announced(words, run.first, &NOT_TELEPHONES) {
            continue;
        }
        if unsure {
            doubtful.extend(run.first..=run.last);
        }
        let mut last = run.last;
        let extension = runs.next_if(|next| {
            is_extension(&words[run.last + 1..next.first]) && next.digits.len() <= MOST_EXTENSION_DIGITS
        });
        let extension = extension.map(|next| {
            last = next.last;
            next.digits
        });
        if found.iter().all(|known| known.number != number) {
            found.push(CallbackNumber {
                number,
                display: extension.as_ref().map_or(display.clone(), |digits| format!("{display} ext. {digits}")),
                extension,
                unsure,
                start_seconds: words[run.first].start_seconds,
                end_seconds: words[last].end_seconds,
            });
        }
    }
    let sure: Vec<Vec<char>> = found.iter().filter(|one| !one.unsure).map(|one| one.number.chars().collect()).collect();
    let said_again = |one: &CallbackNumber| {
        let digits: Vec<char> = one.number.chars().collect();
        let is_near = |known: &[char]| edits(known, &digits) <= SAID_AGAIN_EDITS;
        // The country's code is known of the one and not of the other.
        sure.iter().any(|known| is_near(known) || known.strip_prefix(&['+', '1']).is_some_and(is_near))
    };
    found.retain(|one| !one.unsure || !said_again(one));
    Found { numbers: found, doubtful }
}

/// What a run that is no number was probably meant to be, as it was heard: a number with a digit lost or doubled.
fn attempted(words: &[&Word], run: &Run) -> Option<(String, String)> {
    let said = &words[run.first..=run.last];
    let hyphened = said.iter().any(|word| {
        let mut groups = word.text.split(['-', '.']).filter(|group| group.chars().any(|digit| digit.is_ascii_digit()));
        groups.next().is_some() && groups.next().is_some()
    });
    let digit_by_digit = said.len() > LOCAL_DIGITS;
    let telephone = run.damaged || hyphened || digit_by_digit || is_announced(words, run.first, &TELEPHONES);
    if !telephone || !(LEAST_UNSURE_DIGITS..=MOST_UNSURE_DIGITS).contains(&run.digits.len()) {
        return None;
    }
    let in_figures = said.iter().all(|word| word.text.chars().any(|letter| letter.is_ascii_digit()));
    let heard =
        said.iter().map(|word| word.text.trim_matches(['.', ',', '?', '!', ';', '"'])).collect::<Vec<_>>().join(" ");
    let plus = if run.international { "+" } else { "" };
    let display = if in_figures { heard } else { format!("{plus}{}", run.digits) };
    Some((format!("{plus}{}", run.digits), display))
}

/// Digits said in a row.
#[derive(Clone, Debug)]
struct Run {
    digits: String,
    /// Said with a plus: the country's code is in front.
    international: bool,
    /// Something in it is heard that is no digit.
    damaged: bool,
    /// Indices of its first and last word.
    first: usize,
    last: usize,
}

/// What one word adds to a number.
enum Token {
    Digits(String),
    /// Digits among which something else was heard.
    Damaged(String),
    /// One to nine ahead of "hundred", or a tens word ahead of a unit.
    Tens(u8),
    Hundred,
    Thousand,
    /// The next digit so many times.
    Times(usize),
    Plus,
}

fn plain(word: &str) -> String {
    word.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '+').to_lowercase()
}

fn said(word: &str, in_run: bool, announced: bool) -> Option<Token> {
    const UNITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    const TEENS: [&str; 10] =
        ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let text = plain(word);
    let place = |list: &[&str]| list.iter().position(|known| *known == text);
    if let Some(unit) = place(&UNITS) {
        return Some(Token::Digits(unit.to_string()));
    }
    if let Some(teen) = place(&TEENS) {
        return Some(Token::Digits((10 + teen).to_string()));
    }
    if let Some(tens) = place(&TENS) {
        return Some(Token::Tens(tens as u8 + 2));
    }
    match text.as_str() {
        "oh" | "o" if in_run => return Some(Token::Digits("0".into())),
        "hundred" if in_run => return Some(Token::Hundred),
        "thousand" if in_run => return Some(Token::Thousand),
        "double" => return Some(Token::Times(2)),
        "triple" | "treble" => return Some(Token::Times(3)),
        "plus" => return Some(Token::Plus),
        _ => {}
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if word.contains(['$', '€', '£', '%', ':']) {
        // "My number is $55.0121"
        return (announced && digits.len() >= LEAST_DAMAGED_DIGITS).then_some(Token::Damaged(digits));
    }
    let others: Vec<char> =
        text.chars().filter(|letter| !letter.is_ascii_digit() && !"+-.()/".contains(*letter)).collect();
    let letters = others.iter().filter(|letter| letter.is_alphabetic()).count();
    match (digits.len(), others.len()) {
        (0, _) => None,
        (_, 0) => Some(Token::Digits(digits)),
        (LEAST_DAMAGED_DIGITS.., 1..=MOST_LETTERS) if letters == others.len() => Some(Token::Damaged(digits)),
        _ => None,
    }
}

/// Every stretch of digits, whatever its length.
fn runs(words: &[&Word]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut open: Option<Run> = None;
    let (mut tens, mut times, mut plus, mut gap) = (None::<u8>, 1, false, 0);
    for (index, word) in words.iter().enumerate() {
        let starts_with_plus = word.text.trim_start_matches(['(', '"']).starts_with('+');
        let announced = is_announced(words, index, &TELEPHONES);
        let Some(said) = said(&word.text, open.is_some(), announced) else {
            gap += 1;
            let filler = FILLERS.contains(&plain(&word.text).as_str());
            if !filler || gap > 2 {
                runs.extend(open.take());
                plus = false;
            }
            (tens, times) = (None, 1);
            continue;
        };
        gap = 0;
        let pending_tens = tens.take();
        let damaged = matches!(said, Token::Damaged(_));
        let addition = match said {
            Token::Plus => {
                runs.extend(open.take());
                plus = true;
                continue;
            }
            Token::Times(count) => {
                times = count;
                continue;
            }
            Token::Tens(value) => {
                tens = Some(value);
                format!("{value}0")
            }
            Token::Hundred => "00".to_owned(),
            Token::Thousand => "000".to_owned(),
            Token::Digits(digits) | Token::Damaged(digits) => digits.chars().next().map_or(String::new(), |first| {
                first.to_string().repeat(std::mem::replace(&mut times, 1) - 1) + &digits
            }),
        };
        let run = open.get_or_insert_with(|| Run {
            digits: String::new(),
            international: std::mem::take(&mut plus) || starts_with_plus,
            damaged: false,
            first: index,
            last: index,
        });
        // "thirty two" is 32, not 302.
        if pending_tens.is_some() && addition.len() == 1 && addition != "0" {
            run.digits.pop();
        }
        run.digits.push_str(&addition);
        run.damaged |= damaged;
        run.last = index;
        let pause = words.get(index + 1).is_some_and(|next| next.start_seconds - word.end_seconds > 4.0);
        // A sentence that ends with a whole number ends the number, so that a second reading begins anew.
        let sentence = word.text.ends_with(['.', '?', '!']) && is_whole(run);
        if pause || sentence {
            runs.extend(open.take());
        }
    }
    runs.extend(open);
    runs
}

/// The runs with slips of the tongue put right.
fn corrected(words: &[&Word], runs: Vec<Run>) -> Vec<Run> {
    let mut right = Vec::<Run>::with_capacity(runs.len());
    for run in runs {
        match right.pop_if(|before| is_correction(words, before.last, run.first)) {
            Some(wrong) => right.push(correct(wrong, run)),
            None => right.push(run),
        }
    }
    right
}

fn is_correction(words: &[&Word], last: usize, first: usize) -> bool {
    let between = &words[last + 1..first];
    between.len() <= CORRECTION_WORDS && between.iter().any(|word| CORRECTIONS.contains(&plain(&word.text).as_str()))
}

/// What was said after a correction stands for the whole number, or for its last digits.
fn correct(wrong: Run, right: Run) -> Run {
    let kept = wrong.digits.len().saturating_sub(right.digits.len());
    if is_whole(&right) || kept == 0 {
        return right;
    }
    let digits = format!("{}{}", &wrong.digits[..kept], right.digits);
    Run { digits, last: right.last, ..wrong }
}

fn is_whole(run: &Run) -> bool {
    telephone(run).is_some()
}

/// A run's number, as it is dialled and as it is shown; none where it is no number to call.
fn telephone(run: &Run) -> Option<(String, String)> {
    let digits = run.digits.as_str();
    let length = digits.len();
    if run.damaged {
        return None;
    }
    if run.international {
        let fits = (8..=MOST_DIGITS).contains(&length) && !digits.starts_with('0');
        return match digits.strip_prefix('1').filter(|national| is_north_american(national)) {
            Some(national) => Some((format!("+1{national}"), grouped(national))),
            None => fits.then(|| (format!("+{digits}"), format!("+{digits}"))),
        };
    }
    if let Some(abroad) = digits.strip_prefix("011").filter(|abroad| (8..=MOST_DIGITS).contains(&abroad.len())) {
        return Some((format!("+{abroad}"), format!("+{abroad}")));
    }
    let national = if length == NATIONAL_DIGITS + 1 { digits.strip_prefix('1') } else { Some(digits) };
    if let Some(national) = national.filter(|national| is_north_american(national)) {
        return Some((format!("+1{national}"), grouped(national)));
    }
    if length == LOCAL_DIGITS && !digits.starts_with(['0', '1']) {
        return Some((digits.to_owned(), format!("{}-{}", &digits[..3], &digits[3..])));
    }
    // Elsewhere numbers within a country begin with a zero.
    let trunk = digits.starts_with('0') && !digits.starts_with("00") && (9..=11).contains(&length);
    trunk.then(|| (digits.to_owned(), digits.to_owned()))
}

/// An area and an exchange of the North American plan begin with 2 to 9.
fn is_north_american(digits: &str) -> bool {
    let begins = |at: usize| digits.as_bytes().get(at).is_some_and(|digit| (b'2'..=b'9').contains(digit));
    digits.len() == NATIONAL_DIGITS && begins(0) && begins(3)
}

fn grouped(national: &str) -> String {
    format!("({}) {}-{}", &national[..3], &national[3..6], &national[6..])
}

/// True when one of `announcements` is said right before the word at `first`.
fn is_announced(words: &[&Word], first: usize, announcements: &[&str]) -> bool {
    let mut before = words[..first].iter().rev().take(ANNOUNCED_WITHIN_WORDS).map(|word| plain(&word.text));
    before.any(|word| announcements.contains(&word.as_str()))
}

fn is_extension(between: &[&Word]) -> bool {
    let mut said = between.iter().map(|word| plain(&word.text)).filter(|word| !word.is_empty());
    let is_word = |word: &String| matches!(word.as_str(), "extension" | "ext" | "x");
    between.len() <= 3 && said.any(|word| is_word(&word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words of half a second each.
    fn words(text: &str) -> Vec<Word> {
        text.split_whitespace()
            .enumerate()
            .map(|(index, word)| Word {
                start_seconds: index as f64 / 2.0,
                end_seconds: (index + 1) as f64 / 2.0,
                text: word.to_owned(),
                confidence: 0.9,
                doubtful: false,
            })
            .collect()
    }

    fn found(text: &str) -> Vec<CallbackNumber> {
        find(&words(text).iter().collect::<Vec<_>>()).numbers
    }

    fn shown(text: &str) -> Vec<String> {
        found(text).into_iter().map(|number| number.display).collect()
    }

    #[test]
    fn numbers_are_found_as_people_say_them() {
        for (said, expected) in [
            ("four one five five five five oh one three two", "(415) 555-0132"),
            ("Call me at 415-555-0132.", "(415) 555-0132"),
            ("It's (415) 555 01 32, thanks.", "(415) 555-0132"),
            ("area code 415, 555, 0132", "(415) 555-0132"),
            ("one eight hundred five five five zero one nine nine", "(800) 555-0199"),
            ("1-800-555-0199", "(800) 555-0199"),
            ("My number is 555-0132.", "555-0132"),
            ("four fifteen, five fifty five, oh one thirty two", "(415) 555-0132"),
            ("four one five, triple five, oh one double three", "(415) 555-0133"),
            ("four one five dash five five five dash oh one three two", "(415) 555-0132"),
            ("plus four four twenty seven nine four six oh nine five eight", "+44279460958"),
            ("+44 20 7946 0958", "+442079460958"),
            ("+1 415 555 0132", "(415) 555-0132"),
            ("It's 020 7946 0958 in London", "02079460958"),
            ("Reach me on 415-555-0132 extension 204.", "(415) 555-0132 ext. 204"),
            ("nine oh two, uh, five five five, um, oh one seven six", "(902) 555-0176"),
        ] {
            assert_eq!(shown(said), [expected], "{said}");
        }
    }

    #[test]
    fn a_caller_who_corrects_themselves_is_believed_the_second_time() {
        for (said, expected) in [
            ("415-555-0132, no sorry, 415-555-0133.", "(415) 555-0133"),
            ("415-555-0132, sorry, 0133.", "(415) 555-0133"),
            ("four one five five, no wait, I mean four one six five five five oh one three two", "(416) 555-0132"),
        ] {
            assert_eq!(shown(said), [expected], "{said}");
        }
    }

    #[test]
    fn a_number_said_twice_is_one_and_two_are_two() {
        let twice = "My number is 415-555-0132. Again, that is 415-555-0132.";
        let found = found(twice);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].start_seconds, found[0].end_seconds), (1.5, 2.0), "the first time");
        assert_eq!(found[0].number, "+14155550132");
        assert_eq!(shown("Work is 415-555-0132. Home is 212-555-0147."), ["(415) 555-0132", "(212) 555-0147"]);
    }

    #[test]
    fn a_number_lies_from_its_first_digit_to_the_last_of_its_extension() {
        let said = "It's four one five, five five five, oh one three two, extension two oh four. Thanks.";
        let number = found(said).remove(0);
        assert_eq!((number.start_seconds, number.end_seconds), (0.5, 7.5));
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for said in [
            "See you at 9 on the 24th.",
            "We have 200 chairs and 15 tables.",
            "Your order number is 4155550132.",
            "The account is 2125550147, thank you.",
            "one two three testing",
            "It costs $4155550132.",
            "one moment, two people, three things",
        ] {
            assert!(shown(said).is_empty(), "{said}: {:?}", shown(said));
        }
    }

    #[test]
    fn k13_a_number_with_a_digit_lost_or_doubled_is_offered_as_unsure_and_its_words_are_doubtful() {
        for (said, number, display) in [
            ("You can reach me at 646-55-0100. Thanks.", "646550100", "646-55-0100"),
            ("Call 415-55001666 please", "41555001666", "415-55001666"),
            ("1-800-55501T", "180055501", "1-800-55501T"),
            ("Our number is $55.0121", "550121", "$55.0121"),
            ("It's 077-W-O-900-123", "077900123", "077-W-O-900-123"),
            ("3 9 1 3 3 3 3 3 3 8 4 0", "391333333840", "3 9 1 3 3 3 3 3 3 8 4 0"),
            ("four one five five five oh one three two", "415550132", "415550132"),
            ("My number is 303-550164.", "303550164", "303-550164"),
            ("Call me back at 115-555-0132.", "1155550132", "115-555-0132"),
        ] {
            let spoken = words(said);
            let found = find(&spoken.iter().collect::<Vec<_>>());
            let [only] = &found.numbers[..] else { panic!("{said}: {found:?}") };
            assert!(only.unsure, "{said}");
            assert_eq!((only.number.as_str(), only.display.as_str()), (number, display), "{said}");
            assert!(!found.doubtful.is_empty(), "{said}");
            for (index, word) in spoken.iter().enumerate() {
                let in_number = word.start_seconds >= only.start_seconds && word.end_seconds <= only.end_seconds;
                assert_eq!(found.doubtful.contains(&index), in_number, "{said}: {}", word.text);
            }
        }
    }

    #[test]
    fn k13_a_number_that_is_said_again_and_understood_once_is_sure() {
        let again = found("Call me at 646-55-0100. That's 646-555-0100.");
        assert_eq!(again.len(), 1);
        assert_eq!((again[0].display.as_str(), again[0].unsure), ("(646) 555-0100", false));
        let other = found("Work is 646-555-0100. Home is 212-55-0147.");
        assert_eq!(other.iter().map(|number| number.unsure).collect::<Vec<_>>(), [false, true]);
    }

    proptest! {
        #[test]
        fn whatever_is_said_numbers_lie_within_it(
            said in prop::collection::vec(prop::sample::select(vec![
                "four", "oh", "twenty", "hundred", "thousand", "double", "plus", "415", "555-0132", "no", "sorry", "x",
                "extension", "and", "call", "number", "0132.", "415-55T01", "$55.0121", "+", "(", "é", "1", "011", "triple", "wait",
            ]), 0..40),
        ) {
            let text = said.join(" ");
            for number in found(&text) {
                prop_assert!(number.end_seconds > number.start_seconds);
                prop_assert!(number.end_seconds <= words(&text).len() as f64 / 2.0);
                let digits = if number.unsure { LEAST_UNSURE_DIGITS..=MOST_UNSURE_DIGITS + 1 } else { LOCAL_DIGITS..=MOST_DIGITS + 1 };
                prop_assert!(digits.contains(&number.number.len()), "{number:?}");
            }
        }
    }
}
