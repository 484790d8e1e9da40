//! Play lists and their items.

use voicemill_types::{DomainId, PlaylistId, PromptId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    playlists::{PlayOrder, Playlist},
};

statements! {
    SAVE = "INSERT INTO playlist (id, domain_id, name, play_order, introduction_id, message_interval_seconds, version, created_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
            ON CONFLICT (id) DO UPDATE SET play_order = excluded.play_order, introduction_id = excluded.introduction_id, \
                message_interval_seconds = excluded.message_interval_seconds, version = excluded.version";
    CLEAR = "DELETE FROM playlist_item WHERE playlist_id = $1";
    ADD = "INSERT INTO playlist_item (playlist_id, role, place, prompt_id) VALUES ($1, $2, $3, $4)";
    BY_NAME = "SELECT * FROM playlist WHERE domain_id = $1 AND name = $2";
    BY_ID = "SELECT * FROM playlist WHERE id = $1";
    LIST = "SELECT * FROM playlist WHERE domain_id = $1 ORDER BY name LIMIT 1000";
    WITH_PROMPT = "SELECT * FROM playlist WHERE introduction_id = $1 \
                       OR id IN (SELECT playlist_id FROM playlist_item WHERE prompt_id = $1) ORDER BY id";
    ITEMS = "SELECT role, prompt_id FROM playlist_item WHERE playlist_id = $1 ORDER BY role, place";
    COUNT = "SELECT COUNT(*) AS lists FROM playlist WHERE domain_id = $1";
    NUMBERS_WITH = "SELECT number FROM service_number WHERE playlist_id = $1 ORDER BY number LIMIT 100";
    DELETE = "DELETE FROM playlist WHERE id = $1";
}

/// The list without its items.
#[derive(sqlx::FromRow)]
struct Row {
    id: PlaylistId,
    domain_id: DomainId,
    name: String,
    play_order: PlayOrder,
    introduction_id: Option<PromptId>,
    message_interval_seconds: i64,
    version: i64,
    created_at: Time,
}

/// Stores a list with its items, in place of what stood.
pub(super) async fn save(connection: &mut Connection, playlist: &Playlist) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE)
            .bind(playlist.id)
            .bind(playlist.domain_id)
            .bind(&playlist.name)
            .bind(playlist.order)
            .bind(playlist.introduction)
            .bind(playlist.message_interval_seconds)
            .bind(playlist.version)
            .bind(playlist.created_at)
            .execute(&mut *connection)
            .await?
            .rows_affected()
    );
    on!(connection, sqlx::query(CLEAR).bind(playlist.id).execute(&mut *connection).await?.rows_affected());
    for (role, ids) in [("track", &playlist.tracks), ("message", &playlist.messages)] {
        for (place, id) in (0_i64..).zip(ids) {
            on!(
                connection,
                sqlx::query(ADD)
                    .bind(playlist.id)
                    .bind(role)
                    .bind(place)
                    .bind(id)
                    .execute(&mut *connection)
                    .await?
                    .rows_affected()
            );
        }
    }
    Ok(())
}

async fn with_items(connection: &mut Connection, row: Row) -> Result<Playlist, DbError> {
    let items: Vec<(String, PromptId)> =
        on!(connection, sqlx::query_as(ITEMS).bind(row.id).fetch_all(connection).await?);
    let of = |wanted: &str| items.iter().filter(|(role, _)| role == wanted).map(|(_, id)| *id).collect();
    Ok(Playlist {
        id: row.id,
        domain_id: row.domain_id,
        name: row.name,
        order: row.play_order,
        introduction: row.introduction_id,
        tracks: of("track"),
        messages: of("message"),
        message_interval_seconds: row.message_interval_seconds,
        version: row.version,
        created_at: row.created_at,
    })
}

async fn all_with_items(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<Playlist>, DbError> {
    let mut playlists = Vec::with_capacity(rows.len());
    for row in rows {
        playlists.push(with_items(connection, row).await?);
    }
    Ok(playlists)
}

/// The domain's list of that name.
pub(crate) async fn by_name(
    connection: &mut Connection,
    domain: DomainId,
    name: &str,
) -> Result<Option<Playlist>, DbError> {
    let row: Option<Row> =
        on!(connection, sqlx::query_as(BY_NAME).bind(domain).bind(name).fetch_optional(&mut *connection).await?);
    Ok(match row {
        Some(row) => Some(with_items(connection, row).await?),
        None => None,
    })
}

/// The list with that id.
pub(super) async fn by_id(connection: &mut Connection, id: PlaylistId) -> Result<Option<Playlist>, DbError> {
    let row: Option<Row> = on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(&mut *connection).await?);
    Ok(match row {
        Some(row) => Some(with_items(connection, row).await?),
        None => None,
    })
}

/// The domain's lists by name, the first thousand.
pub(super) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<Playlist>, DbError> {
    let rows: Vec<Row> = on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(&mut *connection).await?);
    all_with_items(connection, rows).await
}

/// The lists that have this prompt.
pub(super) async fn with_prompt(connection: &mut Connection, prompt: PromptId) -> Result<Vec<Playlist>, DbError> {
    let rows: Vec<Row> = on!(connection, sqlx::query_as(WITH_PROMPT).bind(prompt).fetch_all(&mut *connection).await?);
    all_with_items(connection, rows).await
}

/// How many lists the domain has.
pub(super) async fn count(connection: &mut Connection, domain: DomainId) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(COUNT).bind(domain).fetch_one(connection).await?))
}

/// The service numbers whose callers on hold hear this list, the first hundred.
pub(super) async fn numbers_with(connection: &mut Connection, id: PlaylistId) -> Result<Vec<String>, DbError> {
    Ok(on!(connection, sqlx::query_scalar(NUMBERS_WITH).bind(id).fetch_all(connection).await?))
}

/// Removes a list with its items.
pub(super) async fn delete(connection: &mut Connection, id: PlaylistId) -> Result<(), DbError> {
    on!(connection, sqlx::query(DELETE).bind(id).execute(connection).await?.rows_affected());
    Ok(())
}
