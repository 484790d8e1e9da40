//! What people and operators set.

use voicemill_speech::synthesize::{self, Gender, Phonetic, VoiceId};
use voicemill_types::{ApiKeyId, DomainId, MailboxId, PlaylistId, PromptId, ServiceNumberId, WebhookId};

use super::{at, shown, uuid};
use crate::{
    domains::{self, MailAudio},
    http::wire::{AllCounts, Domain, Key, MailTemplate, Mailbox, Pronunciation, ServiceNumber, Voice, Webhook},
    keys::{ApiKey, KeyScope},
    mail_templates,
    mailboxes::{self, AfterEmail, EmailMode, Playback, SmsSettings, counts},
    service_numbers::{self, Filled, Slot},
    webhooks::{self, ContentType, Include, WebhookState},
};

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
        version: 1,
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
        enabled: true,
        copy_to: vec!["102".to_owned()],
        playback: Playback { locale: Some("en-GB".to_owned()), announce_caller: false, ..Playback::default() },
        version: 1,
        created_at: at(),
    };
    insta::assert_snapshot!(shown(Mailbox::from(mailbox)));
}

#[test]
fn a_service_number_is_answered() {
    let number = service_numbers::ServiceNumber {
        id: ServiceNumberId(uuid(2)),
        domain_id: DomainId(uuid(1)),
        number: "+14155550100".to_owned(),
        recipients: vec!["sales@acme.example".to_owned()],
        email_mode: EmailMode::Attachment,
        announce_position: true,
        announce_waiting_time: false,
        announce_seconds: 60,
        playlist_id: Some(PlaylistId(uuid(3))),
        created_at: at(),
    };
    let filled = vec![Filled { slot: Slot::Closed, prompt_id: PromptId(uuid(4)) }];
    let details = service_numbers::Details { number, playlist: Some("lobby".to_owned()), filled };
    insta::assert_snapshot!(shown(ServiceNumber::from(details)));
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
    let entries = [Phonetic::Respelling("win".to_owned()), Phonetic::Ipa("wɪn".to_owned())]
        .map(|phonetic| Pronunciation::from(synthesize::Pronunciation { word: "Nguyen".to_owned(), phonetic }));
    insta::assert_snapshot!(shown(entries));
}

#[test]
fn a_voice_is_answered() {
    let voice = synthesize::Voice {
        id: VoiceId::from_static("heart"),
        language: "en-US".into(),
        gender: Some(Gender::Female),
        model: "kokoro".into(),
        speed: Some(2.5),
        ready: true,
    };
    insta::assert_snapshot!(shown(Voice::from(voice)));
}

#[test]
fn a_key_is_shown_once() {
    let key = ApiKey {
        id: ApiKeyId(uuid(1)),
        scope: KeyScope::Core,
        domain_id: Some(DomainId(uuid(2))),
        name: "the core in Lyon".to_owned(),
        addresses: vec!["192.0.2.0/24".parse().unwrap()],
        created_at: at(),
        last_used_at: None,
        previous_until: None,
        revoked_at: None,
    };
    assert!(!shown(Key::from(key.clone())).contains("\"key\""));
    insta::assert_snapshot!(shown(Key::with_secret((key, "vm_AbC".to_owned()))));
}

#[test]
fn the_counts_of_a_mailbox_are_answered() {
    let counts = mailboxes::Counts { new: 1, old: 2, urgent_new: 0, trash: 3, bytes: 4_096 };
    let all = counts::All { own: counts, groups: vec![("sales".to_owned(), counts)] };
    insta::assert_snapshot!(shown(AllCounts::from(all)));
}

#[test]
fn a_webhook_is_answered_without_its_secrets() {
    let hook = webhooks::Webhook {
        id: WebhookId(uuid(1)),
        domain_id: DomainId(uuid(2)),
        name: "CRM".to_owned(),
        url: "https://crm.example/voicemail".to_owned(),
        types: vec!["message.available".to_owned()],
        include: vec![Include::Transcript],
        content_type: ContentType::CloudEvents,
        state: WebhookState::Disabled,
        reason: Some("it was disabled by hand".to_owned()),
        secret: "secret-now".to_owned(),
        previous_secret: Some("secret-before".to_owned()),
        previous_until: Some(at()),
        delivered_at: at(),
        dead: 0,
        version: 1,
        created_at: at(),
    };
    insta::assert_snapshot!(shown(Webhook::from(hook.clone())));
    let made = serde_json::to_value(Webhook::with_secret((hook, "whsec_new".to_owned()))).unwrap();
    assert_eq!(made["secret"], "whsec_new", "to who made it");
}
