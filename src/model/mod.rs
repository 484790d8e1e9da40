//! The terms of the product as data and pure rules; no I/O happens here.
//!
//! The derives for storage (`sqlx`) and for the wire (`serde`) are part of the data's shape; the statements live in `db`.

mod domain;
mod id;
mod link;
mod mail_template;
mod mailbox;
mod manner;
mod message;
mod notice;
mod phone_number;
mod phone_report;
mod prompt;
mod pronunciation;
mod recording;
mod rendition;
mod service_number;
mod sms;
mod time;
mod transcript;
pub mod wording;

pub use domain::{ApiKey, Domain, KeyScope, MailAudio};
pub use id::{ApiKeyId, DomainId, LinkId, MailboxId, MessageId, NoticeId, PromptId, RecordingId, RenditionId};
pub use link::{Link, LinkSpan};
pub use mail_template::{MailKind, MailTemplate};
pub use mailbox::{AfterEmail, EmailMode, Mailbox};
pub use manner::Manner;
pub use message::{Folder, MediaState, Message, TranscriptState, WrongMove};
pub use notice::{Medium, MissedCall, Notice, NoticeState, Occasion};
pub use phone_number::{BadNumber, PhoneNumber, digits};
pub use phone_report::PhoneReport;
pub use prompt::{Prompt, PromptKind, PromptOrigin};
pub use pronunciation::{Pronunciation, Said};
pub use recording::{LegRole, Recording, RecordingState};
pub use rendition::{Original, Purpose, Rendition};
pub use service_number::ServiceNumber;
pub use sms::{BadQuietHours, QuietHours, SmsSettings};
pub use time::Time;
pub use transcript::{CallbackNumber, Engine, Run, Transcript, TranscriptSegment, TranscriptWord};
