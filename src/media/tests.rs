//! The state machine of media: what comes too late changes nothing.

use voicemill_audio::format::Fault;
use voicemill_sql::Kind;
use voicemill_types::{Time, Transcript};

use super::{
    Media, MediaState, OwnerKind, TranscriptState,
    state::{self, Facts},
};
use crate::{
    refusal::{Failure, WorkFailure},
    testing::{Opened, on_both, open},
};

on_both!(
    a_render_that_ends_after_a_purge_leaves_nothing,
    a_version_is_made_available_once,
    what_is_available_cannot_fail,
    what_was_noted_is_why_a_version_failed,
    a_failed_version_can_be_made_anew,
    of_two_that_replace_a_version_one_wins,
    a_transcript_is_stored_once_and_only_where_one_is_wanted,
);

async fn stored(opened: &Opened, transcript: TranscriptState) -> Media {
    let media = Media::new(opened.domain.id, OwnerKind::Prompt, transcript, Time::from(opened.app.clock.now()));
    let mut tx = opened.app.begin().await.unwrap();
    state::create(tx.connection(), &media).await.unwrap();
    tx.commit().await.unwrap();
    media
}

/// Makes a change in a transaction of its own.
macro_rules! changed {
    ($opened:expr, $change:ident($($argument:expr),*)) => {{
        let mut tx = $opened.app.begin().await.unwrap();
        let changed = state::$change(tx.connection(), $($argument),*).await.unwrap();
        tx.commit().await.unwrap();
        changed
    }};
}

async fn state_of(opened: &Opened, media: &Media) -> Option<(i64, MediaState)> {
    state::look(&mut opened.app.database.read().await.unwrap(), media.id).await.unwrap()
}

async fn a_render_that_ends_after_a_purge_leaves_nothing(kind: Kind) {
    let opened = open(kind).await;
    let media = stored(&opened, TranscriptState::Off).await;
    let mut tx = opened.app.begin().await.unwrap();
    super::rows::delete_unused(tx.connection(), media.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!changed!(opened, rendered((media.id, 1), &Facts::default(), TranscriptState::Off)));
    assert_eq!(state_of(&opened, &media).await, None);
}

async fn a_version_is_made_available_once(kind: Kind) {
    let opened = open(kind).await;
    let media = stored(&opened, TranscriptState::Off).await;
    assert!(!changed!(opened, rendered((media.id, 2), &Facts::default(), TranscriptState::Off)), "none such has begun");
    assert!(changed!(opened, rendered((media.id, 1), &Facts::default(), TranscriptState::Off)));
    assert!(!changed!(opened, rendered((media.id, 1), &Facts::default(), TranscriptState::Off)));
}

async fn what_is_available_cannot_fail(kind: Kind) {
    let opened = open(kind).await;
    let media = stored(&opened, TranscriptState::Off).await;
    assert!(changed!(opened, rendered((media.id, 1), &Facts::default(), TranscriptState::Off)));
    assert_eq!(changed!(opened, failed((media.id, 1))), None);
    assert!(!changed!(opened, none(media.id, &WorkFailure::NoMedia {}.into())));
    assert_eq!(state_of(&opened, &media).await, Some((1, MediaState::Available)));
}

async fn what_was_noted_is_why_a_version_failed(kind: Kind) {
    let opened = open(kind).await;
    let media = stored(&opened, TranscriptState::Off).await;
    let failure = Failure::Audio(Fault::ImpossibleRate { rate_hz: 5 });
    changed!(opened, note_failure((media.id, 1), &failure));
    assert_eq!(state_of(&opened, &media).await, Some((1, MediaState::Pending)), "its job has not been given up yet");
    assert_eq!(changed!(opened, failed((media.id, 1))), Some(failure));
    assert_eq!(changed!(opened, failed((media.id, 1))), None, "once");
}

async fn a_failed_version_can_be_made_anew(kind: Kind) {
    let opened = open(kind).await;
    let media = stored(&opened, TranscriptState::Off).await;
    assert_eq!(changed!(opened, failed((media.id, 1))), Some(WorkFailure::GivenUp {}.into()));
    assert!(changed!(opened, rendered((media.id, 1), &Facts::default(), TranscriptState::Off)));
    assert_eq!(state_of(&opened, &media).await, Some((1, MediaState::Available)));
}

async fn of_two_that_replace_a_version_one_wins(kind: Kind) {
    let opened = open(kind).await;
    let media = stored(&opened, TranscriptState::Off).await;
    assert!(changed!(opened, begin_version(media.id, 1)));
    assert!(!changed!(opened, begin_version(media.id, 1)));
    assert_eq!(changed!(opened, failed((media.id, 1))), None);
    assert_eq!(state_of(&opened, &media).await, Some((2, MediaState::Pending)), "the good upload stays");
}

async fn a_transcript_is_stored_once_and_only_where_one_is_wanted(kind: Kind) {
    let opened = open(kind).await;
    let now = Time::from(opened.app.clock.now());
    let words = Transcript { no_speech: true, ..Transcript::default() };
    let unwanted = stored(&opened, TranscriptState::Off).await;
    assert!(!changed!(opened, transcribed((unwanted.id, 1), &words, now)));
    let wanted = stored(&opened, TranscriptState::Pending).await;
    assert!(changed!(opened, transcribed((wanted.id, 1), &words, now)));
    assert!(!changed!(opened, transcribed((wanted.id, 1), &words, now)));
    assert!(!changed!(opened, not_transcribed((wanted.id, 1))), "what is there cannot fail");
    let mut connection = opened.app.database.read().await.unwrap();
    assert_eq!(state::transcript(&mut connection, wanted.id).await.unwrap(), Some(words));
    assert_eq!(state::transcript(&mut connection, unwanted.id).await.unwrap(), None);
}
