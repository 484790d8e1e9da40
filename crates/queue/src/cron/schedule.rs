//! When a job comes again: the five fields of cron, in the local time of a place.

use std::{fmt, str::FromStr};

use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};

/// Minute, hour, day of the month, month and day of the week, as cron has them: `0 0 * * *` is every midnight.
///
/// Each field is `*` or a list of numbers and ranges, both with steps (`*/15`, `1-5`, `0,30`); Sunday is 0 or 7. With both days
/// restricted, either will do. Local times that a change of the clocks skips come as much later as it skips; those that come
/// twice come the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    any_day: bool,
    any_weekday: bool,
}

/// A schedule that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    /// A field has a form that cron does not know.
    #[error("{0:?} is no schedule: give minute, hour, day, month and weekday, such as \"0 0 * * *\" for midnight")]
    Form(String),
    /// No such day comes within nine years.
    #[error("the schedule's day never comes")]
    Never,
    /// The place is unknown.
    #[error("{0:?} is no IANA time zone that is known here")]
    Zone(String),
}

/// A leap day may be eight years away.
const DAYS_AHEAD: i64 = 9 * 366;

impl Schedule {
    /// Every midnight.
    pub fn midnight() -> Self {
        Self {
            text: "0 0 * * *".to_owned(),
            minutes: 1,
            hours: 1,
            days: u64::MAX,
            months: u64::MAX,
            weekdays: u64::MAX,
            any_day: true,
            any_weekday: true,
        }
    }

    /// The first time after this moment, in the local time of the zone; none if no such day comes.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let today = zone.to_datetime(after).date();
        (0..DAYS_AHEAD).find_map(|days| {
            let date = today.checked_add(days.days()).ok()?;
            if !self.has(date) {
                return None;
            }
            let times = self.times(date).filter_map(|time| zone.to_ambiguous_timestamp(time).compatible().ok());
            // A change of the clocks may put them out of order.
            times.filter(|time| *time > after).min()
        })
    }

    fn has(&self, date: civil::Date) -> bool {
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        let right_day = if self.any_day || self.any_weekday { day && weekday } else { day || weekday };
        self.months >> date.month() & 1 == 1 && right_day
    }

    fn times(&self, date: civil::Date) -> impl Iterator<Item = civil::DateTime> {
        let chosen = |bits: u64, end: i8| (0..end).filter(move |number| bits >> number & 1 == 1);
        let minutes = self.minutes;
        chosen(self.hours, 24).flat_map(move |hour| chosen(minutes, 60).map(move |minute| date.at(hour, minute, 0, 0)))
    }
}

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        let bad = || BadSchedule::Form(text.to_owned());
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else { return Err(bad()) };
        let read = |field, range| bits(field, range).ok_or_else(bad);
        let mut schedule = Self {
            text: fields.join(" "),
            minutes: read(minutes, 0..=59)?,
            hours: read(hours, 0..=23)?,
            days: read(days, 1..=31)?,
            months: read(months, 1..=12)?,
            weekdays: read(weekdays, 0..=7)?,
            any_day: days == "*",
            any_weekday: weekdays == "*",
        };
        schedule.weekdays |= schedule.weekdays >> 7 & 1;
        Ok(schedule)
    }
}

/// The numbers of a field, each a bit; none if it has another form.
fn bits(field: &str, range: std::ops::RangeInclusive<u32>) -> Option<u64> {
    let mut bits = 0;
    for part in field.split(',') {
        let (span, step) = part.split_once('/').map_or((part, None), |(span, step)| (span, Some(step)));
        let step: usize = step.map_or(Some(1), |step| step.parse().ok().filter(|step| *step > 0))?;
        let (first, last) = match span.split_once('-') {
            _ if span == "*" => (*range.start(), *range.end()),
            Some((first, last)) => (first.parse().ok()?, last.parse().ok()?),
            None => (span.parse().ok()?, span.parse().ok()?),
        };
        if first > last || !range.contains(&first) || !range.contains(&last) {
            return None;
        }
        bits |= (first..=last).step_by(step).fold(0, |bits, number| bits | 1_u64 << number);
    }
    Some(bits)
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times in local time with their offsets, from a moment on.
    fn times(schedule: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (schedule, zone): (Schedule, _) = (schedule.parse().unwrap(), TimeZone::get(zone).unwrap());
        let mut after: Timestamp = after.parse().unwrap();
        let next = || {
            after = schedule.next(after, &zone).unwrap();
            after.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M %:z").to_string()
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn midnight_is_that_of_the_place_on_both_sides_of_a_change_of_the_clocks() {
        assert_eq!(
            times("0 0 * * *", "America/New_York", "2026-03-07T12:00:00Z", 3),
            ["Sun 2026-03-08 00:00 -05:00", "Mon 2026-03-09 00:00 -04:00", "Tue 2026-03-10 00:00 -04:00"]
        );
        let midnight = Schedule::midnight().next("2026-03-07T12:00:00Z".parse().unwrap(), &TimeZone::UTC);
        assert_eq!(midnight, Some("2026-03-08T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn a_time_that_is_skipped_comes_later_and_one_that_comes_twice_comes_once() {
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
            ["Sun 2026-03-29 03:30 +02:00", "Mon 2026-03-30 02:30 +02:00"]
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["Sun 2026-10-25 02:30 +02:00", "Mon 2026-10-26 02:30 +01:00"]
        );
    }

    #[test]
    fn midnight_that_does_not_exist_comes_when_the_day_begins() {
        assert_eq!(times("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z", 1), ["Sun 2026-09-06 01:00 -03:00"]);
    }

    #[test]
    fn lists_ranges_and_steps_choose_their_times() {
        assert_eq!(
            times("*/30 9-10 * * 1-5", "UTC", "2026-11-27T09:30:00Z", 3),
            ["Fri 2026-11-27 10:00 +00:00", "Fri 2026-11-27 10:30 +00:00", "Mon 2026-11-30 09:00 +00:00"]
        );
        assert_eq!(times("0 0 29 2 *", "UTC", "2026-11-27T00:00:00Z", 1), ["Tue 2028-02-29 00:00 +00:00"]);
        // Either day will do; Sunday has two numbers.
        assert_eq!(
            times("0 0 1 * 7", "UTC", "2026-11-27T00:00:00Z", 2),
            ["Sun 2026-11-29 00:00 +00:00", "Tue 2026-12-01 00:00 +00:00"]
        );
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "5-1 * * * *", "*/0 * * * *", "a * * * *"]
        {
            assert!(text.parse::<Schedule>().is_err(), "{text:?}");
        }
        let never: Schedule = "0 0 30 2 *".parse().unwrap();
        assert_eq!(never.next("2026-11-27T00:00:00Z".parse().unwrap(), &TimeZone::UTC), None);
    }
}
