//! Service numbers, and the addresses that every message left there goes to.

pub(crate) mod rows;
mod service_number;

pub use self::service_number::ServiceNumber;

use voicemill_types::Time;

use crate::{
    app::App,
    checks::check_name,
    domains::Domain,
    error::ServiceError,
    mailboxes::{EmailMode, check_recipients},
    refusal::Thing,
};

/// Settings of a service number.
#[derive(Clone, Debug)]
pub struct NewServiceNumber {
    /// The addresses.
    pub recipients: Vec<String>,
    /// The form of their mails; links, if left out.
    pub email_mode: Option<EmailMode>,
}

/// Makes a service number, or gives the one that stands other addresses.
pub async fn save(
    app: &App,
    domain: &Domain,
    number: &str,
    new: NewServiceNumber,
) -> Result<ServiceNumber, ServiceError> {
    check_name(number, "", Thing::ServiceNumber {})?;
    check_recipients(app, &new.recipients).await?;
    let number = ServiceNumber {
        domain_id: domain.id,
        number: number.to_owned(),
        recipients: new.recipients,
        email_mode: new.email_mode.unwrap_or(EmailMode::Link),
        created_at: Time::from(app.clock.now()),
    };
    let mut transaction = app.begin().await?;
    rows::save(transaction.connection(), &number).await?;
    transaction.commit().await?;
    Ok(number)
}

/// The domain's service numbers.
pub async fn list(app: &App, domain: &Domain) -> Result<Vec<ServiceNumber>, ServiceError> {
    let mut connection = app.database.read().await?;
    Ok(rows::list(&mut connection, domain.id).await?)
}

/// Forgets a service number; what was mailed stays mailed.
pub async fn delete(app: &App, domain: &Domain, number: &str) -> Result<(), ServiceError> {
    let mut transaction = app.begin().await?;
    if !rows::delete(transaction.connection(), domain.id, number).await? {
        return Err(ServiceError::NotFound(Thing::ServiceNumber {}));
    }
    Ok(transaction.commit().await?)
}
