//! A telephone number in the one form that every provider takes.

use std::fmt;

/// A number in E.164 form: `+` and 7 to 15 digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// What is wrong with a number, naming it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no telephone number: write ten digits, such as 4155550132, or E.164, such as +14155550132")]
pub struct BadNumber(String);

impl PhoneNumber {
    /// Reads E.164, or the ten digits of a North American number.
    pub fn parse(text: &str) -> Result<Self, BadNumber> {
        let bad = || BadNumber(text.to_owned());
        let (digits, international) = text.strip_prefix('+').map_or((text, false), |digits| (digits, true));
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        // Neither an area code nor an exchange of North America begins with 0 or 1.
        let north_american =
            |digits: &str| digits.len() == 10 && digits.as_bytes()[0] > b'1' && digits.as_bytes()[3] > b'1';
        match (international, digits.len()) {
            (true, _) if digits.starts_with('1') => match north_american(&digits[1..]) {
                true => Ok(Self(format!("+{digits}"))),
                false => Err(bad()),
            },
            (true, 7..=15) if !digits.starts_with('0') => Ok(Self(format!("+{digits}"))),
            (false, _) if north_american(digits) => Ok(Self(format!("+1{digits}"))),
            _ => Err(bad()),
        }
    }

    /// Reads the form of classic portals: numbers with a comma between them and no spaces; nothing is no number.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, BadNumber> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        text.split(',').map(Self::parse).collect()
    }

    /// The number with its `+`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The digits of a number as providers write it, with `+` or without, to compare by.
pub fn digits(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = BadNumber;

    fn try_from(text: String) -> Result<Self, BadNumber> {
        Self::parse(&text)
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_digits_and_e164_are_numbers() {
        let read = |text: &str| PhoneNumber::parse(text).map(String::from);
        assert_eq!(read("4155550132").unwrap(), "+14155550132");
        assert_eq!(read("+14155550132").unwrap(), "+14155550132");
        assert_eq!(read("+4930123456").unwrap(), "+4930123456");
        for bad in [
            "",
            "+",
            "415555013",
            "41555501322",
            "14155550132",
            "0155550132",
            "4150550132",
            "415-555-0132",
            "415 5550132",
            " 4155550132",
            "+0155550132",
            "+1234567890123456",
            "4155550132x",
            "\u{664}155550132",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_classic_form_is_a_list_and_the_bad_one_is_named() {
        let list = PhoneNumber::parse_list("4155550132,+4930123456").unwrap();
        assert_eq!(list.iter().map(PhoneNumber::as_str).collect::<Vec<_>>(), ["+14155550132", "+4930123456"]);
        assert_eq!(PhoneNumber::parse_list("").unwrap(), []);
        let error = PhoneNumber::parse_list("4155550132, 4155550133").unwrap_err().to_string();
        assert!(error.starts_with("\" 4155550133\" is no telephone number"), "{error}");
        assert!(PhoneNumber::parse_list("4155550132,").is_err());
    }

    #[test]
    fn k26_a_north_american_number_is_whole() {
        for number in ["+1415555013", "+141555501322", "+10155550132", "+14151550132", "415555013"] {
            assert!(PhoneNumber::parse(number).is_err(), "{number}");
        }
        assert!(PhoneNumber::parse("+14155550132").is_ok() && PhoneNumber::parse("+442071838750").is_ok());
    }
}
