//! What a mailbox holds, for lamps and badges; told as an event when it is another, at most once a second a mailbox.
//!
//! Whoever reads the outbox notes which mailboxes may have changed; [`tell`] looks at those, and emits what is new. The note
//! stands in the database, so that a restart between the two loses nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::{DomainId, MailboxId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes::{self, groups},
    transaction::Tx,
};

/// How long a mailbox's counts are left alone after they were told.
const PAUSE: Duration = Duration::from_secs(1);

/// Most mailboxes whose counts are told in one transaction.
const BATCH: i64 = 50;

/// The lock of those who tell.
const TELLING: Uuid = Uuid::from_u128(0x636f_756e_7473_2074_656c_6c65_7221_2121);

/// What a mailbox holds. A message that cannot be heard yet, or ever, lights no lamp and counts in the trash and in bytes
/// alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Counts {
    /// Messages in the folder new that nobody has played.
    pub new: i64,
    /// The others in new, and those in saved.
    pub old: i64,
    /// Those of `new` that are urgent.
    pub urgent_new: i64,
    /// Messages in the trash.
    pub trash: i64,
    /// Bytes that count against the quota.
    pub bytes: i64,
}

statements! {
    COUNT = "SELECT \
                 COALESCE(SUM(CASE WHEN message.folder = 'new' AND media.state = 'available' AND message.read_at IS NULL \
                     THEN 1 ELSE 0 END), 0) AS new, \
                 COALESCE(SUM(CASE WHEN media.state = 'available' AND (message.folder = 'saved' OR (message.folder = 'new' \
                     AND message.read_at IS NOT NULL)) THEN 1 ELSE 0 END), 0) AS old, \
                 COALESCE(SUM(CASE WHEN message.folder = 'new' AND media.state = 'available' AND message.read_at IS NULL \
                     AND message.urgent THEN 1 ELSE 0 END), 0) AS urgent_new, \
                 COALESCE(SUM(CASE WHEN message.folder = 'trash' AND message.hidden_at IS NULL THEN 1 ELSE 0 END), 0) AS trash, \
                 CAST(COALESCE((SELECT message_bytes + greeting_bytes FROM usage WHERE mailbox_id = $1), 0) AS BIGINT) AS bytes \
             FROM message JOIN media ON media.id = message.media_id WHERE message.mailbox_id = $1";
    NOTE = "INSERT INTO mailbox_counts (mailbox_id, told_at, changed_at) VALUES ($1, 0, $2) \
            ON CONFLICT (mailbox_id) DO UPDATE SET changed_at = excluded.changed_at";
    ANY_CHANGED = "SELECT COUNT(*) AS changed FROM (SELECT mailbox_id FROM mailbox_counts WHERE changed_at IS NOT NULL LIMIT 1) \
                   AS first";
    CHANGED = "SELECT mailbox_counts.mailbox_id, mailbox.domain_id, mailbox_counts.counts FROM mailbox_counts \
                   JOIN mailbox ON mailbox.id = mailbox_counts.mailbox_id \
               WHERE mailbox_counts.changed_at IS NOT NULL AND mailbox_counts.told_at <= $1 \
               ORDER BY mailbox_counts.told_at LIMIT $2";
    UNCHANGED = "UPDATE mailbox_counts SET changed_at = NULL WHERE mailbox_id = $1";
    TOLD = "UPDATE mailbox_counts SET changed_at = NULL, told_at = $2, counts = $3 WHERE mailbox_id = $1";
}

/// What a mailbox holds, and what the groups hold that it is a member of.
#[derive(Clone, Debug)]
pub struct All {
    /// Its own.
    pub own: Counts,
    /// Those of each group, by extension.
    pub groups: Vec<(String, Counts)>,
}

/// What the domain's mailbox `extension` and its groups hold.
pub async fn of(app: &App, domain: &Domain, extension: &str) -> Result<All, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let mut connection = app.database.read().await?;
    let mut all = All { own: count(&mut connection, mailbox.id).await?, groups: Vec::new() };
    for group in groups::of_member(&mut connection, mailbox.id).await? {
        all.groups.push((group.extension, count(&mut connection, group.id).await?));
    }
    Ok(all)
}

async fn count(connection: &mut Connection, mailbox: MailboxId) -> Result<Counts, DbError> {
    Ok(on!(connection, sqlx::query_as(COUNT).bind(mailbox).fetch_one(connection).await?))
}

/// Notes that a mailbox's counts may be others.
pub(crate) async fn note(connection: &mut Connection, mailbox: MailboxId, now: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(NOTE).bind(mailbox).bind(now).execute(connection).await?.rows_affected());
    Ok(())
}

/// Tells what changed, of every mailbox that was left alone long enough; true if there are others that have to wait.
pub(crate) async fn tell(app: &App) -> Result<bool, ServiceError> {
    loop {
        if !any_changed(&mut app.database.read().await?).await? {
            return Ok(false);
        }
        let mut tx = app.begin().await?;
        tx.connection().lock(TELLING).await?;
        let told = tell_some(&mut tx).await?;
        tx.commit().await?;
        if told < BATCH.unsigned_abs() as usize {
            return Ok(true);
        }
    }
}

#[derive(sqlx::FromRow)]
struct Changed {
    mailbox_id: MailboxId,
    domain_id: DomainId,
    counts: Option<Json<Counts>>,
}

async fn tell_some(tx: &mut Tx<'_>) -> Result<usize, ServiceError> {
    let now = Time::from(tx.app().clock.now());
    let pause = i64::try_from(PAUSE.as_micros()).unwrap_or(i64::MAX);
    let before = Time::from_microseconds(now.microseconds().saturating_sub(pause));
    let changed: Vec<Changed> = changed(tx.connection(), before).await?;
    for mailbox in &changed {
        let counts = count(tx.connection(), mailbox.mailbox_id).await?;
        if mailbox.counts.as_ref().is_some_and(|told| told.0 == counts) {
            unchanged(tx.connection(), mailbox.mailbox_id).await?;
            continue;
        }
        told(tx.connection(), mailbox.mailbox_id, now, counts).await?;
        let members = groups::members_of(tx.connection(), mailbox.mailbox_id).await?;
        tx.emit(mailbox.domain_id, Event::MailboxCounts { mailbox: mailbox.mailbox_id, counts, members }).await?;
    }
    Ok(changed.len())
}

async fn any_changed(connection: &mut Connection) -> Result<bool, DbError> {
    let changed: i64 = on!(connection, sqlx::query_scalar(ANY_CHANGED).fetch_one(connection).await?);
    Ok(changed > 0)
}

async fn changed(connection: &mut Connection, before: Time) -> Result<Vec<Changed>, DbError> {
    Ok(on!(connection, sqlx::query_as(CHANGED).bind(before).bind(BATCH).fetch_all(connection).await?))
}

async fn unchanged(connection: &mut Connection, mailbox: MailboxId) -> Result<(), DbError> {
    on!(connection, sqlx::query(UNCHANGED).bind(mailbox).execute(connection).await?.rows_affected());
    Ok(())
}

async fn told(connection: &mut Connection, mailbox: MailboxId, at: Time, counts: Counts) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(TOLD).bind(mailbox).bind(at).bind(Json(counts)).execute(connection).await?.rows_affected()
    );
    Ok(())
}
