//! What can go wrong with a store.

use std::io;

use crate::InvalidKey;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Nothing lies under the key.
    #[error("there is nothing under this key in the store")]
    NotFound,
    /// Something lies under the key already; keys are never written twice.
    #[error("this key of the store is taken already")]
    AlreadyExists,
    /// The body has more bytes than it was allowed.
    #[error("the body is larger than the limit of {limit} bytes")]
    TooLarge {
        /// How many it was allowed.
        limit: u64,
    },
    /// The range asked for holds no byte of the blob.
    #[error("the range lies outside the blob of {bytes} bytes")]
    OutOfRange {
        /// The size of the whole blob.
        bytes: u64,
    },
    /// There is no room left, or less than is to be kept free.
    #[error("the store is full")]
    Full,
    /// The body ended with an error of its own.
    #[error("the body broke off")]
    Body(#[source] io::Error),
    /// Text that was meant to be a key is none.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The store itself failed: the disk, the network or the service.
    #[error("the store could not {doing}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl StorageError {
    /// What went wrong as one stable word, for logs, metrics and clients; the parameters are in the variants' fields.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::TooLarge { .. } => "too_large",
            Self::OutOfRange { .. } => "out_of_range",
            Self::Full => "full",
            Self::Body(_) => "body_broken",
            Self::Key(_) => "invalid_key",
            Self::Io { .. } => "unavailable",
        }
    }

    /// True when the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Full | Self::Io { .. })
    }

    /// Turns a failure of the system into ours; for `map_err`.
    pub(crate) fn io(doing: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { doing, source },
        }
    }

    /// Names a failure whose cause is that the blob is not there, or is there already.
    pub(crate) fn of_the_blob(self) -> Self {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Self::NotFound,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => Self::AlreadyExists,
            other => other,
        }
    }
}

impl From<StorageError> for io::Error {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Body(source) | StorageError::Io { source, .. } => source,
            other => Self::other(other),
        }
    }
}
