//! What a worker says of failures that it gets over by itself.

use super::QueueError;

/// Logs what will be tried again.
pub(super) fn log_failure(what: &str, error: &QueueError) {
    tracing::warn!(error = error as &dyn std::error::Error, "{what}");
}
