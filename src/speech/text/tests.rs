use proptest::prelude::*;

use super::*;

/// What is written, and what is said.
const CASES: &[(&str, &str)] = &[
    // Numbers
    ("Press 1 for sales.", "Press one for sales."),
    ("You have 42 new messages.", "You have forty two new messages."),
    ("Room 101", "Room one hundred one"),
    ("1,250 people called", "one thousand two hundred fifty people called"),
    ("over 3,000,000 served", "over three million served"),
    ("the code is 007", "the code is zero zero seven"),
    ("key in 123456 now", "key in one two three four five six now"),
    ("version 2.5", "version two point five"),
    ("version 1.4.2", "version one point four point two"),
    ("it is -5 outside", "it is minus five outside"),
    ("pages 10-20", "pages ten to twenty"),
    ("1/2 price, 3/4 full", "one half price, three quarters full"),
    ("we are here 24/7", "we are here twenty four seven"),
    // Ordinals
    ("You are 1st in line.", "You are first in line."),
    ("the 22nd caller", "the twenty second caller"),
    ("our 100th year", "our one hundredth year"),
    ("on the 12th floor", "on the twelfth floor"),
    // Telephone numbers
    ("Call (415) 555-0132.", "Call four one five, five five five, zero one three two."),
    ("Call 415-555-0132 now", "Call four one five, five five five, zero one three two now"),
    ("415.555.0132", "four one five, five five five, zero one three two"),
    ("4155550132", "four one five, five five five, zero one three two"),
    ("+1 415 555 0132", "one, four one five, five five five, zero one three two"),
    ("1-800-555-0199", "one, eight hundred, five five five, zero one nine nine"),
    ("1-800-FLOWERS", "one, eight hundred, flowers"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("555-0132", "five five five, zero one three two"),
    ("dial 911", "dial nine one one"),
    ("415-555-0132 ext. 204", "four one five, five five five, zero one three two, extension two zero four"),
    // Extensions, keys and references
    ("Dial ext. 204", "Dial extension two zero four"),
    ("x1001", "extension one zero zero one"),
    ("extension 7", "extension seven"),
    ("then press # or *", "then press pound or star"),
    ("You are #3", "You are number three"),
    ("order number 40713", "order number four zero seven one three"),
    ("Your PIN is 9021.", "Your PIN is nine zero two one."),
    ("ticket AB-1234", "ticket ay B, one two three four"),
    // Money
    ("It costs $5.", "It costs five dollars."),
    ("$1", "one dollar"),
    ("$1,234.50", "one thousand two hundred thirty four dollars and fifty cents"),
    ("only $0.99", "only ninety nine cents"),
    ("$2.01", "two dollars and one cent"),
    ("$1.5 million", "one point five million dollars"),
    ("£20", "twenty pounds"),
    ("€9.99", "nine euros and ninety nine cents"),
    ("75¢", "seventy five cents"),
    // Percentages and measures
    ("15% off", "fifteen percent off"),
    ("up 2.5 %", "up two point five percent"),
    ("72°F today", "seventy two degrees Fahrenheit today"),
    ("about 30 min.", "about thirty minutes"),
    ("1 hr", "one hour"),
    ("5 km or 3 mi", "five kilometers or three miles"),
    ("25 MB left", "twenty five megabytes left"),
    // Dates
    ("on 3/14/2026", "on March fourteenth, twenty twenty six"),
    ("2026-12-25", "December twenty fifth, twenty twenty six"),
    ("July 4, 2004", "July fourth, two thousand four"),
    ("Jan. 2", "January second"),
    ("3 March 1905", "March third, nineteen oh five"),
    ("by 12/24", "by December twenty fourth"),
    ("since 1998", "since nineteen ninety eight"),
    ("the 1990s", "the nineteen nineties"),
    ("Mon-Fri", "Monday to Friday"),
    ("closed Mon. and Tues.", "closed Monday and Tuesday"),
    // Times
    ("at 9:30 AM", "at nine thirty AM"),
    ("at 9:05 a.m.", "at nine oh five AM"),
    ("at 9.30am", "at nine thirty AM"),
    ("5pm", "five PM"),
    ("open 9 AM - 5 PM", "open nine AM to five PM"),
    ("9:00-5:30", "nine o'clock to five thirty"),
    ("at 17:45", "at seventeen forty five"),
    // Abbreviations, names and streets
    ("Dr. Smith", "Doctor Smith"),
    ("Mr and Mrs. Jones", "Mr and Missus Jones"),
    ("1250 Main St.", "twelve fifty Main Street"),
    ("St. Mary's, 5th Ave", "Saint Mary's, fifth Avenue"),
    ("Acme, Inc. & Sons", "Acme, Incorporated and Sons"),
    ("apt. 4B", "apartment four B"),
    ("Martin Luther King Jr.", "Martin Luther King Junior"),
    ("e.g. billing", "for example, billing"),
    ("J. K. Rowling", "J K Rowling"),
    ("the U.S. office", "the U S office"),
    // Capitals
    ("our PBX and SMS", "our P B X and S M S"),
    ("your ID", "your I D"),
    ("URGENT: call back", "urgent: call back"),
    ("an MP3 file", "an M P three file"),
    ("OK", "OK"),
    // Addresses on the net
    ("jo.smith@acme.com", "jo dot smith at acme dot com"),
    ("visit https://www.acme.com/help", "visit acme dot com slash help"),
    ("see acme.org.", "see acme dot org."),
    // Typography and noise
    ("It’s “fine” — really…", "It's, fine, really."),
    ("Hello!!! World???", "Hello! World?"),
    ("★ Sale ★ 🎉", "Sale"),
    ("first line\nsecond line", "first line. second line"),
    ("  spaced   out  ", "spaced out"),
    ("日本語", ""),
    ("", ""),
];

#[test]
fn written_text_is_said_as_people_say_it() {
    let wrong: Vec<String> = CASES
        .iter()
        .map(|(written, said)| (written, said, speakable(written)))
        .filter(|(_, said, got)| got != *said)
        .map(|(written, said, got)| format!("{written:?}\n  should be {said:?}\n  but is    {got:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

#[test]
fn what_is_said_is_left_alone() {
    for (written, _) in CASES {
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

fn is_speakable(character: char) -> bool {
    clean::is_letter(character) || " '-.,!?;:".contains(character)
}

proptest! {
    #[test]
    fn anything_becomes_speakable(text in any::<String>()) {
        prop_assert!(speakable(&text).chars().all(is_speakable));
        prop_assert!(spelled(&text).chars().all(is_speakable));
    }

    #[test]
    fn anything_near_the_rules_becomes_speakable(text in r"[ 0-9.,:/$%#+()x°APMapmst@&'-]{0,40}") {
        prop_assert!(speakable(&text).chars().all(is_speakable), "{:?}", speakable(&text));
    }

    #[test]
    fn numbers_of_any_size_are_said(value in any::<u64>()) {
        prop_assert!(numbers::cardinal(value).split(' ').all(|word| word.chars().all(|letter| letter.is_ascii_lowercase())));
        prop_assert!(!numbers::ordinal(value).is_empty());
        prop_assert!(!numbers::year(value).is_empty());
    }
}
