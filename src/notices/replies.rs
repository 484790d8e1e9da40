//! What the provider of SMS tells us: made durable as jobs before it is confirmed.

use crate::refusal::{Rule, Thing};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use voicemill_notify::sms::{BadCallback, Call, Callback, Incoming};
use voicemill_queue::NewJob;

use crate::{app::App, error::ServiceError, notices::SmsCallback};

/// Takes a call of the provider to our webhook; the key in its address says that it is the provider, and so does whatever
/// proof the provider has beside it.
///
/// # Errors
/// [`ServiceError::NotFound`] for another key, [`ServiceError::Unproven`] without the proof.
pub async fn receive(app: &App, key: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), ServiceError> {
    if !is_webhook_key(app, key) {
        return Err(ServiceError::NotFound(Thing::Address {}));
    }
    // As the provider knows it, whatever stands between it and this process.
    let asked = if query.is_empty() { String::new() } else { format!("?{query}") };
    let url = format!("{}/hooks/sms/{key}{asked}", app.config.http.public_url);
    match app.sms.parse(&Call { url: &url, headers, body, at: app.clock.now() }) {
        Ok(callbacks) => keep(app, callbacks).await,
        Err(BadCallback::Unproven(why)) => {
            tracing::warn!(why, "a call to the webhook of SMS was refused");
            Err(ServiceError::Unproven { missing: why })
        }
        Err(BadCallback::Unreadable(why)) => Err(ServiceError::invalid("", Rule::BadReport { cause: why.to_owned() })),
    }
}

/// Whether a call with this key in its address comes from the provider.
pub fn is_webhook_key(app: &App, key: &str) -> bool {
    let configured = app.config.sms.as_ref().and_then(|sms| sms.webhook_key.as_ref());
    configured.is_some_and(|right| bool::from(right.expose_secret().as_bytes().ct_eq(key.as_bytes())))
}

/// Takes what comes back over the provider's own connection, until told to stop.
pub async fn listen(app: &App, shutdown: CancellationToken) {
    loop {
        let Incoming { callback, taken } = tokio::select! {
            incoming = app.sms.next() => incoming,
            () = shutdown.cancelled() => return,
        };
        let kept = keep(app, vec![callback]).await;
        if let Err(error) = &kept {
            tracing::warn!(%error, "what the provider of SMS said could not be kept; it will say it again");
        }
        // Where nobody waits any more, the provider says it again.
        let _ = taken.send(kept.is_ok());
    }
}

async fn keep(app: &App, callbacks: Vec<Callback>) -> Result<(), ServiceError> {
    if callbacks.is_empty() {
        return Ok(());
    }
    let mut transaction = app.begin().await?;
    for callback in callbacks {
        // Whose it is will be known when it is looked up.
        let job = SmsCallback { callback };
        transaction.enqueue(NewJob::new(uuid::Uuid::nil(), &job)).await?;
    }
    transaction.commit().await?;
    Ok(())
}
