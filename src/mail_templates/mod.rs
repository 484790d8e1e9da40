//! Domains' own words for their mails.

pub(crate) mod rows;

use serde::{Deserialize, Serialize};
use voicemill_notify::email::{MailKind, MailTemplate, check_words, default_words};
use voicemill_types::Time;

use crate::{app::App, domains::Domain, error::ServiceError};

/// Words as a domain writes them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWords {
    /// The line of the subject.
    pub subject: String,
    /// The plain text.
    pub body_text: String,
    /// The HTML beside it; a plain mail if left out.
    pub body_html: Option<String>,
}

/// The words that a kind of mail has.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    /// Whether they are the domain's own; else they are ours, to begin with.
    pub own: bool,
    /// The words.
    #[serde(flatten)]
    pub template: MailTemplate,
}

/// Gives a kind of mail other words, if they work on every form that such a mail takes.
pub async fn save(app: &App, domain: &Domain, kind: MailKind, words: NewWords) -> Result<Words, ServiceError> {
    let NewWords { subject, body_text, body_html } = words;
    let created_at = Time::from(app.clock.now());
    let template = MailTemplate { domain_id: domain.id, kind, subject, body_text, body_html, created_at };
    check_words(&template).map_err(|error| ServiceError::Invalid(error.to_string()))?;
    let mut transaction = app.begin().await?;
    rows::save(transaction.connection(), &template).await?;
    transaction.commit().await?;
    Ok(Words { own: true, template })
}

/// The words of a kind of mail: the domain's own, else ours.
pub async fn find(app: &App, domain: &Domain, kind: MailKind) -> Result<Words, ServiceError> {
    let mut connection = app.database.read().await?;
    if let Some(template) = rows::find(&mut connection, domain.id, kind).await? {
        return Ok(Words { own: true, template });
    }
    let (subject, body_text, body_html) = default_words(kind);
    let template = MailTemplate {
        domain_id: domain.id,
        kind,
        subject: subject.to_owned(),
        body_text: body_text.to_owned(),
        body_html: body_html.map(str::to_owned),
        created_at: domain.created_at,
    };
    Ok(Words { own: false, template })
}

/// Goes back to our words.
pub async fn delete(app: &App, domain: &Domain, kind: MailKind) -> Result<(), ServiceError> {
    let mut transaction = app.begin().await?;
    if !rows::delete(transaction.connection(), domain.id, kind).await? {
        return Err(ServiceError::NotFound("mail template"));
    }
    Ok(transaction.commit().await?)
}
