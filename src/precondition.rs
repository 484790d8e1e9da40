//! Which state of something a change is meant for, so that of two who change it at once neither undoes what the other did
//! without knowing.

use crate::error::ServiceError;

/// What a change wants to find. Versions grow with each change, and one that is made anew begins with another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing in particular.
    #[default]
    Unsaid,
    /// Something, in whatever state.
    Something,
    /// It, in one of these versions.
    Versions(Vec<i64>),
    /// Nothing at all.
    Nothing,
}

impl Precondition {
    /// Checks what stands, by its version.
    ///
    /// # Errors
    /// It is not as wanted.
    pub fn check(&self, standing: Option<i64>) -> Result<(), ServiceError> {
        let holds = match (self, standing) {
            (Self::Unsaid, _) | (Self::Something, Some(_)) | (Self::Nothing, None) => true,
            (Self::Versions(versions), Some(standing)) => versions.contains(&standing),
            _ => false,
        };
        if holds { Ok(()) } else { Err(ServiceError::ChangedMeanwhile) }
    }

    /// Checks what is to be replaced as a whole: whoever does so must say what.
    ///
    /// # Errors
    /// It is not as wanted, or is there and nothing was said of it.
    pub fn check_replacement(&self, standing: Option<i64>) -> Result<(), ServiceError> {
        match (self, standing) {
            (Self::Unsaid, Some(_)) => Err(ServiceError::PreconditionMissing),
            _ => self.check(standing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_is_as_wanted_or_not() {
        use Precondition::{Nothing, Something, Unsaid, Versions};
        for (wanted, standing, holds) in [
            (Unsaid, None, true),
            (Unsaid, Some(1), true),
            (Something, None, false),
            (Something, Some(1), true),
            (Versions(vec![1, 2]), Some(2), true),
            (Versions(vec![1, 2]), Some(3), false),
            (Versions(vec![1]), None, false),
            (Versions(vec![]), Some(1), false),
            (Nothing, None, true),
            (Nothing, Some(1), false),
        ] {
            assert_eq!(wanted.check(standing).is_ok(), holds, "{wanted:?} {standing:?}");
        }
        assert!(matches!(Unsaid.check_replacement(Some(1)), Err(ServiceError::PreconditionMissing)));
        assert!(Unsaid.check_replacement(None).is_ok(), "there is nothing to undo");
        assert!(Something.check_replacement(Some(1)).is_ok());
    }
}
