//! Legal holds: what must not go, whoever wants it gone.

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_types::{DomainId, MessageId, RecordingId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    events::Event,
    mailboxes, messages, recordings,
    refusal::{Rule, Thing},
};

/// Longest reason, in bytes.
const MAX_REASON: usize = 500;

/// What a hold covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Covered {
    /// All of the domain's messages and recordings.
    Domain,
    /// A mailbox's messages.
    Mailbox,
    /// One message.
    Message,
    /// One recording.
    Recording,
}

/// Something that must be kept, since when, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Hold {
    /// Identity.
    pub id: Uuid,
    /// Whose it is.
    pub domain_id: DomainId,
    /// What it covers.
    #[sqlx(rename = "subject_kind")]
    pub covers: Covered,
    /// Which one; the domain's own id where it covers that.
    pub subject_id: Uuid,
    /// Why.
    pub reason: String,
    /// Until when; until it is released if none.
    pub until: Option<Time>,
    /// Since when.
    pub created_at: Time,
}

/// A hold that is to be set.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// What it covers.
    pub covers: Covered,
    /// A mailbox's extension, or a message's or recording's id.
    pub subject: Option<String>,
    /// Why.
    pub reason: String,
    /// Until when; until it is released if none.
    pub until: Option<Time>,
}

statements! {
    INSERT = "INSERT INTO hold (id, domain_id, subject_kind, subject_id, reason, until, created_at) \
              VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST = "SELECT * FROM hold WHERE domain_id = $1 ORDER BY id DESC LIMIT 1000";
    DELETE = "DELETE FROM hold WHERE domain_id = $1 AND id = $2";
    COVERING = "SELECT COUNT(*) AS holds FROM hold WHERE domain_id = $1 AND (until IS NULL OR until > $4) \
                    AND (subject_kind = 'domain' OR subject_id = $2 OR subject_id = $3)";
}

/// Takes turns with whoever sets a hold, or removes something, in the domain, until the transaction ends. It comes before all
/// other locks.
pub(crate) async fn lock(connection: &mut Connection, domain: DomainId) -> Result<(), DbError> {
    connection.lock(domain.0).await
}

/// Whether something of the domain is held: by itself, with its mailbox, if it lies in one, or with all. The caller has the lock.
pub(crate) async fn covers(
    connection: &mut Connection,
    domain: DomainId,
    (mailbox, subject): (Option<Uuid>, Uuid),
    now: Time,
) -> Result<bool, DbError> {
    let mailbox = mailbox.unwrap_or(subject);
    let holds: i64 = on!(
        connection,
        sqlx::query_scalar(COVERING).bind(domain).bind(mailbox).bind(subject).bind(now).fetch_one(connection).await?
    );
    Ok(holds > 0)
}

/// Sets a hold: from the answer on, nothing that it covers goes.
pub async fn set(app: &App, domain: &Domain, new: NewHold) -> Result<Hold, ServiceError> {
    if new.reason.is_empty() || new.reason.len() > MAX_REASON {
        let rule = Rule::BadLength { field: "reason".to_owned(), most: MAX_REASON };
        return Err(ServiceError::invalid("/reason", rule));
    }
    let mut tx = app.begin().await?;
    lock(tx.connection(), domain.id).await?;
    let subject_id = subject(tx.connection(), domain, new.covers, new.subject.as_deref().unwrap_or_default()).await?;
    let hold = Hold {
        id: Uuid::now_v7(),
        domain_id: domain.id,
        covers: new.covers,
        subject_id,
        reason: new.reason,
        until: new.until,
        created_at: Time::from(app.clock.now()),
    };
    insert(tx.connection(), &hold).await?;
    tx.emit(domain.id, Event::HoldSet { hold: hold.id, covers: hold.covers, covered: subject_id }).await?;
    tx.commit().await?;
    Ok(hold)
}

/// The domain's holds, the latest first.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Hold>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(all(&mut connection, domain.id).await?)
}

/// Releases a hold: what is due goes with the next sweep.
pub async fn release(app: &App, domain: &Domain, id: Uuid) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    lock(tx.connection(), domain.id).await?;
    let hold = all(tx.connection(), domain.id).await?.into_iter().find(|hold| hold.id == id);
    let hold = hold.ok_or(ServiceError::NotFound(Thing::Hold {}))?;
    remove(tx.connection(), domain.id, id).await?;
    tx.emit(domain.id, Event::HoldReleased { hold: id, covers: hold.covers, covered: hold.subject_id }).await?;
    Ok(tx.commit().await?)
}

/// The id of what is to be held, which must be there.
async fn subject(
    connection: &mut Connection,
    domain: &Domain,
    covers: Covered,
    subject: &str,
) -> Result<Uuid, ServiceError> {
    let id = subject.parse::<Uuid>().unwrap_or_default();
    let found = match covers {
        Covered::Domain => Some(domain.id.0),
        Covered::Mailbox => {
            mailboxes::rows::by_extension(connection, domain.id, subject).await?.map(|mailbox| mailbox.id.0)
        }
        Covered::Message => {
            let message = messages::rows::by_id(connection, MessageId(id)).await?;
            message.filter(|message| message.domain_id == domain.id).map(|message| message.id.0)
        }
        Covered::Recording => {
            recordings::rows::in_domain(connection, domain.id, RecordingId(id)).await?.map(|recording| recording.id.0)
        }
    };
    found.ok_or_else(|| ServiceError::invalid("/subject", Rule::NothingToHold {}))
}

async fn insert(connection: &mut Connection, hold: &Hold) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(hold.id)
            .bind(hold.domain_id)
            .bind(hold.covers)
            .bind(hold.subject_id)
            .bind(&hold.reason)
            .bind(hold.until)
            .bind(hold.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

async fn all(connection: &mut Connection, domain: DomainId) -> Result<Vec<Hold>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?))
}

async fn remove(connection: &mut Connection, domain: DomainId, id: Uuid) -> Result<(), DbError> {
    on!(connection, sqlx::query(DELETE).bind(domain).bind(id).execute(connection).await?.rows_affected());
    Ok(())
}
