//! How much a mailbox holds against its quota: one row a mailbox, changed in the transaction that adds or removes something.
//!
//! What counts are the originals of messages in new and saved, each message in full though it may share its sound, and those of
//! the mailbox's greetings and name. Trash does not count, nor does what is rendered. Whoever changes it holds the mailbox's
//! lock ([`lock`]), before that of any media or message.

use voicemill_types::{DomainId, MailboxId, Time};

use crate::{
    db::{Connection, DbError, on, statements},
    error::ServiceError,
    events::Event,
    transaction::Tx,
};

/// What a mailbox holds, and may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Usage {
    /// Bytes of messages outside the trash, as they came.
    pub message_bytes: i64,
    /// Bytes of greetings and the recorded name, as they came.
    pub greeting_bytes: i64,
    /// Most bytes of both.
    pub quota_bytes: i64,
    /// Since when its people know that it is full.
    pub full_since: Option<Time>,
}

impl Usage {
    /// Bytes that it holds.
    pub fn stored(&self) -> i64 {
        self.message_bytes.saturating_add(self.greeting_bytes)
    }

    /// Bytes that still fit.
    pub fn free(&self) -> i64 {
        self.quota_bytes.saturating_sub(self.stored()).max(0)
    }

    /// Whether a caller may be asked to leave a message: there is room, and nothing was refused since there was less of it.
    pub fn is_accepting(&self) -> bool {
        self.free() > 0 && self.full_since.is_none()
    }
}

statements! {
    OPEN = "INSERT INTO usage (mailbox_id, message_bytes, greeting_bytes) VALUES ($1, 0, 0) ON CONFLICT (mailbox_id) DO NOTHING";
    OF = "SELECT usage.message_bytes, usage.greeting_bytes, mailbox.quota_bytes, usage.full_since \
          FROM usage JOIN mailbox ON mailbox.id = usage.mailbox_id WHERE usage.mailbox_id = $1";
    TAKE = "UPDATE usage SET message_bytes = message_bytes + $2 WHERE mailbox_id = $1 \
                AND message_bytes + greeting_bytes + $2 <= (SELECT quota_bytes FROM mailbox WHERE id = $1)";
    ADD = "UPDATE usage SET message_bytes = message_bytes + $2 WHERE mailbox_id = $1";
    // The greetings are few, and their versions change in more than one way: they are counted anew.
    // Of the version that is served and the one that is to take its place, the larger counts: one of the same size always fits.
    COUNT_GREETINGS = "UPDATE usage SET greeting_bytes = (SELECT CAST(COALESCE(SUM(larger.bytes), 0) AS BIGINT) FROM ( \
                           SELECT MAX(blob.bytes) AS bytes FROM prompt \
                               JOIN media ON media.id = prompt.media_id JOIN blob ON blob.media_id = media.id \
                                   AND blob.version IN (media.version, prompt.served_version) AND blob.role = 'original' \
                           WHERE prompt.mailbox_id = $1 GROUP BY prompt.id) AS larger) WHERE mailbox_id = $1";
    REFUSED_FIRST = "UPDATE usage SET full_since = $2, refused_bytes = $3 WHERE mailbox_id = $1 AND full_since IS NULL \
                         AND message_bytes + greeting_bytes + $3 > (SELECT quota_bytes FROM mailbox WHERE id = $1)";
    REFUSED_AGAIN = "UPDATE usage SET refused_bytes = $2 WHERE mailbox_id = $1 AND full_since IS NOT NULL";
    MAKE_ROOM = "UPDATE usage SET full_since = NULL, refused_bytes = NULL WHERE mailbox_id = $1 AND full_since IS NOT NULL \
                     AND message_bytes + greeting_bytes + refused_bytes <= (SELECT quota_bytes FROM mailbox WHERE id = $1)";
}

/// Takes turns with all others that change what the mailbox holds, until the transaction ends.
pub(crate) async fn lock(connection: &mut Connection, mailbox: MailboxId) -> Result<(), DbError> {
    connection.lock(mailbox.0).await
}

/// The same for several mailboxes, in an order that all who do so have.
pub(crate) async fn lock_all(
    connection: &mut Connection,
    mailboxes: impl IntoIterator<Item = MailboxId>,
) -> Result<(), DbError> {
    let mut names: Vec<_> = mailboxes.into_iter().map(|mailbox| mailbox.0).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        connection.lock(name).await?;
    }
    Ok(())
}

/// Begins to count for a new mailbox.
pub(crate) async fn open(connection: &mut Connection, mailbox: MailboxId) -> Result<(), DbError> {
    changes(connection, OPEN, mailbox).await?;
    Ok(())
}

/// What the mailbox holds; none if there is no such mailbox.
pub(crate) async fn of(connection: &mut Connection, mailbox: MailboxId) -> Result<Option<Usage>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF).bind(mailbox).fetch_optional(connection).await?))
}

/// Counts a message of so many bytes if it fits; false, and nothing is counted, if it does not.
#[must_use = "what does not fit is not counted"]
pub(crate) async fn take(connection: &mut Connection, mailbox: MailboxId, bytes: i64) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(TAKE).bind(mailbox).bind(bytes).execute(connection).await?.rows_affected()) == 1)
}

/// Counts a message of so many bytes, though the mailbox may then hold more than it may: it was promised a place.
pub(crate) async fn take_anyway(connection: &mut Connection, mailbox: MailboxId, bytes: i64) -> Result<(), DbError> {
    on!(connection, sqlx::query(ADD).bind(mailbox).bind(bytes).execute(connection).await?.rows_affected());
    Ok(())
}

/// Stops counting a message of so many bytes, and tells if there is room again for what was refused last.
pub(crate) async fn give(
    tx: &mut Tx<'_>,
    domain: DomainId,
    mailbox: MailboxId,
    bytes: i64,
) -> Result<(), ServiceError> {
    take_anyway(tx.connection(), mailbox, -bytes).await?;
    tell_of_room(tx, domain, mailbox).await
}

/// Tells that a full mailbox is full no more, if what was refused last would fit now: after a removal, or a raise of its quota.
pub(crate) async fn tell_of_room(tx: &mut Tx<'_>, domain: DomainId, mailbox: MailboxId) -> Result<(), ServiceError> {
    if changes(tx.connection(), MAKE_ROOM, mailbox).await? {
        tx.emit(domain, Event::MailboxHasRoom { mailbox }).await?;
    }
    Ok(())
}

/// Counts the mailbox's greetings and name anew, after one has come, changed or gone; more of them than fit are refused if
/// `may_refuse`.
///
/// # Errors
/// `MailboxFull`, after which the transaction must not be committed.
pub(crate) async fn count_greetings(
    tx: &mut Tx<'_>,
    domain: DomainId,
    mailbox: MailboxId,
    may_refuse: bool,
) -> Result<(), ServiceError> {
    let connection = tx.connection();
    lock(connection, mailbox).await?;
    let Some(before) = of(connection, mailbox).await? else { return Ok(()) };
    changes(connection, COUNT_GREETINGS, mailbox).await?;
    let Some(now) = of(connection, mailbox).await? else { return Ok(()) };
    let more = now.greeting_bytes - before.greeting_bytes;
    if may_refuse && more > 0 && now.stored() > now.quota_bytes {
        let found = super::rows::by_id(connection, mailbox).await?;
        let extension = found.map(|mailbox| mailbox.extension).unwrap_or_default();
        return Err(full(extension, before, more));
    }
    tell_of_room(tx, domain, mailbox).await
}

/// Whether a statement about the mailbox changed something.
async fn changes(connection: &mut Connection, statement: &'static str, mailbox: MailboxId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(statement).bind(mailbox).execute(connection).await?.rows_affected()) == 1)
}

/// The refusal of so many bytes more than the mailbox holds.
pub(crate) fn full(extension: String, usage: Usage, more: i64) -> ServiceError {
    ServiceError::MailboxFull { extension, stored: usage.stored(), quota: usage.quota_bytes, more }
}

/// Notes that the mailbox refused so many bytes; true if its people are to be told: they do not know, and it is full still.
pub(crate) async fn refused(
    connection: &mut Connection,
    mailbox: MailboxId,
    bytes: i64,
    at: Time,
) -> Result<bool, DbError> {
    let first = on!(
        connection,
        sqlx::query(REFUSED_FIRST).bind(mailbox).bind(at).bind(bytes).execute(&mut *connection).await?.rows_affected()
    );
    if first == 0 {
        on!(
            connection,
            sqlx::query(REFUSED_AGAIN).bind(mailbox).bind(bytes).execute(connection).await?.rows_affected()
        );
    }
    Ok(first == 1)
}
