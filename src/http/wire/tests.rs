use uuid::Uuid;
use voicemill_types::{DomainId, LinkId, MailboxId, MediaId, MessageId, NoticeId, RenditionId, Time};

use crate::{
    domains::{self, MailAudio},
    http::wire::{Domain, MailTemplate, Mailbox, MailboxSettings, MessageDetails, Pronunciation, ServiceNumber},
    mail_templates, mailboxes,
    mailboxes::{AfterEmail, EmailMode, SmsSettings},
    media::{self, MediaState, Purpose, TranscriptState},
    messages::{self, Folder},
    notices::{self, Medium, NoticeState, Occasion},
    service_numbers,
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

fn at() -> Time {
    Time::from("2026-11-22T14:31:00Z".parse::<jiff::Timestamp>().unwrap())
}

fn shown(answer: impl serde::Serialize) -> String {
    serde_json::to_string_pretty(&answer).unwrap()
}

#[test]
fn a_domain_is_answered() {
    let domain = domains::Domain {
        id: DomainId(uuid(1)),
        name: "acme.example".to_owned(),
        time_zone: "America/New_York".to_owned(),
        locale: "en-US".to_owned(),
        brand: "Acme".to_owned(),
        mail_from: "voicemail@acme.example".to_owned(),
        mail_audio: MailAudio::WavUlaw,
        speech_lufs: Some(-19.0),
        music_lufs: None,
        sms_sender: Some("+14155550100".to_owned()),
        sms_daily_limit: None,
        language: Some("en".to_owned()),
        transcribe_recordings: true,
        created_at: at(),
    };
    insta::assert_snapshot!(shown(Domain::from(domain)));
}

#[test]
fn a_mailbox_is_answered() {
    let mailbox = mailboxes::Mailbox {
        id: MailboxId(uuid(1)),
        domain_id: DomainId(uuid(2)),
        extension: "101".to_owned(),
        name: "Dana".to_owned(),
        email_mode: EmailMode::BriefLink,
        recipients: vec!["dana@acme.example".to_owned()],
        after_email: AfterEmail::MoveToSaved,
        mail_missed_calls: true,
        sms: SmsSettings { reminder_minutes: Some(30), ..SmsSettings::default() },
        transcribe: true,
        transcript_wait_seconds: 60,
        brief_seconds: 30,
        quota_bytes: 25_000_000,
        time_zone: None,
        created_at: at(),
    };
    insta::assert_snapshot!(shown(Mailbox::from(mailbox)));
}

#[test]
fn a_mailbox_is_asked_for_with_numbers_in_either_form_and_nothing_unknown() {
    let read = serde_json::from_str::<MailboxSettings>;
    read(r#"{"sms_recipients": "4155550132,+14155550133"}"#).unwrap();
    read(r#"{"sms_recipients": ["4155550132"]}"#).unwrap();
    assert!(read(r#"{"sms_recipient": "4155550132"}"#).is_err());
}

#[test]
fn a_service_number_is_answered() {
    let number = service_numbers::ServiceNumber {
        domain_id: DomainId(uuid(1)),
        number: "+14155550100".to_owned(),
        recipients: vec!["sales@acme.example".to_owned()],
        email_mode: EmailMode::Attachment,
        created_at: at(),
    };
    insta::assert_snapshot!(shown(ServiceNumber::from(number)));
}

#[test]
fn a_mail_template_is_answered() {
    let template = voicemill_notify::email::MailTemplate {
        domain_id: DomainId(uuid(1)),
        kind: voicemill_notify::email::MailKind::MissedCall,
        subject: "A call".to_owned(),
        body_text: "It was missed.".to_owned(),
        body_html: None,
        created_at: at(),
    };
    insta::assert_snapshot!(shown(MailTemplate::from(mail_templates::CurrentTemplate { own: true, template })));
}

#[test]
fn a_pronunciation_is_answered() {
    use voicemill_speech::synthesize::{self, Said};
    let entries = [Said::As("win".to_owned()), Said::Ipa("wɪn".to_owned())]
        .map(|said| Pronunciation::from(synthesize::Pronunciation { word: "Nguyen".to_owned(), said }));
    insta::assert_snapshot!(shown(entries));
}
