//! A play list, and how it is asked for.

use voicemill_types::{DomainId, PlaylistId, PromptId, Time};

/// In which order tracks are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PlayOrder {
    /// As they are listed.
    #[default]
    Listed,
    /// In an order that changes from day to day.
    Shuffle,
}

/// What callers on hold hear.
#[derive(Clone, Debug, PartialEq)]
pub struct Playlist {
    /// Identity.
    pub id: PlaylistId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// What cores and portals call it; unique in the domain.
    pub name: String,
    /// In which order the tracks are played.
    pub order: PlayOrder,
    /// Played first, and once.
    pub introduction: Option<PromptId>,
    /// The music.
    pub tracks: Vec<PromptId>,
    /// Said between tracks, one after the other.
    pub messages: Vec<PromptId>,
    /// How much music is played between messages at least, in seconds.
    pub message_interval_seconds: i64,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Time,
}

impl Playlist {
    /// How much music is played between messages unless the list says otherwise, in seconds.
    pub const DEFAULT_INTERVAL_SECONDS: i64 = 30;

    /// An empty one.
    pub(super) fn first(domain: DomainId, name: &str, now: Time) -> Self {
        Self {
            id: PlaylistId::new(),
            domain_id: domain,
            name: name.to_owned(),
            order: PlayOrder::Listed,
            introduction: None,
            tracks: Vec::new(),
            messages: Vec::new(),
            message_interval_seconds: Self::DEFAULT_INTERVAL_SECONDS,
            version: 1,
            created_at: now,
        }
    }
}

/// The whole content of a play list.
#[derive(Clone, Debug)]
pub struct NewPlaylist {
    /// In which order the tracks are played.
    pub order: PlayOrder,
    /// Played first, and once.
    pub introduction: Option<PromptId>,
    /// The music.
    pub tracks: Vec<PromptId>,
    /// Said between tracks.
    pub messages: Vec<PromptId>,
    /// How much music is played between messages at least, in seconds.
    pub message_interval_seconds: i64,
}

impl NewPlaylist {
    /// The list that stands, with this content.
    pub(super) fn into_playlist(self, standing: Playlist) -> Playlist {
        Playlist {
            order: self.order,
            introduction: self.introduction,
            tracks: self.tracks,
            messages: self.messages,
            message_interval_seconds: self.message_interval_seconds,
            ..standing
        }
    }
}
