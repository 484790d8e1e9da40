//! Why a verb could not be done, in words for who asked.

use voicemill_queue::QueueError;
use voicemill_storage::StorageError;

use crate::{db::DbError, notices::NoticeError};

/// Why a verb could not be done, in words for who asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no such thing in the domain.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Who asks does not prove to be who may; the text says what is missing.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The link has expired.
    #[error("the link has expired")]
    Gone,
    /// What was asked contradicts a rule; the text names it and what to do.
    #[error("{0}")]
    Invalid(String),
    /// What was asked contradicts how things stand.
    #[error("{0}")]
    Conflict(String),
    /// The mailbox holds as much as it may.
    #[error("mailbox {extension} is full: it holds {stored} of {quota} bytes; delete messages or raise its quota")]
    MailboxFull {
        /// The mailbox.
        extension: String,
        /// Bytes it holds.
        stored: i64,
        /// Bytes it may hold.
        quota: i64,
    },
    /// The body is larger than allowed.
    #[error("the body is larger than the limit of {limit} bytes; send a shorter recording or a compressed format")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The body ended before it was whole; nothing was kept, the sender must send it again.
    #[error("the body broke off before its end; send it again")]
    BodyBroken,
    /// There is no room for it.
    #[error("the store is full; nothing was kept, try again later")]
    Full,
    /// Something that usually works did not.
    #[error("this cannot be done at the moment; try again in a few seconds")]
    Unavailable(#[source] anyhow::Error),
    /// Something is broken.
    #[error("this failed for a reason of our own; it has been logged")]
    Internal(#[source] anyhow::Error),
}

impl ServiceError {
    /// True when the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable(_) | Self::BodyBroken)
    }

    pub(crate) fn sorted(transient: bool, error: impl Into<anyhow::Error>) -> Self {
        if transient { Self::Unavailable(error.into()) } else { Self::Internal(error.into()) }
    }
}

impl From<DbError> for ServiceError {
    fn from(error: DbError) -> Self {
        if error.is_unstorable_text() {
            return Self::Invalid("a text may not hold the character of value zero".to_owned());
        }
        Self::sorted(error.is_transient(), error)
    }
}

impl From<QueueError> for ServiceError {
    fn from(error: QueueError) -> Self {
        Self::sorted(error.is_transient(), error)
    }
}

impl From<NoticeError> for ServiceError {
    fn from(error: NoticeError) -> Self {
        Self::sorted(error.is_transient(), error)
    }
}

impl From<StorageError> for ServiceError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::TooLarge { limit } => Self::TooLarge { limit },
            StorageError::Full => Self::Full,
            StorageError::Body(_) => Self::BodyBroken,
            StorageError::NotFound => Self::NotFound("file"),
            error => Self::sorted(error.is_transient(), error),
        }
    }
}
