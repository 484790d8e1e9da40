//! Why a verb could not be done, in words for who asked.

use voicemill_audio::format::AudioError;
use voicemill_queue::{FenceError, JobError, QueueError};
use voicemill_speech::SpeechError;
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
    #[error(
        "mailbox {extension} is full: it holds {stored} of {quota} bytes, and {more} more do not fit; delete messages or \
         raise its quota"
    )]
    MailboxFull {
        /// The mailbox.
        extension: String,
        /// Bytes it holds.
        stored: i64,
        /// Bytes it may hold.
        quota: i64,
        /// Bytes that are to be added.
        more: i64,
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

impl From<FenceError> for ServiceError {
    fn from(error: FenceError) -> Self {
        match error {
            // Nothing of the attempt counts any more, so that it does not matter how it ends.
            FenceError::Lost => Self::Unavailable(error.into()),
            FenceError::Queue(error) => error.into(),
        }
    }
}

impl From<AudioError> for ServiceError {
    fn from(error: AudioError) -> Self {
        // Bad audio stays bad; a full disk or a killed child may not.
        Self::sorted(error.is_transient(), error)
    }
}

impl From<SpeechError> for ServiceError {
    fn from(error: SpeechError) -> Self {
        Self::sorted(error.is_transient(), error)
    }
}

impl From<std::io::Error> for ServiceError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

/// A thread that panicked may not do so again, and a job has only so many attempts.
impl From<tokio::task::JoinError> for ServiceError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Whether a job that failed is tried again: decided here, by what failed, and nowhere else. What may pass is; what will be the
/// same the next time (a constraint, a missing model, bad audio) is not, and its reason is kept for the owner.
impl From<ServiceError> for JobError {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Unavailable(error) => Self::Retry(error),
            ServiceError::Internal(error) => Self::Discard(error),
            error if error.is_transient() => Self::Retry(error.into()),
            error => Self::Discard(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(error: impl Into<ServiceError>) -> JobError {
        JobError::from(error.into())
    }

    #[test]
    fn a_job_is_tried_again_only_where_that_may_help() {
        assert!(matches!(decided(DbError::from(sqlx::Error::PoolTimedOut)), JobError::Retry(_)));
        assert!(matches!(decided(DbError::from(sqlx::Error::RowNotFound)), JobError::Discard(_)));
        assert!(matches!(decided(StorageError::Full), JobError::Retry(_)));
        assert!(matches!(decided(StorageError::NotFound), JobError::Discard(_)));
        assert!(matches!(decided(FenceError::Lost), JobError::Retry(_)));
    }

    #[test]
    fn the_owner_reads_what_the_audio_is_not_what_we_make_of_it() {
        let JobError::Discard(reason) =
            decided(AudioError::Malformed(voicemill_audio::format::Fault::DamagedWavHeader {}))
        else {
            panic!("bad audio stays bad");
        };
        assert_eq!(
            format!("{reason:#}"),
            AudioError::Malformed(voicemill_audio::format::Fault::DamagedWavHeader {}).to_string()
        );
    }
}
