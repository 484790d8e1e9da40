//! What workers do, one kind a file: payload, name, lane, behaviour.

pub mod operate;

use voicemill_queue::{QueueError, Registry};

use crate::{
    app::App,
    domains, mailboxes,
    media::{ForgetBlobs, RenderMedia, TranscribeMedia},
    messages::PurgeTrash,
    notices::{NotifyMailbox, NotifyMessage, RemindMailbox, SendSms, SmsCallback},
    prompts::SynthesizePrompt,
    pronunciations::SpeakAnew,
    webhooks::DeliverEvent,
};

/// Every kind that a worker knows.
pub fn registry() -> Registry<App> {
    Registry::new()
        .with::<RenderMedia>()
        .with::<TranscribeMedia>()
        .with::<NotifyMessage>()
        .with::<NotifyMailbox>()
        .with::<SendSms>()
        .with::<RemindMailbox>()
        .with::<SmsCallback>()
        .with::<SynthesizePrompt>()
        .with::<SpeakAnew>()
        .with::<PurgeTrash>()
        .with::<ForgetBlobs>()
        .with::<DeliverEvent>()
}

/// Has come again what comes by the calendar, for every domain and every time zone of its mailboxes; for what stands in the
/// calendar it changes nothing.
pub async fn plan(app: &App) -> Result<(), QueueError> {
    let mut transaction = app.begin().await?;
    for domain in domains::rows::all(transaction.connection()).await? {
        PurgeTrash::plan(&mut transaction, &domain).await?;
    }
    for (domain, time_zone) in mailboxes::rows::time_zones(transaction.connection()).await? {
        PurgeTrash::plan_for_zone(&mut transaction, domain, &time_zone).await?;
    }
    transaction.commit().await?;
    Ok(())
}
