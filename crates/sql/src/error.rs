//! What a failed statement means, whichever database said so.

use sqlx::{error::DatabaseError, postgres::PgDatabaseError};

/// A failed statement, and whether asking again may help.
///
/// It has no source: what the driver says names all that lies behind it.
#[derive(Debug, thiserror::Error)]
#[error("database: {0}")]
pub struct DbError(sqlx::Error);

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

impl DbError {
    /// True when the same transaction may succeed later: busy, out of connections, connection lost, chosen to end a deadlock.
    pub fn is_transient(&self) -> bool {
        is_transient(&self.0)
    }

    /// True when a row with the same unique key stands already. On PostgreSQL the transaction cannot go on after it.
    pub fn is_conflict(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.is_unique_violation())
    }

    /// True when another row names this one, or this one names a row that is gone. On PostgreSQL the transaction cannot go on
    /// after it.
    pub fn is_reference(&self) -> bool {
        matches!(&self.0, sqlx::Error::Database(error) if error.is_foreign_key_violation())
    }

    /// True when a text holds what PostgreSQL cannot store, a character of value zero.
    pub fn is_unstorable_text(&self) -> bool {
        matches!(postgres_code(&self.0), Some("22021" | "22P05"))
    }
}

/// True when the same statement, or its whole transaction, may succeed later.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => is_passing(error.code()),
            None => is_unavailable(error.as_ref()),
        },
        _ => false,
    }
}

fn postgres_code(error: &sqlx::Error) -> Option<&str> {
    let sqlx::Error::Database(error) = error else { return None };
    Some(error.try_downcast_ref::<PgDatabaseError>()?.code())
}

/// Whether a state of PostgreSQL passes: a conflict between transactions (40…, 55P03), a time-out (57014, 25P03), a lost
/// or refused connection (08…), want of memory, disk or connections (53…), or a server that stops or starts (57P…).
fn is_passing(code: &str) -> bool {
    matches!(code, "40001" | "40P01" | "55P03" | "57014" | "25P03")
        || ["08", "53", "57P"].iter().any(|class| code.starts_with(class))
}

/// Whether somebody else holds the SQLite file: SQLITE_BUSY or LOCKED.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if matches!(sqlite_code(error.as_ref()), Some(5 | 6)))
}

/// The code of an error of SQLite, without what its extended form adds.
fn sqlite_code(error: &dyn DatabaseError) -> Option<u32> {
    error.code()?.parse().ok().map(|code: u32| code & 0xff)
}

/// Whether somebody else held SQLite for too long, or its disk is full or fails: SQLITE_BUSY, LOCKED, IOERR, FULL or
/// CANTOPEN, in any of their extended forms.
fn is_unavailable(error: &dyn DatabaseError) -> bool {
    matches!(sqlite_code(error), Some(5 | 6 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        for code in ["40001", "40P01", "55P03", "57014", "25P03", "08006", "53300", "57P01", "57P03"] {
            assert!(is_passing(code), "{code}");
        }
        for code in ["23505", "22021", "42P01", "28P01", "3D000", "42501"] {
            assert!(!is_passing(code), "{code}");
        }
    }
}
