//! How facts are put for people: times, lengths, callers, and text that came from outside.

use std::time::Duration;

use jiff::tz::TimeZone;

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

/// A length as players show it: `0:34`, `12:05`, `1:02:03`.
pub fn length(duration: Duration) -> String {
    let seconds = (duration.as_millis() + 500) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A size in megabytes with one decimal.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// Most characters that are shown of a name or number.
pub const LONGEST_NAME: usize = 80;

/// A caller by name and number, as far as they are known; nothing when neither is.
pub fn caller(name: &str, number: &str) -> Option<String> {
    let (name, number) = (line(name, LONGEST_NAME), line(number, LONGEST_NAME));
    match (name.as_str(), number.as_str()) {
        ("", "") => None,
        ("", _) => Some(number),
        (_, "") => Some(name),
        _ if name == number => Some(name),
        _ => Some(format!("{name} ({number})")),
    }
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
pub fn paragraph(text: &str, longest: usize) -> (String, bool) {
    let text = text.replace("\r\n", "\n");
    let visible: String = text.chars().filter(|character| *character == '\n' || !is_hidden(*character)).collect();
    cut(visible.trim(), longest)
}

/// Runs of words from outside, `longest` characters in all; tells whether they had to be cut.
pub fn runs(runs: &[Run], longest: usize) -> (Vec<Run>, bool) {
    let (mut kept, mut left) = (Vec::with_capacity(runs.len()), longest);
    for run in runs {
        let (text, is_cut) = paragraph(&run.text, left);
        left -= text.chars().count().min(left);
        if !text.is_empty() {
            kept.push(Run { text, doubtful: run.doubtful });
        }
        if is_cut {
            return (kept, true);
        }
    }
    (kept, false)
}

/// Runs of words as plain text, what is doubtful in brackets with a question mark: `it's [Bob Smith?] from Acme`.
pub fn marked(runs: &[Run]) -> String {
    let run = |run: &Run| if run.doubtful { format!("[{}?]", run.text) } else { run.text.clone() };
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

/// Cuts after `longest` characters, at a space if there is one near, and marks the place.
fn cut(text: &str, longest: usize) -> (String, bool) {
    let Some((end, _)) = text.char_indices().nth(longest) else {
        return (text.to_owned(), false);
    };
    let kept = &text[..end];
    let near = kept.rfind(' ').filter(|space| end - space < 40);
    (format!("{}…", kept[..near.unwrap_or(end)].trim_end()), true)
}

fn is_hidden(character: char) -> bool {
    let turns_direction =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let ends_line = matches!(character, '\u{2028}' | '\u{2029}');
    character.is_control() || turns_direction || ends_line || character == '\u{feff}'
}

/// The name a message's audio is saved under, by when it was left: `voicemail-2026-11-22-1205.wav`.
pub fn audio_file_name(received_at: Time, time_zone: &str, extension: &str) -> String {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let moment = received_at.timestamp().to_zoned(zone);
    file_name(&format!("voicemail-{}.{extension}", moment.strftime("%Y-%m-%d-%H%M")))
}

/// A name that every file system takes: ASCII letters, digits, dots, dashes and underscores.
pub fn file_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .take(100)
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => character,
            _ => '-',
        })
        .collect();
    let plain = plain.trim_matches(['.', '-']);
    if plain.is_empty() { "voicemail.wav" } else { plain }.to_owned()
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
    fn lengths_read_as_on_players() {
        let of = |milliseconds| length(Duration::from_millis(milliseconds));
        assert_eq!(
            [of(0), of(499), of(34_400), of(725_000), of(3_723_000)],
            ["0:00", "0:00", "0:34", "12:05", "1:02:03"]
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
        assert_eq!(caller("Alice", "+15550100"), Some("Alice (+15550100)".to_owned()));
        assert_eq!(caller("", "+15550100"), Some("+15550100".to_owned()));
        assert_eq!(caller("+15550100", "+15550100"), Some("+15550100".to_owned()));
        assert_eq!(caller("\0", " "), None);
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
        assert_eq!(runs(&said, 12), (vec![run("Hi, it's", false), run("Bob…", true)], true));
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
    fn file_names_are_plain() {
        let at = Time::from("2026-11-22T17:05:00Z".parse::<jiff::Timestamp>().unwrap());
        assert_eq!(audio_file_name(at, "America/New_York", "wav"), "voicemail-2026-11-22-1205.wav");
        assert_eq!(file_name("voicemail-2026.wav"), "voicemail-2026.wav");
        assert_eq!(file_name("../a b\"\r\n.wav"), "a-b---.wav");
        assert_eq!(file_name("…"), "voicemail.wav");
    }
}
