//! What workers do, one kind a file: payload, name, lane, behaviour.

pub mod operate;

use voicemill_queue::Registry;

use crate::{
    app::App,
    media::{ForgetBlobs, RenderMedia, TranscribeMedia},
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
        .with::<ForgetBlobs>()
        .with::<DeliverEvent>()
}
