//! What is asked for.

use serde::de::DeserializeOwned;
use voicemill_speech::text::parts;

use crate::{
    domains,
    http::wire::{
        Announcement, DomainChanges, JobFilter, MailboxSettings, MissedCallReport, NewDomain, NewSpokenPrompt,
        NewWebhook, Replay,
    },
    jobs::operate,
    mailboxes, webhooks,
};

fn read<T: DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

#[test]
fn a_mailbox_is_asked_for_with_numbers_in_either_form_and_nothing_unknown() {
    read::<MailboxSettings>(r#"{"sms_recipients": "4155550132,+14155550133"}"#);
    read::<MailboxSettings>(r#"{"sms_recipients": ["4155550132"]}"#);
    assert!(serde_json::from_str::<MailboxSettings>(r#"{"sms_recipient": "4155550132"}"#).is_err());
}

#[test]
fn whole_numbers_are_taken_as_php_writes_them() {
    let settings: MailboxSettings = read(
        r#"{"reminder_minutes": 55.0, "transcript_wait_seconds": 60.0, "brief_seconds": 30.0, "quota_bytes": 2.5e7}"#,
    );
    let settings = mailboxes::MailboxSettings::from(settings);
    assert_eq!(
        (settings.reminder_minutes, settings.transcript_wait_seconds, settings.brief_seconds, settings.quota_bytes),
        (Some(55), Some(60), Some(30), Some(25_000_000))
    );
    let new = domains::NewDomain::from(read::<NewDomain>(r#"{"name": "acme.example", "sms_daily_limit": 100.0}"#));
    assert_eq!(new.sms_daily_limit, Some(100));
    let limit = |json| domains::DomainChanges::from(read::<DomainChanges>(json)).sms_daily_limit;
    assert_eq!(limit(r#"{"sms_daily_limit": 100.0}"#), Some(Some(100)));
    assert_eq!((limit(r#"{"sms_daily_limit": null}"#), limit("{}")), (Some(None), None));
    let filter = operate::Filter::from(read::<JobFilter>(r#"{"before": 17.0, "limit": 5.0}"#));
    assert_eq!((filter.before, filter.limit), (Some(17), Some(5)));
    assert_eq!(webhooks::Replay::from(read::<Replay>(r#"{"after": 7.0}"#)).after, 7);
    let announcement: Announcement = read(r#"{"parts": [{"ordinal": 3.0}, {"queue": {"position": 2.0}}]}"#);
    let parts: Vec<_> = announcement.parts.into_iter().map(parts::Part::from).collect();
    assert_eq!(parts, [parts::Part::Ordinal(3), parts::Part::Queue { position: 2, waiting_seconds: None }]);
}

/// A misspelled setting would otherwise be taken for one that was left out.
#[test]
fn nothing_unknown_is_asked_for() {
    fn refuses<T: DeserializeOwned>(known: &str) {
        assert!(serde_json::from_str::<T>(known).is_ok(), "{known}");
        let more = known.replacen('{', r#"{"nonsense": 1, "#, 1).replace(", }", "}");
        let error = serde_json::from_str::<T>(&more).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("unknown field `nonsense`"), "{more}: {error}");
    }
    refuses::<MailboxSettings>("{}");
    refuses::<MissedCallReport>("{}");
    refuses::<Replay>("{}");
    refuses::<JobFilter>("{}");
    refuses::<DomainChanges>("{}");
    refuses::<Announcement>(r#"{"parts": []}"#);
    refuses::<NewWebhook>(r#"{"url": "https://crm.example"}"#);
    refuses::<NewSpokenPrompt>(r#"{"kind": "greeting", "name": "Hi", "script": "Hi"}"#);
}
