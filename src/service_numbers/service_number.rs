//! A number of a service, such as a sales line: whose messages more people want than the mailbox's own, and what its callers hear.

use voicemill_types::{DomainId, PlaylistId, PromptId, ServiceNumberId, Time};

use crate::mailboxes::EmailMode;

/// A service number, its addresses, and what its callers on hold hear.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct ServiceNumber {
    /// Identity.
    pub id: ServiceNumberId,
    /// The domain it belongs to.
    pub domain_id: DomainId,
    /// The number as the core names it.
    pub number: String,
    /// The addresses that every message left there goes to.
    #[sqlx(json)]
    pub recipients: Vec<String>,
    /// The form that those mails take.
    pub email_mode: EmailMode,
    /// Whether callers who wait hear their place in the queue.
    pub announce_position: bool,
    /// Whether they hear how long it may take.
    pub announce_waiting_time: bool,
    /// How long they wait between these announcements, in seconds.
    pub announce_seconds: i64,
    /// What they hear meanwhile.
    pub playlist_id: Option<PlaylistId>,
    /// When it was made.
    pub created_at: Time,
}

/// A message that callers of a service number hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Slot {
    /// When the call is taken.
    Welcome,
    /// Outside the opening hours.
    Closed,
    /// On a day that the calendar says is closed, such as a holiday.
    CalendarClosed,
    /// When nobody is there to take calls.
    NoAgents,
    /// While they wait.
    Queue,
}

impl Slot {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Welcome, Self::Closed, Self::CalendarClosed, Self::NoAgents, Self::Queue];

    /// Its name, as portals and cores write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Closed => "closed",
            Self::CalendarClosed => "calendar_closed",
            Self::NoAgents => "no_agents",
            Self::Queue => "queue",
        }
    }

    /// The slot of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|slot| slot.name() == name)
    }
}

/// A slot that has a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Filled {
    /// The slot.
    pub slot: Slot,
    /// Its message.
    pub prompt_id: PromptId,
}
