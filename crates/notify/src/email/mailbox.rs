//! Mails without a message to listen to: a mailbox is full, a call was missed, or what a caller left cannot be heard.

use minijinja::{Value, context};

use super::{
    assemble::{Head, Mail},
    compose::caller_facts,
    error::ComposeError,
    templates::{self, MailOptions},
};
use crate::{email::MailKind, wording};
use voicemill_types::{NoticeId, Time};

/// Everything such a mail is made of; the same facts give the same bytes.
pub struct MailboxMail<'a> {
    /// The notice, which gives the mail its Message-ID.
    pub notice_id: NoticeId,
    /// When the notice was queued: the mail's date, however often it is sent.
    pub date: Time,
    /// The domain's sender address.
    pub from: &'a str,
    /// The recipient's address.
    pub to: &'a str,
    /// The name the domain goes by.
    pub brand: &'a str,
    /// The mailbox as its owner knows it, such as `Sales (101)`.
    pub mailbox: &'a str,
    /// IANA time zone for everything the mail says.
    pub time_zone: &'a str,
    /// BCP 47 language tag, which decides how times are written.
    pub locale: &'a str,
    /// What it tells of.
    pub news: MailboxNews<'a>,
}

/// What a mail about a mailbox tells of.
#[derive(Clone, Copy, Debug)]
pub enum MailboxNews<'a> {
    /// It refused a message because it holds as much as it may.
    Full {
        /// Bytes it may hold.
        quota_bytes: u64,
    },
    /// A call that nobody took and that left no message.
    MissedCall {
        /// The caller's name as the core gave it; may be empty.
        caller_name: &'a str,
        /// The caller's number as the core gave it; may be empty.
        caller_number: &'a str,
        /// When it was.
        called_at: Time,
    },
    /// A call that left something in which nobody can hear anything.
    Unheard {
        /// The caller's name as the core gave it; may be empty.
        caller_name: &'a str,
        /// The caller's number as the core gave it; may be empty.
        caller_number: &'a str,
        /// When it was.
        called_at: Time,
        /// Why the message cannot be read, in a sentence; nothing where it holds no sound.
        reason: Option<&'a str>,
    },
}

impl MailboxMail<'_> {
    /// The mail's final bytes, read again and checked.
    pub fn compose(&self, options: &MailOptions<'_>) -> Result<Mail, ComposeError> {
        let kind = match self.news {
            MailboxNews::Full { .. } => MailKind::MailboxFull,
            MailboxNews::MissedCall { .. } => MailKind::MissedCall,
            MailboxNews::Unheard { .. } => MailKind::Unheard,
        };
        let words = templates::word(kind, options, self.facts())?;
        let head = Head { notice_id: self.notice_id, date: self.date, from: self.from, to: self.to, brand: self.brand };
        head.assemble(&words, Vec::new(), None, options.dkim)
    }

    /// What templates can use.
    pub(super) fn facts(&self) -> Value {
        let brand = wording::line(self.brand, wording::LONGEST_NAME);
        let mailbox = wording::name(self.mailbox, wording::LONGEST_NAME);
        let called = |at| wording::moment(at, self.time_zone, self.locale);
        match self.news {
            MailboxNews::Full { quota_bytes } => context! { brand, mailbox, quota => wording::megabytes(quota_bytes) },
            MailboxNews::MissedCall { caller_name, caller_number, called_at } => context! {
                brand,
                mailbox,
                called => called(called_at),
                ..caller_facts(caller_name, caller_number)
            },
            MailboxNews::Unheard { caller_name, caller_number, called_at, reason } => context! {
                brand,
                mailbox,
                called => called(called_at),
                reason => reason.map(|reason| wording::line(reason, LONGEST_REASON)),
                ..caller_facts(caller_name, caller_number)
            },
        }
    }
}

/// Most characters that are shown of the reason why a message cannot be read.
const LONGEST_REASON: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::MailTemplate;
    use voicemill_types::DomainId;

    fn mail(news: MailboxNews<'static>) -> MailboxMail<'static> {
        MailboxMail {
            notice_id: "0192f0c1-2345-7abc-8def-0123456789ab".parse().unwrap(),
            date: Time::from_microseconds(1_795_367_109_000_000),
            from: "voicemail@acme.example.com",
            to: "dana@acme.example.com",
            brand: "Acme Telephone",
            mailbox: "Dana (101)",
            time_zone: "America/New_York",
            locale: "en-US",
            news,
        }
    }

    fn missed() -> MailboxNews<'static> {
        let called_at = Time::from_microseconds(1_795_367_100_000_000);
        MailboxNews::MissedCall { caller_name: "Robin Stone\r\nBcc: x@y", caller_number: "+14155550132", called_at }
    }

    fn words(mail: &Mail) -> String {
        String::from_utf8(mail.bytes.clone()).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn a_mail_of_a_missed_call() {
        insta::assert_snapshot!(words(&mail(missed()).compose(&MailOptions::default()).unwrap()));
    }

    /// K14, A6: whoever called is named, also where nothing can be heard.
    #[test]
    fn k14_a_mail_of_what_nobody_can_hear() {
        let called_at = Time::from_microseconds(1_795_367_100_000_000);
        let unheard = |reason| MailboxNews::Unheard {
            caller_name: "Robin Stone",
            caller_number: "+14155550132",
            called_at,
            reason,
        };
        let reason = "The file is AMR, which is not read here; send WAV, MP3 or Opus.";
        insta::assert_snapshot!(words(&mail(unheard(Some(reason))).compose(&MailOptions::default()).unwrap()));
        let silent = words(&mail(unheard(None)).compose(&MailOptions::default()).unwrap());
        assert!(
            silent.contains("Subject: No message from Robin Stone, (415) 555-0132") && !silent.contains("kept"),
            "{silent}"
        );
    }

    #[test]
    fn a_mail_of_a_full_mailbox() {
        let mail = mail(MailboxNews::Full { quota_bytes: 25_000_000 }).compose(&MailOptions::default()).unwrap();
        insta::assert_snapshot!(words(&mail));
    }

    #[test]
    fn a_mail_by_a_domains_template_and_by_ours_where_that_fails() {
        let own = |body_text: &str| MailTemplate {
            domain_id: DomainId::new(),
            kind: MailKind::MissedCall,
            subject: "{{ caller_number }} rief an".to_owned(),
            body_text: body_text.to_owned(),
            body_html: Some("<p>{{ caller }}</p>".to_owned()),
            created_at: Time::from_microseconds(0),
        };
        let compose = |own: &MailTemplate| {
            let options = MailOptions { template: Some(own), dkim: None };
            words(&mail(missed()).compose(&options).unwrap())
        };
        insta::assert_snapshot!(compose(&own("Verpasst: {{ caller }}, {{ called }}.")));
        assert!(compose(&own("{{ gone }}")).contains("Subject: Missed call from Robin Stone"));
    }
}
