#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod clock;
mod id;
mod leg_role;
mod phone_number;
mod time;
mod transcript;

pub use id::{
    ApiKeyId, DomainId, EventId, LinkId, MailboxId, MediaId, MessageId, NoticeId, PlaylistId, PromptId, RecordingId,
    RenditionId, ServiceNumberId, UserTokenId, WebhookId,
};
pub use leg_role::LegRole;
pub use phone_number::{BadNumber, PhoneNumber, digits};
pub use time::Time;
pub use transcript::{CallbackNumber, Run, Transcript, TranscriptSegment, TranscriptWord};
