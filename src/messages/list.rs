//! The messages of a mailbox, page by page.

use uuid::Uuid;
use voicemill_types::{MailboxId, Time};

use crate::{
    app::App,
    db::{Connection, DbError, on, statements},
    domains::Domain,
    error::ServiceError,
    jobs::{self, operate::Listed},
    listing::{self, Page, Place},
    mailboxes::{self, groups},
    media::{MediaState, RenderMedia, state::job_key},
    messages::{Folder, Message, renditions::VERSION, rows::messages},
};

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// What was received last.
    #[default]
    Newest,
    /// What was received first.
    Oldest,
}

/// Which messages are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of one folder; of all but the trash if none is named.
    pub folder: Option<Folder>,
    /// Read, or not.
    pub read: Option<bool>,
    /// From this number, as the core gave it.
    pub caller: Option<String>,
    /// Received at this moment or later.
    pub from: Option<Time>,
    /// Received before this moment.
    pub to: Option<Time>,
    /// Which comes first.
    pub order: Order,
    /// With those of the groups that the mailbox is a member of.
    pub groups: bool,
}

/// One statement a direction and a folder, so that each is answered by one index.
macro_rules! pages {
    ($folder:literal, $beyond:literal, $order:literal) => {
        messages!(
            "WHERE message.mailbox_id = $1 AND message.hidden_at IS NULL AND ",
            $folder,
            " AND (message.received_at ",
            $beyond,
            " $3 OR (message.received_at = $3 AND message.id ",
            $beyond,
            " $4)) AND message.received_at >= $6 AND message.received_at < $7 \
             AND ($8 = 'any' OR ($8 = 'read') = (message.read_at IS NOT NULL)) \
             AND ($9 = '' OR message.caller_number = $9) ORDER BY message.received_at ",
            $order,
            ", message.id ",
            $order,
            " LIMIT $5"
        )
    };
}

statements! {
    NEWEST_OF_FOLDER = pages!("message.folder = $2", "<", "DESC");
    OLDEST_OF_FOLDER = pages!("message.folder = $2", ">", "ASC");
    NEWEST_KEPT = pages!("message.folder <> 'trash' AND $2 = 'kept'", "<", "DESC");
    OLDEST_KEPT = pages!("message.folder <> 'trash' AND $2 = 'kept'", ">", "ASC");
}

/// A page of a mailbox's messages.
pub async fn list(
    app: &App,
    domain: &Domain,
    extension: &str,
    filter: Filter,
    cursor: Option<&str>,
    limit: u16,
) -> Result<Page<Listed<Message>>, ServiceError> {
    let mailbox = mailboxes::by_extension(app, domain, extension).await?;
    let asked = (mailbox.id, &filter);
    let first = match filter.order {
        Order::Newest => (Time::from_microseconds(i64::MAX), Uuid::max()),
        Order::Oldest => (Time::from_microseconds(i64::MIN), Uuid::nil()),
    };
    let place = listing::begin::<i64>(cursor, &asked)?;
    let after = place.map_or(first, |(key, id)| (Time::from_microseconds(key), id));
    let mut connection = app.database.read().await?;
    let mut boxes = vec![mailbox.id];
    if filter.groups {
        boxes.extend(groups::of_member(&mut connection, mailbox.id).await?.into_iter().map(|group| group.id));
    }
    let mut found = Vec::new();
    for mailbox in boxes {
        found.extend(read(&mut connection, mailbox, &filter, after, i64::from(limit) + 1).await?);
    }
    drop(connection);
    let key = |message: &Message| (message.received_at.microseconds(), message.id.0);
    found.sort_by_key(key);
    if filter.order == Order::Newest {
        found.reverse();
    }
    let Page { items, next_cursor } = listing::page(found, limit, &asked, key);
    let mut items = Listed::all(items);
    let key = |message: &Message| (message.state == MediaState::Pending).then(|| job_key(message.media_id, VERSION));
    jobs::operate::tell::<RenderMedia, _>(app, &mut items, key).await?;
    Ok(Page { items, next_cursor })
}

async fn read(
    connection: &mut Connection,
    mailbox: MailboxId,
    filter: &Filter,
    after: Place<Time>,
    limit: i64,
) -> Result<Vec<Message>, DbError> {
    let statement = match (filter.order, filter.folder) {
        (Order::Newest, Some(_)) => NEWEST_OF_FOLDER,
        (Order::Oldest, Some(_)) => OLDEST_OF_FOLDER,
        (Order::Newest, None) => NEWEST_KEPT,
        (Order::Oldest, None) => OLDEST_KEPT,
    };
    let folder = match filter.folder {
        None => "kept",
        Some(Folder::New) => "new",
        Some(Folder::Saved) => "saved",
        Some(Folder::Trash) => "trash",
    };
    let read = match filter.read {
        None => "any",
        Some(true) => "read",
        Some(false) => "unread",
    };
    let (from, to) = (filter.from, filter.to);
    Ok(on!(
        connection,
        sqlx::query_as(statement)
            .bind(mailbox)
            .bind(folder)
            .bind(after.0)
            .bind(after.1)
            .bind(limit)
            .bind(from.unwrap_or(Time::from_microseconds(i64::MIN)))
            .bind(to.unwrap_or(Time::from_microseconds(i64::MAX)))
            .bind(read)
            .bind(filter.caller.as_deref().unwrap_or_default())
            .fetch_all(connection)
            .await?
    ))
}
