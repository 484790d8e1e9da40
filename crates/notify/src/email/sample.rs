//! Facts of mails that never were, to try a domain's templates on before they are saved.

use std::time::Duration;

use super::{
    assemble::Attachment,
    compose::{AudioPart, MailLink, TranscriptPart, VoicemailMail},
    mailbox::{MailboxMail, MailboxNews},
    overrides::{self, TemplateError},
};
use crate::email::{MailKind, MailTemplate};
use voicemill_types::{CallbackNumber, NoticeId, Run, Time};

/// When all samples are: 22 November 2026.
const THEN: Time = Time::from_microseconds(1_795_366_800_000_000);

/// Tries a template on every form that the facts of such a mail take.
pub fn check_template(template: &MailTemplate) -> Result<(), TemplateError> {
    match template.kind {
        MailKind::Voicemail | MailKind::VoicemailBrief => {
            let link = MailLink { url: "https://vm.example.com/l/sample", expires_at: THEN };
            let attachment = Attachment { bytes: &[], file_name: "voicemail.wav", content_type: "audio/wav" };
            let said = |text: String, doubtful| Run { text, doubtful };
            let short = [said("Please call me back,".to_owned(), false), said("Robin.".to_owned(), true)];
            let long = [said("A word of the caller's. ".repeat(1_000), false)];
            let number = [CallbackNumber {
                number: "+14155550132".to_owned(),
                display: "(415) 555-0132".to_owned(),
                extension: None,
                unsure: false,
                start_seconds: 1.0,
                end_seconds: 3.0,
            }];
            for (audio, transcript, caller) in [
                (AudioPart::Link(link), TranscriptPart::Text(&short), ("Robin Stone", "+14155550132")),
                (AudioPart::Attached(attachment), TranscriptPart::Pending, ("", "")),
                (
                    AudioPart::LinkInstead { link, bytes: 30_000_000, limit: Some(25_000_000) },
                    TranscriptPart::Text(&long),
                    ("", "+14155550132"),
                ),
            ] {
                let mail = voicemail(template.kind == MailKind::VoicemailBrief, audio, transcript, &number, caller);
                overrides::render(template, &mail.facts())?;
            }
        }
        MailKind::MailboxFull => check_mailbox(template, MailboxNews::Full { quota_bytes: 25_000_000 })?,
        MailKind::MissedCall => {
            for (caller_name, caller_number) in [("Robin Stone", "+14155550132"), ("", "")] {
                check_mailbox(template, MailboxNews::MissedCall { caller_name, caller_number, called_at: THEN })?;
            }
        }
        MailKind::Unheard => {
            for (caller_name, caller_number, reason) in
                [("Robin Stone", "+14155550132", Some("The file is damaged.")), ("", "", None)]
            {
                let called_at = THEN;
                check_mailbox(template, MailboxNews::Unheard { caller_name, caller_number, called_at, reason })?;
            }
        }
    }
    Ok(())
}

fn check_mailbox(template: &MailTemplate, news: MailboxNews<'_>) -> Result<(), TemplateError> {
    let mail = MailboxMail {
        notice_id: NoticeId(uuid::Uuid::nil()),
        date: THEN,
        from: "voicemail@example.com",
        to: "dana@example.com",
        brand: "Acme",
        mailbox: "Dana (101)",
        time_zone: "UTC",
        locale: "en-US",
        news,
    };
    overrides::render(template, &mail.facts()).map(drop)
}

fn voicemail<'a>(
    brief: bool,
    audio: AudioPart<'a>,
    transcript: TranscriptPart<'a>,
    number: &'a [CallbackNumber],
    (caller_name, caller_number): (&'a str, &'a str),
) -> VoicemailMail<'a> {
    let says_a_number = matches!(transcript, TranscriptPart::Text(_));
    VoicemailMail {
        notice_id: NoticeId(uuid::Uuid::nil()),
        date: THEN,
        from: "voicemail@example.com",
        to: "dana@example.com",
        brand: "Acme",
        mailbox: "Dana (101)",
        caller_name,
        caller_number,
        received_at: THEN,
        time_zone: "UTC",
        locale: "en-US",
        duration: Duration::from_secs(34),
        brief,
        transcript,
        callback_numbers: if says_a_number { number } else { &[] },
        audio,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::default_template;
    use voicemill_types::DomainId;

    fn template(kind: MailKind, subject: &str, body_text: &str, body_html: Option<&str>) -> MailTemplate {
        MailTemplate {
            domain_id: DomainId::new(),
            kind,
            subject: subject.to_owned(),
            body_text: body_text.to_owned(),
            body_html: body_html.map(str::to_owned),
            created_at: THEN,
        }
    }

    #[test]
    fn our_own_templates_may_be_a_domains() {
        for kind in [
            MailKind::Voicemail,
            MailKind::VoicemailBrief,
            MailKind::MailboxFull,
            MailKind::MissedCall,
            MailKind::Unheard,
        ] {
            let (subject, text, html) = default_template(kind);
            check_template(&template(kind, subject, text, html)).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        }
    }

    #[test]
    fn templates_that_fit_some_mails_only_are_refused() {
        let careless = template(MailKind::Voicemail, "{{ caller }}", "Hear it:\n{{ link.url }}", None);
        let error = check_template(&careless).unwrap_err();
        assert_eq!((error.part, error.line), ("body_text", 2), "a mail with an attachment has no link");
        let careful = template(MailKind::Voicemail, "{{ caller }}", "{% if link %}{{ link.url }}{% endif %}", None);
        assert_eq!(check_template(&careful), Ok(()));
    }
}
