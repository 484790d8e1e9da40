//! How domains want their words said.

use sqlx::types::Json;
use voicemill_speech::synthesize::{Phonetic, Pronunciation};
use voicemill_types::{DomainId, Time};

use crate::db::{Connection, DbError, on, statements};

statements! {
    SAVE = "INSERT INTO pronunciation (domain_id, key, word, phonetic, created_at) VALUES ($1, $2, $3, $4, $5) \
            ON CONFLICT (domain_id, key) DO UPDATE SET word = excluded.word, phonetic = excluded.phonetic";
    LIST = "SELECT word, phonetic FROM pronunciation WHERE domain_id = $1 ORDER BY key";
    FIND = "SELECT word, phonetic FROM pronunciation WHERE domain_id = $1 AND key = $2";
    DELETE = "DELETE FROM pronunciation WHERE domain_id = $1 AND key = $2";
}

#[derive(sqlx::FromRow)]
struct Row {
    word: String,
    phonetic: Json<Phonetic>,
}

impl From<Row> for Pronunciation {
    fn from(row: Row) -> Self {
        Self { word: row.word, phonetic: row.phonetic.0 }
    }
}

/// Stores an entry under the key its word is found by, in place of the one that stands there.
pub(crate) async fn save(
    connection: &mut Connection,
    domain: DomainId,
    key: &str,
    entry: &Pronunciation,
    now: Time,
) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE)
            .bind(domain)
            .bind(key)
            .bind(&entry.word)
            .bind(Json(&entry.phonetic))
            .bind(now)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The domain's entries by key.
pub(crate) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<Pronunciation>, DbError> {
    let rows: Vec<Row> = on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?);
    Ok(rows.into_iter().map(Pronunciation::from).collect())
}

/// The entry under that key.
pub(crate) async fn find(
    connection: &mut Connection,
    domain: DomainId,
    key: &str,
) -> Result<Option<Pronunciation>, DbError> {
    let row: Option<Row> =
        on!(connection, sqlx::query_as(FIND).bind(domain).bind(key).fetch_optional(connection).await?);
    Ok(row.map(Pronunciation::from))
}

/// Removes the entry under that key; false when there is none.
pub(crate) async fn delete(connection: &mut Connection, domain: DomainId, key: &str) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(domain).bind(key).execute(connection).await?.rows_affected()) == 1)
}
