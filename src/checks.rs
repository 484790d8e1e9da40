//! What people may call things and which values settings may have, checked in one way everywhere.

use crate::error::ServiceError;

pub(crate) fn check_name(name: &str, what: &str) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*' | b'#' | b'+');
    if (1..=100).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ServiceError::Invalid(format!("{name:?} is no {what}: use 1 to 100 letters, digits or . - _ * # +")))
}

pub(crate) fn check_time_zone(name: &str) -> Result<(), ServiceError> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(ServiceError::Invalid(format!("{name:?} is no IANA time zone; use one such as America/New_York")))
        }
    }
}

pub(crate) fn check_address(address: &str) -> Result<(), ServiceError> {
    match address.parse::<lettre::Address>() {
        Ok(_) => Ok(()),
        Err(error) => Err(ServiceError::Invalid(format!("{address:?} is no mail address: {error}"))),
    }
}

pub(crate) fn check_range(name: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Result<(), ServiceError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ServiceError::Invalid(format!("{name} is {value}; it must lie between {} and {}", range.start(), range.end())))
}
