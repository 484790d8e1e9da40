//! How a text is spoken.

use std::ops::RangeInclusive;

/// How fast a voice speaks and how long it pauses, both as multiples of what is its own.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "sqlx", derive(sqlx::FromRow))]
pub struct Manner {
    /// 1.25 speaks a quarter faster than the voice's own rate.
    pub rate: f64,
    /// 2 doubles the pauses between sentences and clauses; 0 leaves none but those that the voice makes by itself.
    pub pauses: f64,
}

impl Default for Manner {
    fn default() -> Self {
        Self { rate: 1.0, pauses: 1.0 }
    }
}

impl Manner {
    /// Rates at which words are still understood.
    pub const RATES: RangeInclusive<f64> = 0.5..=2.0;
    /// Pauses that a caller takes for pauses.
    pub const PAUSES: RangeInclusive<f64> = 0.0..=5.0;

    /// The manner with what is given, and the voice's own where nothing is.
    ///
    /// # Errors
    /// A sentence with the bounds.
    pub fn new(rate: Option<f64>, pauses: Option<f64>) -> Result<Self, String> {
        let checked = |name, value: Option<f64>, bounds: RangeInclusive<f64>| match value {
            None => Ok(1.0),
            Some(value) if bounds.contains(&value) => Ok(value),
            Some(value) => {
                Err(format!("{name} is {value}; it must lie between {} and {}", bounds.start(), bounds.end()))
            }
        };
        Ok(Self {
            rate: checked("the speaking rate", rate, Self::RATES)?,
            pauses: checked("the length of pauses", pauses, Self::PAUSES)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manner_out_of_bounds_is_refused_with_the_bounds() {
        assert_eq!(Manner::new(None, None), Ok(Manner::default()));
        assert_eq!(Manner::new(Some(0.8), Some(0.0)), Ok(Manner { rate: 0.8, pauses: 0.0 }));
        assert_eq!(Manner::new(Some(3.0), None).unwrap_err(), "the speaking rate is 3; it must lie between 0.5 and 2");
        assert!(Manner::new(None, Some(f64::NAN)).is_err());
    }
}
