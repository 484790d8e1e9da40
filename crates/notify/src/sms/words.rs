//! What our SMS say, kept short: a part costs money.

use std::time::Duration;

use super::text;
use crate::wording;
use voicemill_types::Time;

/// Most characters that are shown of a name in an SMS.
const LONGEST: usize = 40;

/// A new message.
pub struct MessageWords<'a> {
    /// The mailbox as its owner knows it, such as `Sales (101)`.
    pub mailbox: &'a str,
    /// The caller's name as the core gave it; may be empty.
    pub caller_name: &'a str,
    /// The caller's number as the core gave it; may be empty.
    pub caller_number: &'a str,
    /// When the caller left it.
    pub received_at: Time,
    /// IANA time zone for the time it says.
    pub time_zone: &'a str,
    /// BCP 47 language tag, which decides how the time is written.
    pub locale: &'a str,
    /// Length of the whole message.
    pub duration: Duration,
    /// The address of its page.
    pub url: &'a str,
}

impl MessageWords<'_> {
    /// The SMS.
    pub fn text(&self) -> String {
        let Self { mailbox, caller_name, caller_number, received_at, time_zone, locale, duration, url } = self;
        let caller = short_caller(caller_name, caller_number);
        let mailbox = wording::name(mailbox, LONGEST);
        let at = wording::clock(*received_at, time_zone, locale);
        let length = wording::length(*duration);
        // Nothing is cut from the end, where the link stands: names are short by then.
        text::plain(&format!("Voicemail for {mailbox} from {caller}, {length}, {at}. Listen: {url}"))
    }
}

/// Messages that are still unread.
pub struct ReminderWords<'a> {
    /// The mailbox as its owner knows it.
    pub mailbox: &'a str,
    /// How many there are; at least one.
    pub unread: i64,
    /// The newest one's caller, by name and number as the core gave them; may be empty.
    pub newest_caller: (&'a str, &'a str),
    /// When that one came.
    pub newest_at: Time,
    /// See [`MessageWords`].
    pub time_zone: &'a str,
    /// See [`MessageWords`].
    pub locale: &'a str,
}

impl ReminderWords<'_> {
    /// The SMS.
    pub fn text(&self) -> String {
        let mailbox = wording::name(self.mailbox, LONGEST);
        let caller = short_caller(self.newest_caller.0, self.newest_caller.1);
        let at = wording::clock(self.newest_at, self.time_zone, self.locale);
        let count = if self.unread == 1 {
            "1 unread voicemail".to_owned()
        } else {
            format!("{} unread voicemails", self.unread)
        };
        let newest = if self.unread == 1 { "from" } else { "the newest from" };
        text::plain(&format!("{count} for {mailbox}, {newest} {caller}, {at}. Reply STOP to end these texts."))
    }
}

/// A call that left something in which nobody can hear anything.
pub struct UnheardWords<'a> {
    /// The mailbox as its owner knows it.
    pub mailbox: &'a str,
    /// See [`MessageWords`].
    pub caller_name: &'a str,
    /// See [`MessageWords`].
    pub caller_number: &'a str,
    /// When it was.
    pub called_at: Time,
    /// See [`MessageWords`].
    pub time_zone: &'a str,
    /// See [`MessageWords`].
    pub locale: &'a str,
    /// Whether it holds no sound; else it could not be read, and is kept.
    pub no_sound: bool,
}

impl UnheardWords<'_> {
    /// The SMS.
    pub fn text(&self) -> String {
        let mailbox = wording::name(self.mailbox, LONGEST);
        let caller = short_caller(self.caller_name, self.caller_number);
        let at = wording::clock(self.called_at, self.time_zone, self.locale);
        let what = match self.no_sound {
            true => "left no message",
            false => "left a voicemail that could not be read; it is kept as it came",
        };
        text::plain(&format!("Call for {mailbox} from {caller}, {at}: the caller {what}."))
    }
}

/// A caller in few characters: the number, and as much of the name as there is room for.
fn short_caller(name: &str, number: &str) -> String {
    wording::caller_within(name, number, LONGEST).unwrap_or("an unknown caller".to_owned())
}

/// A mailbox that refused a message because it is full.
pub struct FullWords<'a> {
    /// The mailbox as its owner knows it.
    pub mailbox: &'a str,
    /// Bytes it may hold.
    pub quota_bytes: u64,
}

impl FullWords<'_> {
    /// The SMS.
    pub fn text(&self) -> String {
        let mailbox = wording::name(self.mailbox, LONGEST);
        let quota = wording::megabytes(self.quota_bytes);
        text::plain(&format!(
            "The voicemail of {mailbox} is full ({quota}) and takes no more messages. Delete some to make room."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sms::measure;

    fn at(text: &str) -> Time {
        Time::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    #[test]
    fn a_message_says_who_how_long_when_and_where() {
        let words = MessageWords {
            mailbox: "Dana (101)",
            caller_name: "Robin Stone",
            caller_number: "4155550132",
            received_at: at("2026-11-22T14:31:00Z"),
            time_zone: "America/New_York",
            locale: "en-US",
            duration: Duration::from_secs(34),
            url: "https://vm.example.com/l/AQcHBwcHBwcHBwcHBwcHBwe-4ab8vLdX0mD_ZfGtQ0mT",
        };
        assert_eq!(
            words.text(),
            "Voicemail for Dana (101) from Robin Stone, (415) 555-0132, 0:34, Sun 9:31 AM. Listen: \
             https://vm.example.com/l/AQcHBwcHBwcHBwcHBwcHBwe-4ab8vLdX0mD_ZfGtQ0mT"
        );
        assert_eq!(measure(&words.text()).1, 1, "one part is what it costs");
        let hostile = MessageWords { caller_name: &"я\r\n".repeat(500), ..words };
        assert!(hostile.text().ends_with(hostile.url) && !hostile.text().contains('\n'), "{}", hostile.text());
    }

    #[test]
    fn k22_a_name_never_takes_the_numbers_place_nor_becomes_a_link() {
        let words = |caller_name: &str| {
            let words = MessageWords {
                mailbox: "Dana (101)",
                caller_name,
                caller_number: "+14155550132",
                received_at: at("2026-11-22T14:31:00Z"),
                time_zone: "America/New_York",
                locale: "en-US",
                duration: Duration::from_secs(34),
                url: "https://vm.example.com/l/token",
            };
            words.text()
        };
        let long = words("Lakeside Family Dental Group of the Valley");
        assert!(long.contains("Lakeside Family Dental..., (415) 555-0132, 0:34"), "{long}");
        let hostile = words("http://evil.example/x");
        assert!(hostile.contains("from http evil. example x, (415) 555-0132"), "{hostile}");
        let family = words(&"👨‍👩‍👧‍👦".repeat(50));
        assert!(family.contains(&format!("{}..., (415)", "👨‍👩‍👧‍👦".repeat(24))), "{family}");
    }

    #[test]
    fn k14_a_call_that_left_nothing_to_hear_is_told_of() {
        let words = UnheardWords {
            mailbox: "Dana (101)",
            caller_name: "Robin Stone",
            caller_number: "4155550132",
            called_at: at("2026-11-22T14:31:00Z"),
            time_zone: "America/New_York",
            locale: "en-US",
            no_sound: true,
        };
        assert_eq!(
            words.text(),
            "Call for Dana (101) from Robin Stone, (415) 555-0132, Sun 9:31 AM: the caller left no message."
        );
        let unreadable = UnheardWords { no_sound: false, ..words };
        assert!(unreadable.text().ends_with("left a voicemail that could not be read; it is kept as it came."));
        assert_eq!(measure(&unreadable.text()).1, 1);
    }

    #[test]
    fn reminders_count() {
        let words = ReminderWords {
            mailbox: "Dana (101)",
            unread: 3,
            newest_caller: ("Robin Stone", "4155550132"),
            newest_at: at("2026-11-22T14:31:00Z"),
            time_zone: "Europe/Berlin",
            locale: "de-DE",
        };
        assert_eq!(
            words.text(),
            "3 unread voicemails for Dana (101), the newest from Robin Stone, (415) 555-0132, Sun 15:31. \
             Reply STOP to end these texts."
        );
        let one = ReminderWords { unread: 1, newest_caller: ("", ""), ..words };
        assert!(one.text().starts_with("1 unread voicemail for Dana (101), from an unknown caller, "));
    }

    #[test]
    fn a_full_mailbox_says_what_to_do() {
        let words = FullWords { mailbox: "Dana (101)", quota_bytes: 25_000_000 };
        assert!(words.text().contains("is full (25.0 MB)") && words.text().contains("Delete some"));
        assert_eq!(measure(&words.text()).1, 1);
    }
}
