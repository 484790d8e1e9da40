//! When an event is tried again at an endpoint that did not take it.

use std::time::Duration;

/// The pauses after each try, in seconds: 75 h 35 min in all.
const PAUSES: [u64; 9] = [5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600];

/// The longest pause that an endpoint may ask for.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The pause after so many tries, none after the last. `jitter` is from 0 to 1 and becomes ± 20 %, so that what failed together
/// does not come back together; what the endpoint asks for is waited for in any case.
pub(super) fn pause(tries: i64, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
    let usual = PAUSES.get(usize::try_from(tries).ok()?.checked_sub(1)?)?;
    let usual = Duration::from_secs(*usual).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    Some(asked.unwrap_or_default().min(LONGEST).max(usual))
}

/// Reads a `Retry-After`: seconds, or a date, of which `now` is the present in seconds since the epoch.
pub(super) fn retry_after(header: &str, now: i64) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header).ok()?;
    Some(Duration::from_secs(u64::try_from(date.as_second() - now).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_ten_times_in_three_days() {
        let pauses: Vec<_> = (1..).map_while(|tries| pause(tries, None, 0.5)).collect();
        assert_eq!(pauses.len() + 1, 10);
        let total: Duration = pauses.iter().sum();
        assert_eq!(total.as_secs(), 75 * 3_600 + 35 * 60 + 5);
        assert_eq!(pauses[0], Duration::from_secs(5));
    }

    #[test]
    fn a_pause_is_a_fifth_shorter_or_longer() {
        assert_eq!(pause(2, None, 0.0), Some(Duration::from_secs(240)));
        assert_eq!(pause(2, None, 1.0), Some(Duration::from_secs(360)));
    }

    #[test]
    fn an_endpoint_may_ask_for_a_day_and_no_more() {
        let asked = |seconds| pause(1, Some(Duration::from_secs(seconds)), 0.0);
        assert_eq!(asked(1), Some(Duration::from_secs(4)));
        assert_eq!(asked(120), Some(Duration::from_secs(120)));
        assert_eq!(asked(u64::MAX), Some(LONGEST));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = 1_445_412_420;
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:26:00 GMT", now), Some(Duration::ZERO), "it is over");
        for bad in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(bad, now), None, "{bad}");
        }
    }
}
