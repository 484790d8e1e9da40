//! What people may call things and which values settings may have, checked in one way everywhere.

use std::time::Duration;

use voicemill_notify::{Channel, email::Address};

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

/// Refuses what no mail server takes. Addresses with letters outside ASCII before their `@` are taken where the next mail
/// server says that it takes them, and refused otherwise: each mail would be.
pub(crate) async fn check_address(address: &str, mail: &dyn Channel) -> Result<(), ServiceError> {
    let refused = |why: String| ServiceError::Invalid(format!("{address:?} cannot be mailed to: {why}"));
    let parsed = Address::parse(address).map_err(|error| refused(error.to_string()))?;
    if !parsed.needs_smtputf8() {
        return Ok(());
    }
    match tokio::time::timeout(LONGEST_QUESTION, mail.takes_smtputf8()).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(refused(
            "its name has letters outside ASCII, and the mail server does not take those (SMTPUTF8); use another address"
                .to_owned(),
        )),
        Ok(Err(_)) | Err(_) => Err(refused(
            "its name has letters outside ASCII, and the mail server cannot be asked now whether it takes those; try again \
             later, or use another address"
                .to_owned(),
        )),
    }
}

/// Refuses what no mail can come from.
pub(crate) fn check_sender(address: &str) -> Result<(), ServiceError> {
    let refused = |why: String| ServiceError::Invalid(format!("{address:?} can send no mail: {why}"));
    match Address::parse(address) {
        Ok(parsed) if parsed.needs_smtputf8() => Err(refused("its name has letters outside ASCII".to_owned())),
        Ok(_) => Ok(()),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// How long the mail server may take to say what it can do.
const LONGEST_QUESTION: Duration = Duration::from_secs(10);

/// The name a domain goes by, as it stands in mails and on pages.
pub(crate) fn check_brand(brand: &str) -> Result<(), ServiceError> {
    if (1..=100).contains(&brand.chars().count()) && !brand.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ServiceError::Invalid("the brand must have 1 to 100 characters, none of them a control character".to_owned()))
}

/// A language tag such as `en-US` (BCP 47, whose longest are 35 characters).
pub(crate) fn check_locale(locale: &str) -> Result<(), ServiceError> {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if (2..=35).contains(&locale.len()) && locale.split('-').all(is_part) {
        return Ok(());
    }
    Err(ServiceError::Invalid("the locale must be a language tag such as en-US".to_owned()))
}

pub(crate) fn check_range(name: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Result<(), ServiceError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(ServiceError::Invalid(format!("{name} is {value}; it must lie between {} and {}", range.start(), range.end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_21_brands_and_locales_are_short_and_plain() {
        for brand in ["Acme", "Zahnärzte am Markt", &"x".repeat(100)] {
            check_brand(brand).unwrap();
        }
        for brand in ["", "Acme\r\nBcc: x", "a\0b", &"x".repeat(101), &"x".repeat(900_000)] {
            assert!(check_brand(brand).is_err());
        }
        for locale in ["en", "en-US", "zh-Hant-TW", "sl-rozaj-biske-1994"] {
            check_locale(locale).unwrap();
        }
        for locale in ["", "e", "en_US", "\"><script>", "en-", &"en-".repeat(200_000)] {
            assert!(check_locale(locale).is_err(), "{locale:.40}");
        }
    }
}
