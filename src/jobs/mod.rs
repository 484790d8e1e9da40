//! What workers do, one kind a file: payload, name, lane, behaviour.

mod listening;
mod media;
pub(crate) mod message;
mod notify_message;
mod render_message;
mod render_prompt;
mod store_recording;
mod synthesize_prompt;
mod transcribe_message;
mod transcribe_recording;

pub use notify_message::NotifyMessage;
pub use render_message::RenderMessage;
pub use render_prompt::RenderPrompt;
pub use store_recording::StoreRecording;
pub use synthesize_prompt::SynthesizePrompt;
pub use transcribe_message::TranscribeMessage;
pub use transcribe_recording::TranscribeRecording;

use crate::{app::App, queue::Registry};

/// Every kind that a worker knows.
pub fn registry() -> Registry<App> {
    Registry::new()
        .with::<RenderMessage>()
        .with::<TranscribeMessage>()
        .with::<NotifyMessage>()
        .with::<RenderPrompt>()
        .with::<SynthesizePrompt>()
        .with::<StoreRecording>()
        .with::<TranscribeRecording>()
}
