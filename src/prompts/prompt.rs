//! Audio played to callers.

use crate::refusal::Failure;
use voicemill_audio::PhoneReport;
use voicemill_speech::synthesize::Manner;
use voicemill_types::{DomainId, MailboxId, MediaId, PromptId, Time};

use crate::media::{Media, MediaState, OwnerKind, TranscriptState};

/// What a prompt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PromptKind {
    /// What a mailbox says before the tone.
    Greeting,
    /// The owner's name in the owner's voice.
    RecordedName,
    /// A hold-music track.
    HoldMusic,
    /// Played first to a caller on hold.
    HoldIntroduction,
    /// Played at an interval to a caller on hold.
    HoldMessage,
    /// Welcome, closed, calendar-closed, no-agents or queue message of a service number.
    ServiceMessage,
    /// Facts that a core has spoken, such as when a message came; made by cores, and not listed for people.
    Announcement,
}

impl PromptKind {
    /// Its name, as portals write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Greeting => "greeting",
            Self::RecordedName => "recorded_name",
            Self::HoldMusic => "hold_music",
            Self::HoldIntroduction => "hold_introduction",
            Self::HoldMessage => "hold_message",
            Self::ServiceMessage => "service_message",
            Self::Announcement => "announcement",
        }
    }

    /// True for music, which keeps its bandwidth and its own loudness target.
    pub fn is_music(self) -> bool {
        self == Self::HoldMusic
    }
}

/// Where a prompt's audio comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PromptOrigin {
    /// A file somebody uploaded.
    Upload,
    /// A script spoken by a neural voice.
    Text,
    /// A recording made by phone and dropped by the core.
    Phone,
}

/// One prompt of a domain or of one mailbox in it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Prompt {
    /// Identity.
    pub id: PromptId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// Its sound.
    pub media_id: MediaId,
    /// The mailbox it belongs to, for greetings and recorded names.
    pub mailbox_id: Option<MailboxId>,
    /// What it is for.
    pub kind: PromptKind,
    /// What people call it.
    pub name: String,
    /// The mailbox's extension.
    pub extension: Option<String>,
    /// Whether it is the greeting that callers of its mailbox hear.
    pub active: bool,
    /// Whether it becomes that greeting as soon as it can be heard.
    pub activates: bool,
    /// The version that is served, if any can be heard; a later one takes its place once it can be heard too.
    pub served_version: Option<i64>,
    /// How many versions were begun so far.
    pub begun: i64,
    /// Where its audio comes from.
    pub origin: PromptOrigin,
    /// The words to be spoken, for prompts from text.
    pub script: Option<String>,
    /// The voice that speaks them.
    pub voice: Option<String>,
    /// How it speaks them.
    #[sqlx(flatten)]
    pub manner: Manner,
    /// The latest version: 1, and one more with every replacement. Of one that failed the words are not shown, but those of
    /// the version that is served.
    pub version: i64,
    /// Where the work on the latest version stands.
    pub state: MediaState,
    /// Why the work failed.
    #[sqlx(json(nullable))]
    pub failure: Option<Failure>,
    /// Length of what is served in milliseconds, once known.
    pub duration_ms: Option<i64>,
    /// What a phone makes of it, once known.
    #[sqlx(json(nullable))]
    pub phone_report: Option<PhoneReport>,
    /// The waveform's bins, loudest peak of each on a scale of 0 to 255.
    pub waveform: Vec<u8>,
    /// When it was first stored.
    pub created_at: Time,
}

impl Prompt {
    /// The sound of its latest version.
    pub(crate) fn media(&self) -> Media {
        Media {
            id: self.media_id,
            domain_id: self.domain_id,
            owner_kind: OwnerKind::Prompt,
            version: self.version,
            state: self.state,
            transcript_state: TranscriptState::Off,
            created_at: self.created_at,
        }
    }

    /// The version after all that were begun, with nothing made of it yet; what is served stays.
    #[must_use]
    pub fn next_version(self) -> Self {
        let version = self.begun + 1;
        Self { version, begun: version, state: MediaState::Pending, failure: None, ..self }
    }
}

/// One version of a prompt: what it was made of, and what came of it.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct PromptVersion {
    /// 1 for the first.
    pub version: i64,
    /// Where its audio came from.
    pub origin: PromptOrigin,
    /// The words that were spoken, for those from text.
    pub script: Option<String>,
    /// The voice that spoke them.
    pub voice: Option<String>,
    /// How it spoke them.
    #[sqlx(flatten)]
    pub manner: Manner,
    /// Where the work on it stands; pending for ever where another began before it was done.
    pub state: MediaState,
    /// Why the work failed.
    #[sqlx(json(nullable))]
    pub failure: Option<Failure>,
    /// Length of the audio in milliseconds, once known.
    pub duration_ms: Option<i64>,
    /// When it began.
    pub created_at: Time,
    /// Since when another is served in its place.
    pub retired_at: Option<Time>,
}
