//! What is said to a mailbox's owner who listens by phone.

/// What is said before a message, in which language, and which message comes first.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Playback {
    /// BCP 47 tag of the language; the domain's if none.
    pub locale: Option<String>,
    /// Whether the time of its arrival is said before a message.
    pub announce_time: bool,
    /// Whether its caller is said before a message.
    pub announce_caller: bool,
    /// Whether the newest message is played first; else the oldest.
    pub newest_first: bool,
}

impl Default for Playback {
    fn default() -> Self {
        Self { locale: None, announce_time: true, announce_caller: true, newest_first: true }
    }
}
