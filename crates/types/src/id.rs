//! One identifier type an aggregate, so that a mailbox's id is never passed where a message's is meant.

use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh identifier that sorts by the time it was made (UUID version 7).
            #[expect(clippy::new_without_default, reason = "two calls give two values")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// Identifies a domain; also the tenant of every job done for it.
    DomainId,
    /// Identifies a mailbox.
    MailboxId,
    /// Identifies a message.
    MessageId,
    /// Identifies a prompt.
    PromptId,
    /// Identifies a recording.
    RecordingId,
    /// Identifies the sound of a message, prompt or recording.
    MediaId,
    /// Identifies one rendition of a message, prompt or recording.
    RenditionId,
    /// Identifies one mail to one recipient.
    NoticeId,
    /// Identifies an API key.
    ApiKeyId,
    /// Identifies a token that a portal made for a person.
    UserTokenId,
    /// Identifies an endpoint that events are sent to.
    WebhookId,
    /// Identifies an event.
    EventId,
    /// Identifies a play list.
    PlaylistId,
    /// Identifies a service number.
    ServiceNumberId,
    /// The 128 random bits inside a link's token.
    LinkId,
}

impl LinkId {
    /// Fresh random bits; unlike the other identifiers it tells nothing of when it was made.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}
