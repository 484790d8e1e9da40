//! Play lists as they are answered and asked for.

use serde::{Deserialize, Serialize};
use voicemill_types::{PlaylistId, PromptId, Time};

use super::{Sound, whole::Whole};
use crate::playlists::{self, PlayOrder, Playlist};

/// A play list, as portals see it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct ListedPlaylist {
    id: PlaylistId,
    name: String,
    order: PlayOrder,
    introduction: Option<Item>,
    tracks: Vec<Item>,
    messages: Vec<Item>,
    message_interval_seconds: i64,
    /// Also the ETag.
    version: i64,
    created_at: Time,
}

/// A prompt of a play list.
#[derive(Debug, Serialize)]
struct Item {
    prompt: PromptId,
    name: String,
    duration_ms: Option<i64>,
    /// Whether it can be heard; else it is left out where the list is played.
    playable: bool,
}

/// The whole content of a play list, by the ids of prompts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewPlaylist {
    tracks: Vec<PromptId>,
    #[serde(default)]
    order: PlayOrder,
    introduction: Option<PromptId>,
    #[serde(default)]
    messages: Vec<PromptId>,
    message_interval_seconds: Option<Whole<i64>>,
}

/// A play list, as cores play it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct PlayedList {
    name: String,
    version: i64,
    order: PlayOrder,
    introduction: Option<Sound>,
    tracks: Vec<Sound>,
    messages: Vec<Sound>,
    message_interval_seconds: i64,
    /// Addresses in the order in which they are heard: the same as in the other forms of this list.
    sequence: Vec<String>,
}

impl From<playlists::Details> for ListedPlaylist {
    fn from(details: playlists::Details) -> Self {
        let item = |id: &PromptId| {
            details.prompt(*id).map(|prompt| Item {
                prompt: prompt.id,
                name: prompt.name.clone(),
                duration_ms: prompt.duration_ms,
                playable: prompt.served_version.is_some(),
            })
        };
        let playlist = &details.playlist;
        Self {
            introduction: playlist.introduction.as_ref().and_then(item),
            tracks: playlist.tracks.iter().filter_map(item).collect(),
            messages: playlist.messages.iter().filter_map(item).collect(),
            id: playlist.id,
            name: playlist.name.clone(),
            order: playlist.order,
            message_interval_seconds: playlist.message_interval_seconds,
            version: playlist.version,
            created_at: playlist.created_at,
        }
    }
}

impl From<NewPlaylist> for playlists::NewPlaylist {
    fn from(new: NewPlaylist) -> Self {
        Self {
            order: new.order,
            introduction: new.introduction,
            tracks: new.tracks,
            messages: new.messages,
            message_interval_seconds: new
                .message_interval_seconds
                .map_or(Playlist::DEFAULT_INTERVAL_SECONDS, |whole| whole.0),
        }
    }
}

impl PlayedList {
    pub(in crate::http) fn new(playlist: &Playlist, sounds: &[Sound], sequence: Vec<String>) -> Self {
        let of = |ids: &[PromptId]| -> Vec<Sound> {
            ids.iter().filter_map(|id| sounds.iter().find(|sound| sound.prompt() == *id)).cloned().collect()
        };
        Self {
            name: playlist.name.clone(),
            version: playlist.version,
            order: playlist.order,
            introduction: of(playlist.introduction.as_slice()).pop(),
            tracks: of(&playlist.tracks),
            messages: of(&playlist.messages),
            message_interval_seconds: playlist.message_interval_seconds,
            sequence,
        }
    }
}
