//! The metadata's database, and the transaction in which metadata and jobs commit together.
//!
//! Every statement of this module is plain SQL in the subset that SQLite and PostgreSQL share, with `$n` parameters; a
//! second driver changes [`Connection`] and nothing above it. Statements of one dialect live in `queue`.

mod database;
pub mod domains;
pub mod links;
pub mod mailboxes;
pub mod messages;
pub mod notices;
pub mod prompts;
pub mod pronunciations;
pub mod recording_transcripts;
pub mod recordings;
pub mod renditions;
pub mod speech;

pub use database::{Connection, Database, DbError, Transaction};

/// Declares a file's statements and the list that the test in `database` prepares one by one.
macro_rules! statements {
    ($($name:ident = $text:expr;)+) => {
        $(const $name: &str = $text;)+
        #[cfg(test)]
        pub(super) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use statements;
