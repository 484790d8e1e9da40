//! Service numbers and their addresses.

use sqlx::types::Json;
use voicemill_types::DomainId;

use crate::{
    db::{Connection, DbError, on, statements},
    service_numbers::ServiceNumber,
};

statements! {
    SAVE = "INSERT INTO service_number (domain_id, number, recipients, email_mode, created_at) \
            VALUES ($1, $2, $3, $4, $5) \
            ON CONFLICT (domain_id, number) DO UPDATE SET recipients = excluded.recipients, \
                email_mode = excluded.email_mode";
    FIND = "SELECT * FROM service_number WHERE domain_id = $1 AND number = $2";
    LIST = "SELECT * FROM service_number WHERE domain_id = $1 ORDER BY number LIMIT 1000";
    DELETE = "DELETE FROM service_number WHERE domain_id = $1 AND number = $2";
}

/// Stores a number, or new addresses for the one that stands.
pub(crate) async fn save(connection: &mut Connection, number: &ServiceNumber) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE)
            .bind(number.domain_id)
            .bind(&number.number)
            .bind(Json(&number.recipients))
            .bind(number.email_mode)
            .bind(number.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The domain's service number, if it is known.
pub(crate) async fn find(
    connection: &mut Connection,
    domain: DomainId,
    number: &str,
) -> Result<Option<ServiceNumber>, DbError> {
    Ok(on!(connection, sqlx::query_as(FIND).bind(domain).bind(number).fetch_optional(connection).await?))
}

/// The domain's service numbers, the first thousand.
pub(crate) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<ServiceNumber>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?))
}

/// Forgets a number; true if it was known.
pub(crate) async fn delete(connection: &mut Connection, domain: DomainId, number: &str) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(domain).bind(number).execute(connection).await?.rows_affected()) == 1)
}
