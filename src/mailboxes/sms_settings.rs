//! How a mailbox's owner is told of messages by SMS, and when not.

use std::{fmt, str::FromStr, time::Duration};

use jiff::{SignedDuration, civil, tz::TimeZone};
use voicemill_types::{PhoneNumber, Time};

/// A mailbox's settings for SMS.
#[derive(Clone, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct SmsSettings {
    /// The numbers that are told; none switches SMS off.
    #[sqlx(json)]
    pub sms_recipients: Vec<PhoneNumber>,
    /// Minutes between reminders while a message is unread; no reminders if none.
    pub reminder_minutes: Option<i64>,
    /// When no SMS is sent, in the domain's time zone; what comes meanwhile is told of at its end.
    #[sqlx(json(nullable))]
    pub quiet_hours: Option<QuietHours>,
}

impl SmsSettings {
    /// Most numbers a mailbox may have.
    pub const MAX_RECIPIENTS: usize = 20;
    /// What an interval of reminders may be, in minutes: five minutes to a week.
    pub const REMINDER_MINUTES: std::ops::RangeInclusive<i64> = 5..=10_080;

    /// The interval of reminders, if SMS and reminders are on.
    pub fn reminder_interval(&self) -> Option<Duration> {
        let minutes = self.reminder_minutes.filter(|_| !self.sms_recipients.is_empty())?;
        Some(Duration::from_secs(minutes.unsigned_abs() * 60))
    }

    /// The first moment from `at` on at which SMS may be sent.
    pub fn first_moment(&self, at: Time, time_zone: &str) -> Time {
        let quiet = self.quiet_hours.as_ref().and_then(|quiet| quiet.end_if_within(at, time_zone));
        quiet.unwrap_or(at)
    }
}

/// A span of every day, such as `22:00-07:00`; it may pass midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuietHours {
    from: civil::Time,
    until: civil::Time,
}

/// Quiet hours that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} are no quiet hours: write two different times of the day, such as 22:00-07:00")]
pub struct BadQuietHours(String);

impl QuietHours {
    /// The end of the span that `at` lies in on the clock of `time_zone`; none outside of it.
    ///
    /// Where the clock is put forward over the end, the span ends at the next time that exists.
    fn end_if_within(&self, at: Time, time_zone: &str) -> Option<Time> {
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let local = at.timestamp().to_zoned(zone.clone());
        let (day, clock) = (local.date(), local.time());
        let end_day = match self.from < self.until {
            true if (self.from..self.until).contains(&clock) => day,
            false if clock < self.until => day,
            false if clock >= self.from => day.tomorrow().ok()?,
            _ => return None,
        };
        let end = zone.to_timestamp(end_day.to_datetime(self.until)).ok()?;
        // Where the clock is put back, the end comes twice; the later one is meant if the earlier is over.
        let end = if end > at.timestamp() { end } else { end.saturating_add(SignedDuration::from_hours(1)).ok()? };
        Some(Time::from(end))
    }
}

impl FromStr for QuietHours {
    type Err = BadQuietHours;

    fn from_str(text: &str) -> Result<Self, BadQuietHours> {
        let clock = |text: &str| {
            let (hours, minutes) = text.split_once(':')?;
            let number = |digits: &str| (digits.len() == 2).then(|| digits.parse().ok()).flatten();
            civil::Time::new(number(hours)?, number(minutes)?, 0, 0).ok()
        };
        let span = text.split_once('-').and_then(|(from, until)| clock(from).zip(clock(until)));
        match span {
            Some((from, until)) if from != until => Ok(Self { from, until }),
            _ => Err(BadQuietHours(text.to_owned())),
        }
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.strftime("%H:%M"), self.until.strftime("%H:%M"))
    }
}

impl TryFrom<String> for QuietHours {
    type Error = BadQuietHours;

    fn try_from(text: String) -> Result<Self, BadQuietHours> {
        text.parse()
    }
}

impl From<QuietHours> for String {
    fn from(hours: QuietHours) -> Self {
        hours.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(hours: &str, at: &str, zone: &str) -> String {
        let quiet_hours = Some(hours.parse().unwrap());
        let settings = SmsSettings { quiet_hours, ..SmsSettings::default() };
        settings.first_moment(Time::from(at.parse::<jiff::Timestamp>().unwrap()), zone).to_string()
    }

    #[test]
    fn quiet_hours_end_on_the_clock_of_the_zone() {
        let new_york = |at| first("22:00-07:00", at, "America/New_York");
        assert_eq!(new_york("2026-11-23T02:59:59Z"), "2026-11-23T02:59:59Z", "21:59:59 is not quiet");
        assert_eq!(new_york("2026-11-23T03:00:00Z"), "2026-11-23T12:00:00Z", "22:00 is");
        assert_eq!(new_york("2026-11-23T11:59:59Z"), "2026-11-23T12:00:00Z", "06:59:59 is");
        assert_eq!(new_york("2026-11-23T12:00:00Z"), "2026-11-23T12:00:00Z", "07:00 is not");
        assert_eq!(first("12:00-13:30", "2026-11-23T12:10:00Z", "UTC"), "2026-11-23T13:30:00Z");
        assert_eq!(first("12:00-13:30", "2026-11-23T13:30:00Z", "UTC"), "2026-11-23T13:30:00Z");
    }

    #[test]
    fn quiet_hours_end_also_where_the_clock_is_changed() {
        // 02:30 does not exist on 2026-03-08 in New York, and comes twice on 2026-11-01.
        let new_york = |at| first("22:00-01:30", at, "America/New_York");
        assert_eq!(first("22:00-02:30", "2026-03-08T06:59:00Z", "America/New_York"), "2026-03-08T07:30:00Z");
        assert_eq!(new_york("2026-11-01T04:00:00Z"), "2026-11-01T05:30:00Z");
        assert_eq!(new_york("2026-11-01T06:10:00Z"), "2026-11-01T06:30:00Z", "01:10 for the second time");
    }

    #[test]
    fn what_are_no_quiet_hours_is_refused() {
        for bad in ["", "22:00", "22:00-22:00", "24:00-07:00", "22:00-7:00", "22-07", "22:60-07:00", "a:00-b:00"] {
            assert!(bad.parse::<QuietHours>().is_err(), "{bad:?}");
        }
        assert_eq!("22:00-07:15".parse::<QuietHours>().unwrap().to_string(), "22:00-07:15");
    }
}
