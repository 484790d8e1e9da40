//! What the SDK says, in our terms.

use std::io;

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
};

use crate::StorageError;

/// A request that failed: the service's answer, or why there was none.
#[derive(Debug)]
pub(super) struct Failed {
    status: Option<u16>,
    code: String,
    text: String,
}

impl Failed {
    /// The HTTP status, if the service answered.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// True when the service answered that it does not take the request as it was made.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.status, Some(400 | 405 | 411 | 412 | 415 | 501))
    }

    /// True when a condition did not hold, or somebody else is at it right now.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.status, Some(409 | 412))
    }

    pub(super) fn into_error(self, doing: &'static str) -> StorageError {
        match (self.status, self.code.as_str()) {
            // A bucket that is gone is no blob that is gone.
            (Some(404), code) if code != "NoSuchBucket" && code != "NoSuchUpload" => StorageError::NotFound,
            (Some(507), _) | (_, "XMinioStorageFull" | "QuotaExceeded" | "InsufficientStorage") => StorageError::Full,
            _ => StorageError::Io { doing, source: io::Error::other(self.text) },
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (code, message) = error
            .as_service_error()
            .map(|error| (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned()))
            .unwrap_or_default();
        let text = match status {
            Some(status) if !code.is_empty() => format!("the service answered {status} {code}: {message}"),
            Some(status) => format!("the service answered {status}"),
            None => DisplayErrorContext(&error).to_string(),
        };
        Self { status, code, text }
    }
}

/// Something that the protocol does not know.
pub(super) fn unexpected(
    doing: &'static str,
    what: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StorageError {
    StorageError::Io { doing, source: io::Error::other(what) }
}
