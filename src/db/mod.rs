//! The metadata: its schema, and its statements, one file an aggregate.
//!
//! Every statement of this module is plain SQL in the subset that SQLite and PostgreSQL share, with `$n` parameters, and
//! runs on either through `on!`. Statements of one database live in `queue`.

pub mod blobs;
pub mod domains;
pub mod links;
pub mod mail_templates;
pub mod mailboxes;
pub mod messages;
mod migrations;
pub mod notices;
pub mod prompts;
pub mod pronunciations;
pub mod recording_transcripts;
pub mod recordings;
pub mod renditions;
pub mod service_numbers;
pub mod sms;
pub mod speech;
#[cfg(test)]
mod tests;
pub mod trash;

pub use crate::sql::{Connection, Database, DatabaseConfig, DatabaseUrl, DbError, Kind, Transaction};
pub use migrations::migrate;

/// Opens the database and brings its schema up to date.
pub async fn open(address: &DatabaseUrl, connections: u32) -> Result<Database, DbError> {
    let database = Database::connect(address, connections).await?;
    migrate(&database).await?;
    Ok(database)
}

/// Declares a file's statements and the list that a test prepares one by one on both databases.
macro_rules! statements {
    ($($name:ident = $text:expr;)+) => {
        $(const $name: &str = $text;)+
        #[cfg(test)]
        pub(super) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
use crate::sql::on;
pub(crate) use statements;
