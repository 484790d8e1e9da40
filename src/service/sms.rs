//! What the provider of SMS tells us: made durable as jobs before it is confirmed.

use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

use super::ServiceError;
use crate::{
    app::App,
    jobs::HeardSms,
    notify::sms::{Heard, Incoming},
    queue::NewJob,
};

/// Takes a call of the provider to our webhook; the key in its address says that it is the provider.
pub async fn hear(app: &App, key: &str, query: &str, content_type: &str, body: &[u8]) -> Result<(), ServiceError> {
    let configured = app.config.sms.as_ref().and_then(|sms| sms.webhook_key.as_ref());
    let is_right = configured.is_some_and(|right| bool::from(right.reveal().as_bytes().ct_eq(key.as_bytes())));
    if !is_right {
        return Err(ServiceError::NotFound("address"));
    }
    let heard = app.sms.hear(query, content_type, body).map_err(|error| ServiceError::Invalid(error.to_owned()))?;
    keep(app, heard).await
}

/// Takes what comes back over the provider's own connection, until told to stop.
pub async fn listen(app: &App, shutdown: CancellationToken) {
    loop {
        let Incoming { heard, taken } = tokio::select! {
            incoming = app.sms.next() => incoming,
            () = shutdown.cancelled() => return,
        };
        let kept = keep(app, vec![heard]).await;
        if let Err(error) = &kept {
            tracing::warn!(%error, "what the provider of SMS said could not be kept; it will say it again");
        }
        // Where nobody waits any more, the provider says it again.
        let _ = taken.send(kept.is_ok());
    }
}

async fn keep(app: &App, heard: Vec<Heard>) -> Result<(), ServiceError> {
    if heard.is_empty() {
        return Ok(());
    }
    let mut transaction = app.database.begin().await?;
    for heard in heard {
        // Whose it is will be known when it is looked up.
        let job = HeardSms { heard };
        app.queue.enqueue(transaction.connection(), NewJob::new(uuid::Uuid::nil(), &job)).await?;
    }
    transaction.commit().await?;
    app.queue.wake();
    Ok(())
}
