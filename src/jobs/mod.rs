//! What workers do, one kind a file: payload, name, lane, behaviour.

mod forget_blobs;
mod media;
pub(crate) mod message;
mod notify_message;
mod purge_trash;
mod render_message;
mod render_prompt;
mod store_recording;
mod synthesize_prompt;
mod transcribe_message;

pub use forget_blobs::ForgetBlobs;
pub use notify_message::NotifyMessage;
pub use purge_trash::PurgeTrash;
pub use render_message::RenderMessage;
pub use render_prompt::RenderPrompt;
pub use store_recording::StoreRecording;
pub use synthesize_prompt::SynthesizePrompt;
pub use transcribe_message::TranscribeMessage;

use crate::{
    app::App,
    db::domains,
    queue::{QueueError, Registry},
};

/// Every kind that a worker knows.
pub fn registry() -> Registry<App> {
    Registry::new()
        .with::<RenderMessage>()
        .with::<TranscribeMessage>()
        .with::<NotifyMessage>()
        .with::<RenderPrompt>()
        .with::<SynthesizePrompt>()
        .with::<StoreRecording>()
        .with::<PurgeTrash>()
        .with::<ForgetBlobs>()
}

/// Has come again what comes by the calendar, for every domain that there is; for one that stands in the calendar it
/// changes nothing.
pub async fn plan(app: &App) -> Result<(), QueueError> {
    let mut transaction = app.database.begin().await?;
    for domain in domains::all(transaction.connection()).await? {
        PurgeTrash::plan(app, transaction.connection(), &domain).await?;
    }
    transaction.commit().await?;
    Ok(())
}
