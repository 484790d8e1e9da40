//! Deliveries as they are answered.

use serde::Serialize;
use voicemill_types::{DomainId, MailboxId, MessageId, NoticeId, Time};

use super::missed_call::MissedCall;
use crate::{
    mailboxes::EmailMode,
    messages::Folder,
    notices::{self, Medium, NoticeState, Occasion},
};

/// One mail or SMS to one recipient.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Notice {
    id: NoticeId,
    domain_id: DomainId,
    mailbox_id: MailboxId,
    message_id: Option<MessageId>,
    medium: Medium,
    occasion: Occasion,
    recipient: String,
    mode: Option<EmailMode>,
    state: NoticeState,
    internet_message_id: Option<String>,
    parts: Option<i64>,
    reference: Option<String>,
    answer: Option<String>,
    moved_to: Option<Folder>,
    missed_call: Option<MissedCall>,
    created_at: Time,
    settled_at: Option<Time>,
}

impl From<notices::Notice> for Notice {
    fn from(notice: notices::Notice) -> Self {
        Self {
            id: notice.id,
            domain_id: notice.domain_id,
            mailbox_id: notice.mailbox_id,
            message_id: notice.message_id,
            medium: notice.medium,
            occasion: notice.occasion,
            recipient: notice.recipient,
            mode: notice.mode,
            state: notice.state,
            internet_message_id: notice.internet_message_id,
            parts: notice.parts,
            reference: notice.reference,
            answer: notice.answer,
            moved_to: notice.moved_to,
            missed_call: notice.missed_call.map(MissedCall::from),
            created_at: notice.created_at,
            settled_at: notice.settled_at,
        }
    }
}
