//! Mail templates as they are answered and asked for.

use serde::{Deserialize, Serialize};
use voicemill_notify::email::MailKind;
use voicemill_types::Time;

use crate::mail_templates;

/// The template that a kind of mail has.
#[derive(Debug, Serialize)]
pub(in crate::http) struct MailTemplate {
    /// Whether it is the domain's own; else it is ours, to begin with.
    own: bool,
    kind: MailKind,
    subject: String,
    body_text: String,
    body_html: Option<String>,
    created_at: Time,
}

/// A template that a domain writes in place of ours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct NewMailTemplate {
    subject: String,
    body_text: String,
    /// A plain mail if left out.
    body_html: Option<String>,
}

impl From<mail_templates::CurrentTemplate> for MailTemplate {
    fn from(current: mail_templates::CurrentTemplate) -> Self {
        Self {
            own: current.own,
            kind: current.template.kind,
            subject: current.template.subject,
            body_text: current.template.body_text,
            body_html: current.template.body_html,
            created_at: current.template.created_at,
        }
    }
}

impl From<NewMailTemplate> for mail_templates::NewTemplate {
    fn from(new: NewMailTemplate) -> Self {
        Self { subject: new.subject, body_text: new.body_text, body_html: new.body_html }
    }
}
