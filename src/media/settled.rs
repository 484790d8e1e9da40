//! Waiting for the work on media.

use std::time::Duration;

use tokio::{sync::broadcast::error::RecvError, time::Instant};
use uuid::Uuid;
use voicemill_types::MediaId;

use crate::{
    app::App,
    error::ServiceError,
    media::{MediaState, state},
};

/// How often somebody who waits looks, though nothing was heard: the work may be done by another process.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Waits until a version is pending no more, another has begun, or it is `until`; true if it is pending no more.
///
/// It looks when an event of the media's `owner` is committed in this process, and once a second; a look asks for version and
/// state alone.
pub async fn settled(
    app: &App,
    owner: Uuid,
    (media, version): (MediaId, i64),
    until: Instant,
) -> Result<bool, ServiceError> {
    // Before the first look, so that what is committed after it is heard.
    let mut committed = app.events.subscribe();
    loop {
        let looked = state::look(&mut app.database.read().await?, media).await?;
        if looked.is_none_or(|(latest, state)| latest != version || state != MediaState::Pending) {
            return Ok(true);
        }
        let next_look = Instant::now() + LOOK_EVERY;
        loop {
            let heard = tokio::time::timeout_at(next_look.min(until), committed.recv()).await;
            match heard {
                Ok(Ok(event)) if event.subject().1 != owner => {}
                Ok(Ok(_) | Err(RecvError::Lagged(_))) => break,
                // Nothing more will be heard while the service ends.
                Ok(Err(RecvError::Closed)) => return Ok(false),
                Err(_) if Instant::now() >= until => return Ok(false),
                Err(_) => break,
            }
        }
    }
}
