//! The settings of a database: one section of a configuration file.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;

/// Where a database is, and how many connections to it there may be.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// The address; a SQLite file in the storage folder if left out.
    #[serde(skip_serializing)]
    pub url: Option<DatabaseUrl>,
    /// The most connections of one process to PostgreSQL, beside the few of its queue.
    pub connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, connections: 16 }
    }
}

impl DatabaseConfig {
    /// The address to open: the one that is set, or the file in the storage folder.
    pub fn address(&self, storage_folder: &Path) -> DatabaseUrl {
        self.url.clone().unwrap_or_else(|| DatabaseUrl::Sqlite(storage_folder.join("voicemill.db")))
    }
}

/// The address of a database: `sqlite:FILE` or `postgres://USER:PASSWORD@HOST:PORT/NAME`. What it prints is without secrets.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

/// An address that cannot be used; it does not repeat the address, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[error(
    "the database's url is not one: use sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/NAME, with ?sslmode=verify-full \
     for a server elsewhere and ?host=/FOLDER for a socket"
)]
pub struct BadUrl;

impl FromStr for DatabaseUrl {
    type Err = BadUrl;

    fn from_str(url: &str) -> Result<Self, BadUrl> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            return if file.is_empty() || file.contains('?') { Err(BadUrl) } else { Ok(Self::Sqlite(file.into())) };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return url.parse().map(|options| Self::Postgres(Box::new(options))).map_err(|_| BadUrl);
        }
        Err(BadUrl)
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = BadUrl;

    fn try_from(url: String) -> Result<Self, BadUrl> {
        url.parse()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(formatter, "sqlite:{}", file.display()),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or(options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(formatter, "postgres:///{database}?host={}", socket.display()),
                    None => write!(formatter, "postgres://{}:{}/{database}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_secrets() {
        let url: DatabaseUrl = "postgres://robin:hunter2@db.example:5433/mill?sslmode=verify-full".parse().unwrap();
        assert_eq!(format!("{url} {url:?}"), "postgres://db.example:5433/mill postgres://db.example:5433/mill");
        let socket: DatabaseUrl = "postgres://robin:hunter2@localhost/mill?host=/run/postgresql".parse().unwrap();
        assert_eq!(socket.to_string(), "postgres:///mill?host=/run/postgresql");
        let file: DatabaseUrl = "sqlite:data/mill.db".parse().unwrap();
        assert_eq!(file.to_string(), "sqlite:data/mill.db");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for url in ["", "mysql://a:hunter2@b/c", "postgres://robin:hunter2@:x/mill", "sqlite:", "sqlite://a.db?mode=ro"]
        {
            let error = url.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("postgres://USER"), "{error}");
        }
    }
}
