//! What cores hand over, in a form that can wait: in the spool while something is down, and on the blob in the store, by
//! which an original that no row names is found its place again.

pub mod drain;
pub(crate) mod intake;
pub(crate) mod metadata;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use voicemill_storage::Stored;
use voicemill_types::{DomainId, Time};

use crate::{
    app::App,
    error::ServiceError,
    media::{Media, Original},
    messages::{LeftMessage, Quota},
    recordings::{AnnouncedCall, CallEnd, LeftLeg},
    refusal::Rule,
};

pub use self::intake::{Incoming, IncomingBytes, Receipt, SpooledArrival};

/// Something that a core handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Arrival {
    /// A voicemail.
    Message(LeftMessage),
    /// A call that is being recorded.
    Call(AnnouncedCall),
    /// One leg of its audio.
    Leg(LeftLeg),
    /// The news that there is no more of it.
    End(CallEnd),
}

/// Bytes that are durable in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoredBlob {
    /// Their key.
    pub(crate) key: String,
    /// What they are.
    pub(crate) content: Stored,
}

impl StoredBlob {
    /// The row about them.
    pub(crate) fn original(&self, media: &Media, part: &str, hint: Option<String>, created_at: Time) -> Original {
        Original {
            media_id: media.id,
            version: media.version,
            part: part.to_owned(),
            key: self.key.clone(),
            bytes: i64::try_from(self.content.bytes).unwrap_or(i64::MAX),
            sha256: self.content.sha256.clone(),
            hint,
            created_at,
        }
    }
}

impl Arrival {
    /// What makes two arrivals the same.
    pub(crate) fn identity(&self) -> Uuid {
        match self {
            Self::Message(message) => message.identity(),
            Self::Call(call) => call.identity(),
            Self::Leg(leg) => leg.identity(),
            Self::End(end) => end.identity(),
        }
    }

    /// The id by which the core may ask for it.
    pub(crate) fn id(&self) -> Option<Uuid> {
        match self {
            Self::Message(message) => Some(message.id.0),
            Self::Call(_) | Self::Leg(_) | Self::End(_) => None,
        }
    }

    /// Whose it is.
    pub(crate) fn domain(&self) -> DomainId {
        match self {
            Self::Message(message) => message.domain_id,
            Self::Call(call) => call.domain_id,
            Self::Leg(leg) => leg.domain_id,
            Self::End(end) => end.domain_id,
        }
    }

    /// SHA-256 of its bytes, if it has any.
    pub(crate) fn sha256(&self) -> Option<&str> {
        match self {
            Self::Message(message) => Some(&message.sha256),
            Self::Leg(leg) => Some(&leg.sha256),
            Self::Call(_) | Self::End(_) => None,
        }
    }

    /// Whether the database has it already, so that its bytes need not go to the store again.
    pub(crate) async fn stands(&self, app: &App) -> Result<bool, ServiceError> {
        match self {
            Self::Message(message) => Ok(message.standing(app).await?.is_some()),
            Self::Leg(leg) => leg.stands(app).await,
            Self::Call(_) | Self::End(_) => Ok(false),
        }
    }

    /// Writes its rows and queues the work; false when the database has it already. Doing it again changes nothing.
    pub(crate) async fn commit(&self, app: &App, blob: Option<&StoredBlob>) -> Result<bool, ServiceError> {
        let without = || ServiceError::invalid("", Rule::BytesMissing {});
        match (self, blob) {
            (Self::Message(message), Some(blob)) => Ok(message.commit(app, blob, Quota::WasConfirmed).await?.fresh),
            (Self::Leg(leg), Some(blob)) => Ok(leg.commit(app, blob).await?.kept),
            (Self::Call(call), _) => call.commit(app).await.map(|_| true),
            (Self::End(end), _) => end.commit(app).await.map(|_| true),
            (Self::Message(_) | Self::Leg(_), None) => Err(without()),
        }
    }
}

/// An identity made of what it depends on; with its length before it, no part runs into the next.
pub(crate) fn identity(domain: DomainId, parts: &[&str]) -> Uuid {
    let name: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    Uuid::new_v5(&domain.0, name.as_bytes())
}
