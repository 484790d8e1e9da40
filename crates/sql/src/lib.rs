#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod config;
mod connection;
mod database;
mod error;
mod log;
mod server;

pub use config::{DatabaseConfig, DatabaseUrl};
pub use connection::{Connection, Held, Transaction};
pub use database::{Database, PostgresPool, SqlitePools};
pub use error::{DbError, is_transient};
pub use log::Log;
pub use server::Server;

/// Which of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file of this machine, in this process.
    Sqlite,
    /// A server that any number of machines share.
    Postgres,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// Runs an expression on the driver inside a [`Connection`]: `on!(connection, sqlx::query(SQL).execute(connection).await?)`.
///
/// The expression is compiled once for each driver, with `connection` standing for that driver's own.
#[macro_export]
macro_rules! on {
    ($connection:ident, $body:expr) => {
        match $connection {
            $crate::Connection::Sqlite($connection) => {
                let $connection = &mut **$connection;
                $body
            }
            $crate::Connection::Postgres($connection) => {
                let $connection = &mut **$connection;
                $body
            }
        }
    };
}
