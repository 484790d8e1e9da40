//! Templates that domains write in place of ours for their mails.

pub(crate) mod rows;

use crate::refusal::{Rule, Thing};
use voicemill_notify::email::{MailKind, MailTemplate, check_template, default_template};
use voicemill_types::Time;

use crate::{app::App, domains::Domain, error::ServiceError};

/// CurrentTemplate as a domain writes them.
#[derive(Clone, Debug)]
pub struct NewTemplate {
    /// The line of the subject.
    pub subject: String,
    /// The plain text.
    pub body_text: String,
    /// The HTML beside it; a plain mail if left out.
    pub body_html: Option<String>,
}

/// The template that a kind of mail has.
#[derive(Clone, Debug)]
pub struct CurrentTemplate {
    /// Whether it is the domain's own; else it is ours, to begin with.
    pub own: bool,
    /// The template.
    pub template: MailTemplate,
}

/// Gives a kind of mail another template, if it works on every form that such a mail takes.
pub async fn save(
    app: &App,
    domain: &Domain,
    kind: MailKind,
    new: NewTemplate,
) -> Result<CurrentTemplate, ServiceError> {
    let NewTemplate { subject, body_text, body_html } = new;
    let created_at = Time::from(app.clock.now());
    let template = MailTemplate { domain_id: domain.id, kind, subject, body_text, body_html, created_at };
    let checked = template.clone();
    // It comes from a stranger, and takes as long as is allowed.
    let checked = tokio::task::spawn_blocking(move || check_template(&checked)).await;
    checked
        .map_err(|stopped| ServiceError::sorted(true, stopped))?
        .map_err(|error| ServiceError::invalid("", Rule::BadTemplate { cause: error.to_string() }))?;
    let mut transaction = app.begin().await?;
    rows::save(transaction.connection(), &template).await?;
    transaction.commit().await?;
    Ok(CurrentTemplate { own: true, template })
}

/// The template of a kind of mail: the domain's own, else ours.
pub async fn find(app: &App, domain: &Domain, kind: MailKind) -> Result<CurrentTemplate, ServiceError> {
    let mut connection = app.database.read().await?;
    if let Some(template) = rows::find(&mut connection, domain.id, kind).await? {
        return Ok(CurrentTemplate { own: true, template });
    }
    let (subject, body_text, body_html) = default_template(kind);
    let template = MailTemplate {
        domain_id: domain.id,
        kind,
        subject: subject.to_owned(),
        body_text: body_text.to_owned(),
        body_html: body_html.map(str::to_owned),
        created_at: domain.created_at,
    };
    Ok(CurrentTemplate { own: false, template })
}

/// Goes back to our template.
pub async fn delete(app: &App, domain: &Domain, kind: MailKind) -> Result<(), ServiceError> {
    let mut transaction = app.begin().await?;
    if !rows::delete(transaction.connection(), domain.id, kind).await? {
        return Err(ServiceError::NotFound(Thing::MailTemplate {}));
    }
    Ok(transaction.commit().await?)
}
