//! Whole numbers in bodies.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// Floating-point numbers beyond this no longer name one whole number each.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A whole number, also written as `55.0`: PHP and JavaScript write what they computed with like that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Whole<T>(pub(in crate::http) T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(WholeVisitor(PhantomData)).map(Self)
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i128>> WholeVisitor<T> {
    fn fit<E: Error>(self, number: i128, given: Unexpected<'_>) -> Result<T, E> {
        T::try_from(number).map_err(|_| E::invalid_value(given, &self))
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for WholeVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if T::try_from(-1).is_ok() { "" } else { ", not below 0" };
        write!(formatter, "a whole number{least}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        self.fit(number.into(), Unexpected::Signed(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        self.fit(number.into(), Unexpected::Unsigned(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        let given = Unexpected::Float(number);
        match number.fract() == 0.0 && number.abs() <= EXACT {
            true => self.fit(number as i128, given),
            false => Err(E::invalid_value(given, &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<i128>>(json: &str) -> Result<T, String> {
        serde_json::from_str::<Whole<T>>(json).map(|whole| whole.0).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        for written in ["55", "55.0", "5.5e1"] {
            assert_eq!(read::<i64>(written), Ok(55), "{written}");
            assert_eq!(read::<u64>(written), Ok(55), "{written}");
        }
        assert_eq!(read::<i64>("-3.0"), Ok(-3));
        assert_eq!(read::<u64>("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(read::<i64>("9007199254740992.0"), Ok(1 << 53));
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        assert!(read::<i64>("55.5").unwrap_err().contains("expected a whole number"));
        assert!(read::<u64>("-1.0").unwrap_err().contains("expected a whole number, not below 0"));
        for refused in ["1e300", "9007199254740994.0", "\"55\"", "true", "null", "[55]", "9223372036854775808"] {
            assert!(read::<i64>(refused).is_err(), "{refused}");
        }
        assert!(read::<u32>("4294967296").is_err() && read::<u64>("-1").is_err());
    }
}
