//! What is answered, letter by letter: a changed snapshot is a changed API.

mod requests;
mod settings;
mod sound;
mod work;

use uuid::Uuid;
use voicemill_types::{DomainId, LinkId, MailboxId, MediaId, MessageId, NoticeId, RenditionId, Time};

use crate::{
    mailboxes::EmailMode,
    media::{self, Purpose},
    notices::{self, Medium, NoticeState, Occasion},
};

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn moment() -> jiff::Timestamp {
    "2026-11-22T14:31:00Z".parse().unwrap()
}

fn at() -> Time {
    Time::from(moment())
}

fn shown(answer: impl serde::Serialize) -> String {
    let json = serde_json::to_string_pretty(&answer).unwrap();
    assert!(!json.contains("secret-"), "it is the database's own: {json}");
    json
}

fn rendition() -> media::Rendition {
    media::Rendition {
        id: RenditionId(uuid(5)),
        media_id: MediaId(uuid(4)),
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
        created_at: at(),
    }
}

fn notice() -> notices::Notice {
    notices::Notice {
        id: NoticeId(uuid(6)),
        domain_id: DomainId(uuid(2)),
        mailbox_id: MailboxId(uuid(3)),
        message_id: Some(MessageId(uuid(1))),
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
        created_at: at(),
        settled_at: Some(at()),
    }
}
