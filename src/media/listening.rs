//! What the jobs that transcribe share: an engine's work on a thread of its own.

use voicemill_queue::{Attempt, Decide, JobError};
use voicemill_speech::{SpeechError, transcribe::TranscribeControl};
use voicemill_types::Transcript;

use crate::messages::TranscriptState;

/// Runs `work`, which hears so many seconds, on a thread of its own; when the attempt ends early, it is told to stop.
pub(crate) async fn transcribe(
    attempt: &Attempt,
    seconds: f64,
    language: Option<String>,
    work: impl FnOnce(&TranscribeControl<'_>) -> Result<Transcript, SpeechError> + Send + 'static,
) -> Result<Transcript, JobError> {
    // The clone keeps the lane's slot until the thread is really done.
    let held = attempt.clone();
    let work = move || {
        let progress = |done: f64| held.report(done / seconds);
        let cancelled = || held.cancellation().is_cancelled();
        work(&TranscribeControl {
            cancelled: Some(&cancelled),
            deadline: Some(held.deadline()),
            progress: Some(&progress),
            language: language.as_deref(),
        })
    };
    let outcome = tokio::task::spawn_blocking(work).await.retry()?;
    outcome.map_err(
        |error| {
            if error.is_transient() { JobError::Retry(error.into()) } else { JobError::Discard(error.into()) }
        },
    )
}

/// Where the work stands once it gave a transcript.
pub(crate) fn state(transcript: &Transcript) -> TranscriptState {
    if transcript.no_speech { TranscriptState::NoSpeech } else { TranscriptState::Available }
}
