//! What people may call things and which values settings may have, checked in one way everywhere.

use std::time::Duration;

use voicemill_notify::{Channel, email::Address};

use crate::{
    error::ServiceError,
    refusal::{Rule, Thing},
};

pub(crate) fn check_name(name: &str, pointer: &str, thing: Thing) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*' | b'#' | b'+');
    if (1..=100).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(ServiceError::invalid(pointer, Rule::BadName { thing, value: name.to_owned() }))
}

/// What people call something that no address names.
pub(crate) fn check_label(field: &str, label: &str, most: usize) -> Result<(), ServiceError> {
    if (1..=most).contains(&label.chars().count()) && !label.chars().any(char::is_control) {
        return Ok(());
    }
    Err(ServiceError::invalid(&format!("/{field}"), Rule::BadLabel { field: field.to_owned(), most }))
}

pub(crate) fn check_time_zone(name: &str) -> Result<(), ServiceError> {
    match jiff::tz::TimeZone::get(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(ServiceError::invalid("/time_zone", Rule::UnknownTimeZone { value: name.to_owned() })),
    }
}

/// Refuses what no mail server takes. Addresses with letters outside ASCII before their `@` are taken where the next mail
/// server says that it takes them, and refused otherwise: each mail would be.
pub(crate) async fn check_address(address: &str, pointer: &str, mail: &dyn Channel) -> Result<(), ServiceError> {
    let own = || address.to_owned();
    let parsed = Address::parse(address).map_err(|error| {
        ServiceError::invalid(pointer, Rule::BadMailAddress { address: own(), cause: error.to_string() })
    })?;
    if !parsed.needs_smtputf8() {
        return Ok(());
    }
    match tokio::time::timeout(LONGEST_QUESTION, mail.takes_smtputf8()).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(ServiceError::invalid(pointer, Rule::NeedsSmtputf8 { address: own() })),
        Ok(Err(_)) | Err(_) => Err(ServiceError::invalid(pointer, Rule::SmtputfUnknown { address: own() })),
    }
}

/// Refuses what no mail can come from.
pub(crate) fn check_sender(address: &str) -> Result<(), ServiceError> {
    let refused =
        |cause: String| ServiceError::invalid("/mail_from", Rule::BadSender { address: address.to_owned(), cause });
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
    Err(ServiceError::invalid("/brand", Rule::BadBrand {}))
}

/// A language tag such as `en-US` (BCP 47, whose longest are 35 characters).
pub(crate) fn check_locale(locale: &str) -> Result<(), ServiceError> {
    let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if (2..=35).contains(&locale.len()) && locale.split('-').all(is_part) {
        return Ok(());
    }
    Err(ServiceError::invalid("/locale", Rule::BadLocale {}))
}

pub(crate) fn check_range(field: &str, value: i64, range: std::ops::RangeInclusive<i64>) -> Result<(), ServiceError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(out_of_range(field, value as f64, (*range.start() as f64, *range.end() as f64)))
}

/// The refusal of a number in `field` that does not lie in the range.
pub(crate) fn out_of_range(field: &str, given: f64, (least, most): (f64, f64)) -> ServiceError {
    ServiceError::invalid(&format!("/{field}"), Rule::OutOfRange { field: field.to_owned(), given, least, most })
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
