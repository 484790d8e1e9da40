//! Mail: what it says, what it is made of, and the ways it goes out.

mod assemble;
mod bounce;
mod compose;
mod destinations;
mod dkim;
mod error;
mod mail_template;
mod mailbox;
mod outbox;
mod own_words;
mod sample;
mod smtp;
mod templates;
mod verify;

pub use assemble::{Attachment, Mail};
pub use bounce::{Bounce, Fate, NoBounce};
pub use compose::{AudioPart, DEFAULT_MAIL_LIMIT, MailLink, TranscriptPart, VoicemailMail, fits};
pub use destinations::{DestinationLimits, Destinations};
pub use dkim::{Dkim, DkimKeyConfig};
pub use error::ComposeError;
pub use mail_template::{MailKind, MailTemplate};
pub use mailbox::{MailboxMail, MailboxNews};
pub use outbox::Outbox;
pub use own_words::BadWords;
pub use sample::check_words;
pub use smtp::{Security, Smtp, SmtpConfig};
pub use templates::{Stationery, default_words};

/// Reads an address that every server takes: one mailbox, all in ASCII.
fn address(text: &str) -> Option<lettre::Address> {
    text.parse().ok().filter(|_| text.is_ascii())
}
