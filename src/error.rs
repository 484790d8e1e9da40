//! Why a verb could not be done, and whether it may be tried again.

use voicemill_audio::format::{AudioError, Fault};
use voicemill_notify::email::ComposeError;
use voicemill_queue::{FenceError, JobError, QueueError};
use voicemill_speech::SpeechError;
use voicemill_storage::{InvalidKey, StorageError};

use crate::{
    db::DbError,
    notices::NoticeError,
    refusal::{Conflict, Rule, Thing},
};

/// Why a verb could not be done: a code with parameters, whose words [`crate::words`] has.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServiceError {
    /// There is no such thing in the domain.
    NotFound(Thing),
    /// Who calls our webhook does not prove to be the provider.
    Unproven {
        /// What is missing, and where to look.
        missing: &'static str,
    },
    /// The link has expired.
    Gone,
    /// What was asked breaks a rule.
    Invalid {
        /// The field that breaks it, as a JSON pointer (RFC 6901); empty where no field alone does.
        pointer: String,
        /// The rule.
        rule: Rule,
    },
    /// What was asked contradicts how things stand.
    Conflict(Conflict),
    /// It is not as who wants to change it said: somebody else was there before.
    ChangedMeanwhile,
    /// Who replaces it as a whole must say what.
    PreconditionMissing,
    /// The sound cannot be used.
    Audio(Fault),
    /// The mailbox holds as much as it may.
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
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The body ended before it was whole; nothing was kept, the sender must send it again.
    BodyBroken,
    /// There is no room for it.
    Full,
    /// Something that usually works did not.
    Unavailable(anyhow::Error),
    /// Something is broken.
    Internal(anyhow::Error),
}

impl std::error::Error for ServiceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(&**cause),
            _ => None,
        }
    }
}

impl ServiceError {
    /// True when the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable(_) | Self::BodyBroken)
    }

    /// The name of the reason, which stays when its sentence changes.
    pub fn code(&self) -> String {
        match self {
            Self::NotFound(thing) => format!("{}_not_found", thing.code()),
            Self::Unproven { .. } => "unproven".to_owned(),
            Self::Gone => "link_expired".to_owned(),
            Self::Invalid { .. } => "invalid".to_owned(),
            Self::Conflict(conflict) => conflict.code().to_owned(),
            Self::ChangedMeanwhile => "changed_meanwhile".to_owned(),
            Self::PreconditionMissing => "precondition_missing".to_owned(),
            Self::Audio(_) => "bad_audio".to_owned(),
            Self::MailboxFull { .. } => "mailbox_full".to_owned(),
            Self::TooLarge { .. } => "too_large".to_owned(),
            Self::BodyBroken => "body_broken".to_owned(),
            Self::Full => "store_full".to_owned(),
            Self::Unavailable(_) => "unavailable".to_owned(),
            Self::Internal(_) => "internal".to_owned(),
        }
    }

    /// A rule that a field breaks; `pointer` is a JSON pointer to it, empty where no field alone does.
    pub(crate) fn invalid(pointer: &str, rule: Rule) -> Self {
        Self::Invalid { pointer: pointer.to_owned(), rule }
    }

    pub(crate) fn sorted(transient: bool, error: impl Into<anyhow::Error>) -> Self {
        if transient { Self::Unavailable(error.into()) } else { Self::Internal(error.into()) }
    }
}

impl From<DbError> for ServiceError {
    fn from(error: DbError) -> Self {
        if error.is_unstorable_text() {
            return Self::invalid("", Rule::ZeroCharacter {});
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
            StorageError::NotFound => Self::NotFound(Thing::File {}),
            error => Self::sorted(error.is_transient(), error),
        }
    }
}

/// A mail that cannot be put together is the same the next time.
impl From<ComposeError> for ServiceError {
    fn from(error: ComposeError) -> Self {
        Self::Internal(error.into())
    }
}

/// A key that we made ourselves.
impl From<InvalidKey> for ServiceError {
    fn from(error: InvalidKey) -> Self {
        Self::Internal(error.into())
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
        match error {
            AudioError::Unsupported(fault)
            | AudioError::Empty(fault)
            | AudioError::Malformed(fault)
            | AudioError::Limit(fault) => Self::Audio(fault),
            error => Self::sorted(error.is_transient(), error),
        }
    }
}

impl From<SpeechError> for ServiceError {
    fn from(error: SpeechError) -> Self {
        match error {
            SpeechError::Audio(error) => error.into(),
            SpeechError::Refused(refusal) => Self::invalid("", Rule::BadScript { cause: refusal.to_string() }),
            error => Self::sorted(error.is_transient(), error),
        }
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
        // The queue decides alike where nothing of ours stands between.
        assert!(matches!(JobError::from(DbError::from(sqlx::Error::PoolTimedOut)), JobError::Retry(_)));
        assert!(matches!(JobError::from(DbError::from(sqlx::Error::RowNotFound)), JobError::Discard(_)));
        assert!(matches!(JobError::from(QueueError::UnknownJob(7)), JobError::Discard(_)));
        assert!(matches!(JobError::from(FenceError::Lost), JobError::Retry(_)));
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
