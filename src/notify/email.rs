//! Mail: what it says, what it is made of, and the ways it goes out.

mod compose;
mod error;
mod outbox;
mod smtp;
mod templates;
mod verify;

pub use compose::{Attachment, AudioPart, DEFAULT_MAIL_LIMIT, Mail, MailLink, TranscriptPart, VoicemailMail, fits};
pub use error::ComposeError;
pub use outbox::Outbox;
pub use smtp::{Password, Security, Smtp, SmtpConfig};

/// Reads an address that every server takes: one mailbox, all in ASCII.
fn address(text: &str) -> Option<lettre::Address> {
    text.parse().ok().filter(|_| text.is_ascii())
}
