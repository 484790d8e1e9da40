//! Mail: what it says, what it is made of, and the ways it goes out.

mod address;
mod assemble;
mod bounce;
mod compose;
mod destinations;
mod dkim;
mod error;
mod mail_template;
mod mailbox;
mod outbox;
mod overrides;
mod sample;
mod smtp;
mod templates;
mod verify;

pub use address::{Address, AddressError};
pub use assemble::{Attachment, Mail};
pub use bounce::{Bounce, Fate, NoBounce};
pub use compose::{AudioPart, MailLink, TranscriptPart, VoicemailMail, fits};
pub use destinations::{DestinationLimits, Destinations};
pub use dkim::{Dkim, DkimKeyConfig};
pub use error::ComposeError;
pub use mail_template::{MailKind, MailTemplate};
pub use mailbox::{MailboxMail, MailboxNews};
pub use outbox::Outbox;
pub use overrides::TemplateError;
pub use sample::check_template;
pub use smtp::{Security, Smtp, SmtpConfig};
pub use templates::{MailOptions, default_template};
