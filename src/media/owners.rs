//! Whose media it is: what each kind of owner wants made of it, and who is told how that went.

use crate::{
    app::App,
    db::Connection,
    error::ServiceError,
    events::Event,
    media::{Media, OwnerKind, TranscriptState, plan::Plan},
    messages, prompts, recordings,
    refusal::Failure,
    transaction::Tx,
};

/// How the work on a version went.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Every rendition is there.
    Available,
    /// None can be made, for this reason.
    Failed(Failure),
    /// The words are there, or will not be.
    Transcribed(TranscriptState),
}

/// What is to be made of the media; none when its owner is gone.
pub(crate) async fn plan(app: &App, connection: &mut Connection, media: &Media) -> Result<Option<Plan>, ServiceError> {
    match media.owner_kind {
        OwnerKind::Message => messages::plan::plan(app, connection, media).await,
        OwnerKind::Prompt => prompts::plan::plan(app, connection, media).await,
        OwnerKind::Recording => recordings::plan::plan(app, connection, media).await,
    }
}

/// The rendition that the transcriber hears.
pub(crate) fn heard(kind: OwnerKind) -> &'static str {
    match kind {
        OwnerKind::Message => messages::renditions::ARCHIVE,
        OwnerKind::Recording => recordings::plan::PHONE,
        OwnerKind::Prompt => prompts::plan::PHONE,
    }
}

/// Tells of every owner how the work on its media went.
pub(crate) async fn tell(tx: &mut Tx<'_>, media: &Media, outcome: &Outcome) -> Result<(), ServiceError> {
    let events: Vec<Event> = match media.owner_kind {
        OwnerKind::Message => {
            let messages = messages::rows::of_media(tx.connection(), media.id).await?;
            let event = |(message, mailbox)| match outcome {
                Outcome::Available => Event::MessageAvailable { message, mailbox },
                Outcome::Failed(reason) => Event::MessageFailed { message, mailbox, reason: reason.clone() },
                Outcome::Transcribed(state) => Event::MessageTranscribed { message, mailbox, state: *state },
            };
            messages.into_iter().map(event).collect()
        }
        OwnerKind::Prompt => match prompts::rows::of_media(tx.connection(), media.id).await? {
            Some(prompt) => prompts::versions::settled(tx, prompt, media.version, outcome).await?,
            None => Vec::new(),
        },
        OwnerKind::Recording => {
            let event = |recording| match outcome {
                Outcome::Available => Event::RecordingAvailable { recording },
                Outcome::Failed(reason) => Event::RecordingFailed { recording, reason: reason.clone() },
                Outcome::Transcribed(state) => Event::RecordingTranscribed { recording, state: *state },
            };
            recordings::rows::of_media(tx.connection(), media.id).await?.map(event).into_iter().collect()
        }
    };
    for event in events {
        tx.emit(media.domain_id, event).await?;
    }
    Ok(())
}
