//! Play lists: what callers on hold hear, in which order.

mod playlist;
pub(crate) mod rows;
mod sequence;

pub use self::{
    playlist::{NewPlaylist, PlayOrder, Playlist},
    sequence::sequence,
};

use std::collections::HashSet;

use voicemill_types::{DomainId, PlaylistId, PromptId, Time};

use crate::{
    app::App,
    checks::{check_name, check_range},
    db::Connection,
    domains::Domain,
    error::ServiceError,
    events::Event,
    media::Rendition,
    precondition::Precondition,
    prompts::{self, Prompt, PromptKind},
    refusal::{Conflict, Rule, Thing},
    transaction::Tx,
};

/// Most tracks of a list, and most messages.
pub const MOST: usize = 100;
/// Most play lists of a domain.
const MOST_LISTS: i64 = 1_000;

/// Makes the domain's play list of that name, or gives the one that stands another content; `version` is the one that whoever
/// asks has seen: none if they have seen none, and any if `None` is inside.
pub async fn save(
    app: &App,
    domain: &Domain,
    name: &str,
    new: NewPlaylist,
    wanted: &Precondition,
) -> Result<Playlist, ServiceError> {
    check_name(name, "", Thing::Playlist {})?;
    check_range("message_interval_seconds", new.message_interval_seconds, 5..=3_600)?;
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    check_prompts(tx.connection(), domain, &new).await?;
    let standing = rows::by_name(tx.connection(), domain.id, name).await?;
    wanted.check_replacement(standing.as_ref().map(|list| list.version))?;
    let playlist = match standing {
        Some(standing) => Playlist { version: standing.version + 1, ..new.into_playlist(standing) },
        None => {
            if rows::count(tx.connection(), domain.id).await? >= MOST_LISTS {
                let most = usize::try_from(MOST_LISTS).unwrap_or(usize::MAX);
                return Err(ServiceError::invalid("", Rule::TooMany { field: "play lists".to_owned(), most }));
            }
            new.into_playlist(Playlist::first(domain.id, name, Time::from(app.clock.now())))
        }
    };
    match rows::save(tx.connection(), &playlist).await {
        // One of the prompts was deleted at this moment.
        Err(error) if error.is_reference() => return Err(ServiceError::NotFound(Thing::Prompt {})),
        saved => saved?,
    }
    tell(&mut tx, domain.id, playlist.id, name, false).await?;
    tx.commit().await?;
    Ok(playlist)
}

/// Refuses prompts that the domain does not have, that are of another kind, or that are named twice.
async fn check_prompts(connection: &mut Connection, domain: &Domain, new: &NewPlaylist) -> Result<(), ServiceError> {
    for (field, list, kind) in
        [("tracks", &new.tracks, PromptKind::HoldMusic), ("messages", &new.messages, PromptKind::HoldMessage)]
    {
        if list.len() > MOST {
            let rule = Rule::TooMany { field: field.to_owned(), most: MOST };
            return Err(ServiceError::invalid(&format!("/{field}"), rule));
        }
        let mut named = HashSet::new();
        for (place, id) in list.iter().enumerate() {
            let pointer = format!("/{field}/{place}");
            if !named.insert(*id) {
                return Err(ServiceError::invalid(&pointer, Rule::NamedTwice {}));
            }
            check_kind(connection, domain, *id, kind, &pointer).await?;
        }
    }
    match new.introduction {
        Some(id) => check_kind(connection, domain, id, PromptKind::HoldIntroduction, "/introduction").await,
        None => Ok(()),
    }
}

/// Refuses a prompt that the domain does not have, or that is of another kind.
pub(crate) async fn check_kind(
    connection: &mut Connection,
    domain: &Domain,
    id: PromptId,
    kind: PromptKind,
    pointer: &str,
) -> Result<(), ServiceError> {
    match prompts::rows::in_domain(connection, domain.id, id).await? {
        None => Err(ServiceError::invalid(pointer, Rule::UnknownPrompt {})),
        Some(prompt) if prompt.kind != kind => {
            Err(ServiceError::invalid(pointer, Rule::WrongPromptKind { wanted: kind.name().to_owned() }))
        }
        Some(_) => Ok(()),
    }
}

/// A play list with its prompts.
#[derive(Clone, Debug)]
pub struct Details {
    /// The list.
    pub playlist: Playlist,
    /// Its introduction, tracks and messages, each once.
    pub prompts: Vec<Prompt>,
}

impl Details {
    /// The prompt with that id.
    pub fn prompt(&self, id: PromptId) -> Option<&Prompt> {
        self.prompts.iter().find(|prompt| prompt.id == id)
    }
}

/// The domain's play list of that name.
pub async fn find(app: &App, domain: &Domain, name: &str) -> Result<Details, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let playlist =
        rows::by_name(connection, domain.id, name).await?.ok_or(ServiceError::NotFound(Thing::Playlist {}))?;
    with_prompts(connection, playlist).await
}

/// The play list with that id, if it stands.
pub async fn by_id(app: &App, id: PlaylistId) -> Result<Option<Details>, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    match rows::by_id(connection, id).await? {
        Some(playlist) => Ok(Some(with_prompts(connection, playlist).await?)),
        None => Ok(None),
    }
}

async fn with_prompts(connection: &mut Connection, playlist: Playlist) -> Result<Details, ServiceError> {
    let mut found = Vec::new();
    for id in playlist.introduction.iter().chain(&playlist.tracks).chain(&playlist.messages) {
        found.extend(prompts::rows::by_id(connection, *id).await?);
    }
    Ok(Details { playlist, prompts: found })
}

/// The domain's play lists by name.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<Details>, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let connection = snapshot.connection();
    let mut listed = Vec::new();
    for playlist in rows::list(connection, domain.id).await? {
        listed.push(with_prompts(connection, playlist).await?);
    }
    Ok(listed)
}

/// Forgets a play list; its prompts stay.
pub async fn delete(app: &App, domain: &Domain, name: &str, wanted: &Precondition) -> Result<(), ServiceError> {
    let mut tx = app.begin().await?;
    tx.connection().lock(domain.id.0).await?;
    let standing = rows::by_name(tx.connection(), domain.id, name).await?;
    let standing = standing.ok_or(ServiceError::NotFound(Thing::Playlist {}))?;
    wanted.check_replacement(Some(standing.version))?;
    let by = rows::numbers_with(tx.connection(), standing.id).await?;
    if !by.is_empty() {
        let by = by.into_iter().map(|number| format!("service number {number}")).collect();
        return Err(ServiceError::Conflict(Conflict::InUse { by }));
    }
    rows::delete(tx.connection(), standing.id).await?;
    tell(&mut tx, domain.id, standing.id, name, true).await?;
    Ok(tx.commit().await?)
}

/// Takes a prompt out of every play list of its domain.
pub(crate) async fn unhook(tx: &mut Tx<'_>, domain: DomainId, prompt: PromptId) -> Result<(), ServiceError> {
    tx.connection().lock(domain.0).await?;
    for playlist in rows::with_prompt(tx.connection(), prompt).await? {
        let mut shorter = playlist;
        shorter.version += 1;
        shorter.introduction = shorter.introduction.filter(|id| *id != prompt);
        shorter.tracks.retain(|id| *id != prompt);
        shorter.messages.retain(|id| *id != prompt);
        rows::save(tx.connection(), &shorter).await?;
        tell(tx, domain, shorter.id, &shorter.name, false).await?;
    }
    Ok(())
}

async fn tell(
    tx: &mut Tx<'_>,
    domain: DomainId,
    playlist: PlaylistId,
    name: &str,
    deleted: bool,
) -> Result<(), ServiceError> {
    tx.emit(domain, Event::PlaylistChanged { playlist, name: name.to_owned(), deleted }).await
}

/// A prompt of a play list, with what can be played of it.
#[derive(Clone, Debug)]
pub struct Playable {
    /// The prompt.
    pub prompt: Prompt,
    /// The renditions of the version that is served.
    pub renditions: Vec<Rendition>,
}

/// What can be played of a play list now.
pub async fn playable(app: &App, details: &Details) -> Result<Vec<Playable>, ServiceError> {
    let mut snapshot = app.database.snapshot().await?;
    let mut playable = Vec::new();
    for prompt in &details.prompts {
        let Some(version) = prompt.served_version else { continue };
        let renditions = crate::media::rows::list(snapshot.connection(), prompt.media_id, version).await?;
        playable.push(Playable { prompt: prompt.clone(), renditions });
    }
    Ok(playable)
}
