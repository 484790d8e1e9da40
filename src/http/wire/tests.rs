use uuid::Uuid;
use voicemill_types::{DomainId, LinkId, MailboxId, MediaId, MessageId, NoticeId, RenditionId, Time};

use crate::{
    http::wire::MessageDetails,
    mailboxes::EmailMode,
    media::{self, MediaState, Purpose, TranscriptState},
    messages::{self, Folder},
    notices::{self, Medium, NoticeState, Occasion},
};

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A voicemail with everything that a row of it holds, secrets among it.
fn details() -> messages::Details {
    let at = Time::from("2026-11-22T14:31:00Z".parse::<jiff::Timestamp>().unwrap());
    let message = messages::Message {
        id: MessageId(uuid(1)),
        domain_id: DomainId(uuid(2)),
        mailbox_id: MailboxId(uuid(3)),
        media_id: MediaId(uuid(4)),
        core_id: "msg0001".to_owned(),
        sha256: "secret-digest".to_owned(),
        folder: Folder::New,
        state: MediaState::Available,
        failure: None,
        caller_number: "4155550132".to_owned(),
        caller_name: "Robin Stone".to_owned(),
        service_number: None,
        received_at: at,
        duration_ms: Some(4_100),
        brief_start_ms: Some(0),
        brief_end_ms: Some(4_100),
        truncated: false,
        waveform: vec![0, 128, 255],
        phone_report: None,
        transcript_state: TranscriptState::Off,
        read_at: None,
        created_at: at,
    };
    let rendition = media::Rendition {
        id: RenditionId(uuid(5)),
        media_id: message.media_id,
        version: 1,
        name: "browser-mp3".to_owned(),
        purpose: Purpose::Browser,
        format: "mp3".to_owned(),
        content_type: "audio/mpeg".to_owned(),
        rate_hz: 16_000,
        duration_ms: 4_100,
        bytes: 12_345,
        sha256: "ab".repeat(32),
        key: "secret-key".to_owned(),
        created_at: at,
    };
    let notice = notices::Notice {
        id: NoticeId(uuid(6)),
        domain_id: message.domain_id,
        mailbox_id: message.mailbox_id,
        message_id: Some(message.id),
        medium: Medium::Mail,
        occasion: Occasion::Message,
        event: "secret-event".to_owned(),
        recipient: "dana@acme.example".to_owned(),
        mode: Some(EmailMode::Link),
        state: NoticeState::Accepted,
        link_id: Some(LinkId(uuid(7))),
        internet_message_id: Some("<6@acme.example>".to_owned()),
        mail_key: Some("secret-mail-key".to_owned()),
        body: Some("secret-body".to_owned()),
        parts: None,
        reference: None,
        answer: Some("250 2.0.0 OK".to_owned()),
        moved_to: None,
        missed_call: None,
        created_at: at,
        settled_at: Some(at),
    };
    messages::Details { message, transcript: None, renditions: vec![rendition], notices: vec![notice], queue: None }
}

#[test]
fn a_message_is_answered_without_what_the_database_keeps_for_itself() {
    let json = serde_json::to_string_pretty(&MessageDetails::from(details())).unwrap();
    assert!(!json.contains("secret"), "{json}");
    assert!(!json.contains(&uuid(4).to_string()) && !json.contains(&uuid(7).to_string()), "neither media nor link");
    insta::assert_snapshot!(json);
}
