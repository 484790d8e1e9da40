//! Deadlines of database and store while a call core waits for an answer.

use std::time::Duration;

use anyhow::anyhow;

use crate::{circuit_breaker::CircuitBreaker, error::ServiceError};

/// How long the database may take to answer before what a core drops goes to the spool.
const DATABASE: Duration = Duration::from_secs(5);

/// Asks the database under a deadline; while it failed just now, fails at once.
pub(crate) async fn promptly<T>(
    breaker: &CircuitBreaker,
    ask: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, ServiceError> {
    if breaker.is_open() {
        return Err(ServiceError::Unavailable(anyhow!("the database failed just now")));
    }
    let late = |_| Err(ServiceError::Unavailable(anyhow!("the database did not answer within {DATABASE:?}")));
    let answer = tokio::time::timeout(DATABASE, ask).await.unwrap_or_else(late);
    breaker.note(answer.as_ref().is_err_and(ServiceError::is_transient));
    answer
}

/// How long the store may take for as many bytes before a drop goes to the spool.
pub(crate) fn for_store(bytes: u64) -> Duration {
    const SLOWEST_BYTES_A_SECOND: u64 = 1_000_000;
    Duration::from_secs(10 + bytes / SLOWEST_BYTES_A_SECOND)
}
