//! A template that a domain writes, as text and as HTML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voicemill_notify::email::{MailKind, MailTemplate, check_template};
use voicemill_types::{DomainId, Time};

fuzz_target!(|source: &str| {
    let template = MailTemplate {
        domain_id: DomainId(uuid::Uuid::nil()),
        kind: MailKind::Voicemail,
        subject: "a subject".to_owned(),
        body_text: source.to_owned(),
        body_html: Some(source.to_owned()),
        created_at: Time::from_microseconds(0),
    };
    let _ = check_template(&template);
});
