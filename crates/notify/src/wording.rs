//! How facts are put for people: times, lengths, callers, and text that came from outside.

use std::time::Duration;

use jiff::tz::TimeZone;
use unicode_segmentation::UnicodeSegmentation;

use voicemill_types::{CallbackNumber, Run, Time};

/// A moment on the clock of `time_zone`, as people of `locale` write it; UTC when the zone is unknown.
pub fn moment(at: Time, time_zone: &str, locale: &str) -> String {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let form = match locale.to_ascii_lowercase().as_str() {
        "en" | "en-us" => "%A, %B %-d, %Y at %-I:%M %p %Z",
        "en-au" | "en-ca" => "%A, %-d %B %Y at %-I:%M %p %Z",
        _ => "%A, %-d %B %Y at %H:%M %Z",
    };
    at.timestamp().to_zoned(zone).strftime(form).to_string()
}

/// A weekday and a time on the clock of `time_zone`, the short form of [`moment`].
pub fn clock(at: Time, time_zone: &str, locale: &str) -> String {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let form = match locale.to_ascii_lowercase().as_str() {
        "en" | "en-us" | "en-au" | "en-ca" => "%a %-I:%M %p",
        _ => "%a %H:%M",
    };
    at.timestamp().to_zoned(zone).strftime(form).to_string()
}

/// A length as players show it, in whole seconds that are over: `0:34`, `12:05`, `1:02:03`.
pub fn length(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A size in megabytes with one decimal.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Most characters that are shown of a name or number.
pub const LONGEST_NAME: usize = 80;
/// Fewest characters that are left of a name.
const SHORTEST_NAME: usize = 10;

/// A caller by name and number, as far as they are known; nothing when neither is.
pub fn caller(name: &str, number: &str) -> Option<String> {
    caller_within(name, number, usize::MAX)
}

/// The same in no more than about `longest` characters: the name is cut for it, the number never is.
pub(crate) fn caller_within(caller_name: &str, caller_number: &str, longest: usize) -> Option<String> {
    let number = number(caller_number);
    let left = longest.saturating_sub(number.chars().count() + 2).max(SHORTEST_NAME);
    let name = name(caller_name, left.min(LONGEST_NAME));
    let is_number = name == number || self::number(&name) == number;
    match (name.as_str(), number.as_str()) {
        ("", "") => None,
        ("", _) => Some(number),
        (_, "") => Some(name),
        _ if is_number => Some(number),
        _ => Some(format!("{name}, {number}")),
    }
}

/// A name that somebody outside gave, in one line. Mail and SMS programs make links of what looks like an address; a name
/// is none, so it gets a space where they would begin.
pub fn name(text: &str, longest: usize) -> String {
    let plain = text.replace("://", " ").replace(['/', '\\'], " ").replace('@', " at ");
    let mut name = String::with_capacity(plain.len());
    let mut characters = plain.chars().peekable();
    while let Some(character) = characters.next() {
        name.push(character);
        // `evil.example`, but not `J. Smith`, `J.R.` or `v2.0`.
        let mut ahead = characters.clone();
        let next_two = (ahead.next(), ahead.next());
        if is_dot(character) && matches!(next_two, (Some(a), Some(b)) if a.is_alphabetic() && b.is_alphanumeric()) {
            name.push(' ');
        }
    }
    line(&name, longest)
}

fn is_dot(character: char) -> bool {
    matches!(character, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// A caller's number for people: `(415) 555-0132` for one of North America, else as it came; of a SIP or tel URI its user.
pub fn number(text: &str) -> String {
    match north_american(text) {
        Some(digits) => format!("({}) {}-{}", &digits[..3], &digits[3..6], &digits[6..]),
        None => name(user_part(text), LONGEST_NAME),
    }
}

/// What a phone dials for a caller's number: `+14155550132`; nothing where there is none, as with `anonymous`.
pub fn dial(text: &str) -> Option<String> {
    if let Some(digits) = north_american(text) {
        return Some(format!("+1{digits}"));
    }
    let user = user_part(text).trim();
    let is_spelled = user.chars().all(|letter| letter.is_ascii_digit() || " +-.()*#".contains(letter));
    let dialled: String = user
        .chars()
        .enumerate()
        .filter(|(at, letter)| letter.is_ascii_digit() || (*at == 0 && *letter == '+'))
        .map(|(_, letter)| letter)
        .collect();
    let digits = dialled.trim_start_matches('+').len();
    (is_spelled && !user.contains(['*', '#']) && (2..=15).contains(&digits)).then_some(dialled)
}

/// `4155550132` of `sip:4155550132@10.0.0.1;user=phone`, `<tel:+1-415-555-0132>` and the like.
fn user_part(text: &str) -> &str {
    let text = text.trim().trim_matches(['<', '>', '"']);
    let Some(rest) = ["sip:", "sips:", "tel:"].iter().find_map(|scheme| {
        let head = text.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &text[scheme.len()..])
    }) else {
        return text;
    };
    rest.split(['@', ';', '?']).next().unwrap_or(rest)
}

/// The ten digits of a number of North America, in whichever punctuation.
fn north_american(text: &str) -> Option<String> {
    let user = user_part(text);
    if !user.chars().all(|letter| letter.is_ascii_digit() || " +-.()".contains(letter)) {
        return None;
    }
    let digits = voicemill_types::digits(user);
    let digits = match (user.trim_start().starts_with('+'), digits.len()) {
        (_, 11) => digits.strip_prefix('1')?.to_owned(),
        (false, 10) => digits,
        _ => return None,
    };
    // Neither an area code nor an exchange begins with 0 or 1.
    let begins = |at: usize| digits.as_bytes()[at] > b'1';
    (begins(0) && begins(3)).then_some(digits)
}

/// One line of text from outside: no control characters, nothing that turns the direction of writing, no longer than
/// `longest` characters.
pub fn line(text: &str, longest: usize) -> String {
    let visible: String = text
        .chars()
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .filter(|character| !is_hidden(*character))
        .collect();
    let words = visible.split(' ').filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    cut(&line, longest).0
}

/// Several lines of text from outside; tells whether it had to be cut.
pub(crate) fn paragraph(text: &str, longest: usize) -> (String, bool) {
    let text = text.replace("\r\n", "\n");
    let visible: String = text.chars().filter(|character| *character == '\n' || !is_hidden(*character)).collect();
    cut(visible.trim(), longest)
}

/// Runs of words from outside, `longest` characters in all; tells whether they had to be cut.
pub fn runs(runs: &[Run], longest: usize) -> (Vec<Run>, bool) {
    let (mut kept, mut left) = (Vec::<Run>::with_capacity(runs.len()), longest);
    for run in runs {
        let (text, is_cut) = paragraph(&run.text, left);
        left -= text.chars().count().min(left);
        // Half of what is doubtful anyway says nothing.
        if is_cut && run.doubtful && !kept.is_empty() {
            if let Some(last) = kept.last_mut() {
                last.text.push('…');
            }
            return (kept, true);
        }
        if !text.is_empty() {
            kept.push(Run { text, doubtful: run.doubtful });
        }
        if is_cut {
            return (kept, true);
        }
    }
    (kept, false)
}

/// Runs of words as plain text, what is doubtful in brackets with a question mark, and the sentence's own mark behind them:
/// `it's [Bob Smith?]. From Acme`.
pub fn marked(runs: &[Run]) -> String {
    let run = |run: &Run| {
        if !run.doubtful {
            return run.text.clone();
        }
        let words = run.text.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        format!("[{words}?]{}", &run.text[words.len()..])
    };
    runs.iter().map(run).collect::<Vec<_>>().join(" ")
}

/// Where something is said in a message: `0:12`. It is never after it begins.
pub fn place(seconds: f64) -> String {
    length(Duration::from_secs(seconds.max(0.0) as u64))
}

/// What a phone dials for a number that was said, and for its extension once that answers.
pub fn dialled(number: &CallbackNumber) -> String {
    let plain = |text: &str| text.chars().filter(|digit| digit.is_ascii_digit() || *digit == '+').collect::<String>();
    match &number.extension {
        Some(extension) => format!("{},{}", plain(&number.number), plain(extension)),
        None => plain(&number.number),
    }
}

/// Cuts after `longest` characters as people see them, at a space if there is one near, and marks the place.
fn cut(text: &str, longest: usize) -> (String, bool) {
    // A text with so few bytes has no more characters.
    if text.len() <= longest {
        return (text.to_owned(), false);
    }
    let Some((end, _)) = text.grapheme_indices(true).nth(longest) else {
        return (text.to_owned(), false);
    };
    let kept = &text[..end];
    let near = kept.rfind(' ').filter(|space| kept[*space..].chars().count() < 40 && *space > end / 2);
    (format!("{}…", kept[..near.unwrap_or(end)].trim_end()), true)
}

fn is_hidden(character: char) -> bool {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    character.is_control() || turns_direction || ends_line || character == '\u{feff}'
}

/// The name a message's audio is saved under, by caller and time, so that people find it again:
/// `Robin Stone 2026-11-22 1205.wav`.
pub fn audio_file_name(
    caller_name: &str,
    caller_number: &str,
    received_at: Time,
    time_zone: &str,
    extension: &str,
) -> String {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let moment = received_at.timestamp().to_zoned(zone).strftime("%Y-%m-%d %H%M");
    let who = match line(caller_name, LONGEST_NAME) {
        named if named.chars().any(char::is_alphanumeric) => named,
        _ => number(caller_number),
    };
    let who: String = who.graphemes(true).take(LONGEST_CALLER_IN_FILE).collect();
    let who = file_words(&who);
    let who = if who.is_empty() { "voicemail" } else { &who };
    format!("{who} {moment}.{extension}")
}

/// Most characters of a caller in the name of a file.
const LONGEST_CALLER_IN_FILE: usize = 40;

/// A name that every file system takes: letters of any script, digits, spaces, dots, dashes and underscores.
pub fn file_name(name: &str) -> String {
    let plain: String = name.graphemes(true).take(100).collect();
    let plain = file_words(&plain);
    if plain.is_empty() { "voicemail.wav".to_owned() } else { plain }
}

fn file_words(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|character| match character {
            '.' | '-' | '_' => character,
            _ if character.is_alphanumeric() => character,
            // What makes a letter of two characters.
            '\u{300}'..='\u{36f}' => character,
            _ => ' ',
        })
        .collect();
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").trim_matches(['.', '-', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_follow_zone_and_locale() {
        let at = Time::from("2026-11-22T17:05:00Z".parse::<jiff::Timestamp>().unwrap());
        assert_eq!(moment(at, "America/New_York", "en-US"), "Sunday, November 22, 2026 at 12:05 PM EST");
        assert_eq!(moment(at, "Australia/Sydney", "en-AU"), "Monday, 23 November 2026 at 4:05 AM AEDT");
        assert_eq!(moment(at, "Europe/Berlin", "de-DE"), "Sunday, 22 November 2026 at 18:05 CET");
        assert_eq!(moment(at, "Mars/Olympus", "en-GB"), "Sunday, 22 November 2026 at 17:05 UTC");
    }

    #[test]
    fn a8_lengths_read_as_on_players() {
        let of = |milliseconds| length(Duration::from_millis(milliseconds));
        assert_eq!(
            [of(0), of(499), of(10_900), of(34_400), of(725_999), of(3_723_000)],
            ["0:00", "0:00", "0:10", "0:34", "12:05", "1:02:03"]
        );
    }

    #[test]
    fn lines_from_outside_are_one_line() {
        assert_eq!(line("Eve\r\nBcc: x@y", 80), "Eve Bcc: x@y");
        assert_eq!(line(" \u{202e}gro.elpmaxe\0 \t Bob\u{2028} ", 80), "gro.elpmaxe Bob");
        assert_eq!(line("äöüß and more", 4), "äöüß…");
    }

    #[test]
    fn callers_are_named_as_far_as_they_are_known() {
        assert_eq!(caller("Alice", "+15550100"), Some("Alice, +15550100".to_owned()));
        assert_eq!(caller("", "+15550100"), Some("+15550100".to_owned()));
        assert_eq!(caller("+15550100", "+15550100"), Some("+15550100".to_owned()));
        assert_eq!(caller("4155550132", "+14155550132"), Some("(415) 555-0132".to_owned()));
        assert_eq!(caller("\0", " "), None);
    }

    #[test]
    fn a1_a7_numbers_are_shown_in_one_form_and_dialled_in_another() {
        for (text, shown, dialled) in [
            ("+14155550132", "(415) 555-0132", Some("+14155550132")),
            ("14155550132", "(415) 555-0132", Some("+14155550132")),
            ("4155550132", "(415) 555-0132", Some("+14155550132")),
            ("415-555-0132", "(415) 555-0132", Some("+14155550132")),
            ("sip:4155550132@10.0.0.1;user=phone", "(415) 555-0132", Some("+14155550132")),
            ("<tel:+1-415-555-0132>", "(415) 555-0132", Some("+14155550132")),
            ("+442071838750", "+442071838750", Some("+442071838750")),
            ("0301234567", "0301234567", Some("0301234567")),
            ("204", "204", Some("204")),
            ("anonymous", "anonymous", None),
            ("sip:robin@acme.example", "robin", None),
            ("*97", "*97", None),
            ("", "", None),
            ("javascript:alert(1)", "javascript:alert(1)", None),
            ("4155550132\" onclick=\"x", "4155550132\" onclick=\"x", None),
        ] {
            assert_eq!(number(text), shown, "{text}");
            assert_eq!(dial(text).as_deref(), dialled, "{text}");
        }
    }

    #[test]
    fn k22_no_link_is_made_of_a_name() {
        for (text, shown) in [
            ("http://evil.example/x", "http evil. example x"),
            ("www.evil.example", "www. evil. example"),
            ("bob@evil.example", "bob at evil. example"),
            ("evil\u{3002}example", "evil\u{3002} example"),
            ("J.R. Smith, Ph.D.", "J.R. Smith, Ph.D."),
            ("Acme Inc.", "Acme Inc."),
            ("Dr. No v2.0", "Dr. No v2.0"),
        ] {
            assert_eq!(name(text, 80), shown);
        }
    }

    #[test]
    fn k22_the_number_is_kept_and_the_name_is_cut() {
        let caller = |name: &str| caller_within(name, "+14155550132", 40).unwrap();
        assert_eq!(caller("Robin Stone"), "Robin Stone, (415) 555-0132");
        assert_eq!(caller("Lakeside Family Dental Group of the Valley"), "Lakeside Family Dental…, (415) 555-0132");
        assert_eq!(caller(&"x".repeat(500)), format!("{}…, (415) 555-0132", "x".repeat(24)));
    }

    #[test]
    fn k22_nothing_is_cut_within_a_character() {
        let family = "👨‍👩‍👧‍👦";
        assert_eq!(line(&family.repeat(5), 2), format!("{family}{family}…"));
        let accent = "e\u{301}";
        assert_eq!(line(&accent.repeat(5), 3), format!("{}…", accent.repeat(3)));
    }

    #[test]
    fn paragraphs_keep_their_lines() {
        assert_eq!(paragraph("one\r\ntwo\0\n", 80), ("one\ntwo".to_owned(), false));
        assert_eq!(paragraph("one two three", 9), ("one two…".to_owned(), true));
    }

    #[test]
    fn doubtful_words_are_marked_and_runs_are_cut_together() {
        let run = |text: &str, doubtful| Run { text: text.to_owned(), doubtful };
        let said = [run("Hi, it's", false), run("Bob Smith", true), run("from Acme.", false)];
        assert_eq!(marked(&said), "Hi, it's [Bob Smith?] from Acme.");
        assert_eq!(runs(&said, 80), (said.to_vec(), false));
        assert_eq!(runs(&said, 12), (vec![run("Hi, it's…", false)], true), "half of a doubtful word says nothing");
        assert_eq!(runs(&[run("\0", true)], 80), (Vec::new(), false));
    }

    #[test]
    fn numbers_that_were_said_can_be_dialled() {
        let said = |number: &str, extension: Option<&str>| CallbackNumber {
            number: number.to_owned(),
            display: String::new(),
            extension: extension.map(str::to_owned),
            unsure: false,
            start_seconds: 12.9,
            end_seconds: 15.0,
        };
        assert_eq!(dialled(&said("+14155550132", None)), "+14155550132");
        assert_eq!(dialled(&said("+14155550132", Some("42"))), "+14155550132,42");
        assert_eq!(dialled(&said("5550132\"><b>", None)), "5550132");
        assert_eq!(place(12.9), "0:12");
    }

    #[test]
    fn a11_file_names_say_who_and_when() {
        let at = Time::from("2026-11-22T17:05:00Z".parse::<jiff::Timestamp>().unwrap());
        let of = |name, number| audio_file_name(name, number, at, "America/New_York", "wav");
        assert_eq!(of("Robin Stone", "+14155550132"), "Robin Stone 2026-11-22 1205.wav");
        assert_eq!(of("", "+14155550132"), "415 555-0132 2026-11-22 1205.wav");
        assert_eq!(of("", ""), "voicemail 2026-11-22 1205.wav");
        assert_eq!(of("../\"Zoë\"\r\nBcc: x", ""), "Zoë Bcc x 2026-11-22 1205.wav");
        assert_eq!(file_name("voicemail-2026.wav"), "voicemail-2026.wav");
        assert_eq!(file_name("../a b\"\r\n.wav"), "a b .wav");
        assert_eq!(file_name("…"), "voicemail.wav");
    }
}
