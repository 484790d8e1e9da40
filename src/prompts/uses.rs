//! Where a prompt is used: as a mailbox's active greeting, in slots of service numbers, in play lists.

use voicemill_types::{DomainId, PromptId};

use crate::{
    db::{Connection, DbError, on, statements},
    error::ServiceError,
    playlists, service_numbers,
    transaction::Tx,
};

statements! {
    OF = "SELECT 'mailbox' AS kind, mailbox.extension AS owner, 'greeting' AS place \
              FROM prompt JOIN mailbox ON mailbox.id = prompt.mailbox_id \
              WHERE prompt.id = $1 AND (prompt.active OR prompt.activates) \
          UNION ALL SELECT 'service_number', service_number.number, service_slot.slot \
              FROM service_slot JOIN service_number ON service_number.id = service_slot.service_number_id \
              WHERE service_slot.prompt_id = $1 \
          UNION ALL SELECT 'playlist', playlist.name, 'introduction' FROM playlist WHERE playlist.introduction_id = $1 \
          UNION ALL SELECT 'playlist', playlist.name, playlist_item.role \
              FROM playlist_item JOIN playlist ON playlist.id = playlist_item.playlist_id \
              WHERE playlist_item.prompt_id = $1 LIMIT 1000";
}

/// One use of a prompt.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Use {
    /// What uses it: `mailbox`, `service_number` or `playlist`.
    pub kind: String,
    /// Which: its extension, number or name.
    pub owner: String,
    /// As what: `greeting`, a slot, `introduction`, `track` or `message`.
    pub place: String,
}

impl std::fmt::Display for Use {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, owner, place } = self;
        write!(f, "{} {owner} ({})", kind.replace('_', " "), place.replace('_', " "))
    }
}

/// Where the prompt is used.
pub(super) async fn of(connection: &mut Connection, prompt: PromptId) -> Result<Vec<Use>, DbError> {
    Ok(on!(connection, sqlx::query_as(OF).bind(prompt).fetch_all(connection).await?))
}

/// Takes the prompt out of every play list and slot.
pub(super) async fn unhook(tx: &mut Tx<'_>, domain: DomainId, prompt: PromptId) -> Result<(), ServiceError> {
    playlists::unhook(tx, domain, prompt).await?;
    service_numbers::unhook(tx, domain, prompt).await
}
