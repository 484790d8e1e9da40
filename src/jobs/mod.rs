//! What workers do, one kind a file: payload, name, lane, behaviour.

mod delivery;
mod forget_blobs;
mod heard_sms;
mod listening;
mod media;
pub(crate) mod message;
pub(crate) mod notices;
mod notify_mailbox;
mod notify_message;
mod purge_trash;
pub(crate) mod remind_mailbox;
mod render_message;
mod render_prompt;
mod send_sms;
mod store_recording;
mod synthesize_prompt;
mod transcribe_message;
mod transcribe_recording;

pub use forget_blobs::ForgetBlobs;
pub use heard_sms::HeardSms;
pub use notices::NoticeError;
pub use notify_mailbox::NotifyMailbox;
pub use notify_message::NotifyMessage;
pub use purge_trash::PurgeTrash;
pub use remind_mailbox::RemindMailbox;
pub use render_message::RenderMessage;
pub use render_prompt::RenderPrompt;
pub use send_sms::SendSms;
pub use store_recording::StoreRecording;
pub use synthesize_prompt::SynthesizePrompt;
pub use transcribe_message::TranscribeMessage;
pub use transcribe_recording::TranscribeRecording;

use crate::{
    app::App,
    db::{domains, mailboxes},
    queue::{QueueError, Registry},
};

/// Every kind that a worker knows.
pub fn registry() -> Registry<App> {
    Registry::new()
        .with::<RenderMessage>()
        .with::<TranscribeMessage>()
        .with::<NotifyMessage>()
        .with::<NotifyMailbox>()
        .with::<SendSms>()
        .with::<RemindMailbox>()
        .with::<HeardSms>()
        .with::<RenderPrompt>()
        .with::<SynthesizePrompt>()
        .with::<StoreRecording>()
        .with::<TranscribeRecording>()
        .with::<PurgeTrash>()
        .with::<ForgetBlobs>()
}

/// Has come again what comes by the calendar, for every domain and every time zone of its mailboxes; for what stands in the
/// calendar it changes nothing.
pub async fn plan(app: &App) -> Result<(), QueueError> {
    let mut transaction = app.database.begin().await?;
    for domain in domains::all(transaction.connection()).await? {
        PurgeTrash::plan(app, transaction.connection(), &domain).await?;
    }
    for (domain, time_zone) in mailboxes::time_zones(transaction.connection()).await? {
        PurgeTrash::plan_for_zone(app, transaction.connection(), domain, &time_zone).await?;
    }
    transaction.commit().await?;
    Ok(())
}
