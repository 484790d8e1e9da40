//! Messages, prompts and recordings.

use uuid::Uuid;
use voicemill_audio::PhoneReport;
use voicemill_speech::synthesize::Manner;
use voicemill_types::{
    CallbackNumber, DomainId, LegRole, MailboxId, MediaId, MessageId, PromptId, RecordingId, Transcript,
    TranscriptSegment, TranscriptWord,
};

use super::{at, moment, notice, rendition, shown, uuid};
use crate::{
    arrivals::SpooledArrival,
    http::wire::{AddedLeg, DroppedMessage, MessageDetails, PromptDetails, RecordingDetails, SpooledDrop},
    media::{MediaState, TranscriptState},
    messages::{self, Folder, Received},
    prompts::{self, PromptKind, PromptOrigin},
    recordings::{self, Added},
    refusal::{Failure, WorkFailure},
};

fn report() -> PhoneReport {
    PhoneReport {
        loudness_in_lufs: Some(-31.5),
        loudness_out_lufs: Some(-19.0),
        clipped_peaks: 2,
        band_lost: Some(0.25),
        trimmed_seconds: 1.5,
        truncated: false,
        snr_db: None,
        noise_reduced: false,
        hum_removed: true,
        opposite_phase: false,
    }
}

fn transcript() -> Transcript {
    let word = |text: &str, doubtful| TranscriptWord {
        start_seconds: 0.5,
        end_seconds: 0.75,
        text: text.to_owned(),
        confidence: 0.5,
        doubtful,
    };
    let segment = TranscriptSegment {
        start_seconds: 0.5,
        end_seconds: 2.25,
        text: "Call Robin.".to_owned(),
        role: Some(LegRole::Caller),
        words: vec![word("Call", false), word("Robin.", true)],
    };
    let number = CallbackNumber {
        number: "+14155550132".to_owned(),
        display: "(415) 555-0132".to_owned(),
        extension: None,
        unsure: true,
        start_seconds: 1.0,
        end_seconds: 2.0,
    };
    Transcript {
        text: "Call Robin.".to_owned(),
        no_speech: false,
        not_understood: false,
        segments: vec![segment],
        language: Some("en".to_owned()),
        engine: "whisper 1".to_owned(),
        model: "whisper-base".to_owned(),
        duration_seconds: 4.1,
        callback_numbers: vec![number],
    }
}

/// A voicemail with everything that a row of it holds.
fn message() -> messages::Message {
    messages::Message {
        id: MessageId(uuid(1)),
        domain_id: DomainId(uuid(2)),
        mailbox_id: MailboxId(uuid(3)),
        media_id: MediaId(uuid(4)),
        core_id: Some("msg0001".to_owned()),
        sha256: "secret-digest".to_owned(),
        folder: Folder::New,
        state: MediaState::Available,
        failure: None,
        caller_number: "4155550132".to_owned(),
        caller_name: "Robin Stone".to_owned(),
        service_number: None,
        received_at: at(),
        duration_ms: Some(4_100),
        brief_start_ms: Some(0),
        brief_end_ms: Some(4_100),
        truncated: false,
        waveform: vec![0, 128, 255],
        phone_report: Some(report()),
        transcript_state: TranscriptState::Available,
        read_at: None,
        urgent: false,
        label: None,
        source: None,
        note: None,
        trash_until: None,
        hidden_at: None,
        created_at: at(),
    }
}

fn outlook() -> voicemill_queue::Outlook {
    voicemill_queue::Outlook {
        job: 17,
        state: voicemill_queue::State::Available,
        position: Some(3),
        progress: 0.0,
        expected_seconds: Some(12.5),
    }
}

#[test]
fn a_message_is_answered_without_what_the_database_keeps_for_itself() {
    let details = messages::Details {
        message: message(),
        transcript: Some(transcript()),
        renditions: vec![rendition()],
        notices: vec![notice()],
        queue: None,
    };
    let json = shown(MessageDetails::from(details));
    assert!(!json.contains(&uuid(4).to_string()) && !json.contains(&uuid(7).to_string()), "neither media nor link");
    insta::assert_snapshot!(json);
}

#[test]
fn a_dropped_message_is_answered() {
    let earlier = Some(MessageId(uuid(9)));
    let received = Received { message: message(), fresh: true, same_id_as: earlier };
    insta::assert_snapshot!(shown(DroppedMessage::from(received)));
}

#[test]
fn a_drop_in_the_spool_is_answered() {
    let spooled = SpooledArrival { id: Some(Uuid::from_u128(1)), state: "pending", spooled_at: at() };
    insta::assert_snapshot!(shown(SpooledDrop::from(spooled)));
}

#[test]
fn a_prompt_is_answered() {
    let prompt = prompts::Prompt {
        id: PromptId(uuid(1)),
        domain_id: DomainId(uuid(2)),
        media_id: MediaId(uuid(4)),
        mailbox_id: Some(MailboxId(uuid(3))),
        kind: PromptKind::Greeting,
        name: "Holidays".to_owned(),
        extension: Some("101".to_owned()),
        active: true,
        activates: false,
        served_version: Some(1),
        begun: 2,
        origin: PromptOrigin::Text,
        script: Some("We are closed.".to_owned()),
        voice: Some("heart".to_owned()),
        manner: Manner { rate: 1.25, pauses: 1.0 },
        version: 2,
        state: MediaState::Failed,
        failure: Some(WorkFailure::NotSpoken { cause: "no words".to_owned() }.into()),
        duration_ms: Some(4_100),
        phone_report: Some(report()),
        waveform: vec![0, 128, 255],
        created_at: at(),
    };
    let uses = vec![prompts::Use { kind: "mailbox".to_owned(), owner: "101".to_owned(), place: "greeting".to_owned() }];
    let details = prompts::Details { prompt, renditions: vec![rendition()], uses, queue: Some(outlook()) };
    let json = shown(PromptDetails::from(details));
    assert!(!json.contains(&uuid(4).to_string()), "the sound's id is the database's own");
    insta::assert_snapshot!(json);
}

fn recording() -> recordings::Recording {
    recordings::Recording {
        id: RecordingId(uuid(1)),
        domain_id: DomainId(uuid(2)),
        media_id: MediaId(uuid(4)),
        call_id: "call-1".to_owned(),
        take: 1,
        completed_at: Some(at()),
        state: MediaState::Failed,
        reason: Some(Failure::Work(WorkFailure::NoMedia {})),
        caller_number: "4155550132".to_owned(),
        callee_number: "101".to_owned(),
        started_at: moment().into(),
        duration_ms: Some(61_000),
        skew_ms: Some(-20),
        waveform: Vec::new(),
        transcript_state: TranscriptState::Off,
        created_at: at(),
    }
}

#[test]
fn a_recording_is_answered() {
    let details = recordings::Details {
        recording: recording(),
        transcript: Some(transcript()),
        renditions: vec![rendition()],
        queue: Some(outlook()),
    };
    let json = shown(RecordingDetails::from(details));
    assert!(!json.contains(&uuid(4).to_string()), "the sound's id is the database's own");
    insta::assert_snapshot!(json);
}

#[test]
fn a_leg_is_answered_with_the_recording_that_has_it() {
    let added = Added { recording: recording(), kept: true, same_call_as: Some(RecordingId(uuid(9))) };
    insta::assert_snapshot!(shown(AddedLeg::from(added)));
}
