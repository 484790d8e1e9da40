//! The metadata: its schema, and its statements, one file an aggregate.
//!
//! Every statement of this module is plain SQL in the subset that SQLite and PostgreSQL share, with `$n` parameters, and
//! runs on either through `on!`. Statements of one database live in the crate of the queue.

mod migrations;
#[cfg(test)]
mod tests;

pub use migrations::migrate;
pub use voicemill_sql::{Connection, Database, DatabaseConfig, DatabaseUrl, DbError, Kind, Transaction};

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
        pub(crate) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use statements;
pub(crate) use voicemill_sql::on;
