//! Domains' templates for their mails.

use voicemill_notify::email::{MailKind, MailTemplate};
use voicemill_types::DomainId;

use crate::db::{Connection, DbError, on, statements};

statements! {
    SAVE = "INSERT INTO mail_template (domain_id, kind, subject, body_text, body_html, created_at) \
            VALUES ($1, $2, $3, $4, $5, $6) \
            ON CONFLICT (domain_id, kind) DO UPDATE SET subject = excluded.subject, body_text = excluded.body_text, \
                body_html = excluded.body_html, created_at = excluded.created_at";
    FIND = "SELECT * FROM mail_template WHERE domain_id = $1 AND kind = $2";
    DELETE = "DELETE FROM mail_template WHERE domain_id = $1 AND kind = $2";
}

/// Stores a template, in place of an earlier one.
pub(crate) async fn save(connection: &mut Connection, template: &MailTemplate) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(SAVE)
            .bind(template.domain_id)
            .bind(template.kind)
            .bind(&template.subject)
            .bind(&template.body_text)
            .bind(&template.body_html)
            .bind(template.created_at)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The domain's template for that kind of mail, if it has one.
pub(crate) async fn find(
    connection: &mut Connection,
    domain: DomainId,
    kind: MailKind,
) -> Result<Option<MailTemplate>, DbError> {
    Ok(on!(connection, sqlx::query_as(FIND).bind(domain).bind(kind).fetch_optional(connection).await?))
}

/// Forgets it; true if there was one.
pub(crate) async fn delete(connection: &mut Connection, domain: DomainId, kind: MailKind) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(domain).bind(kind).execute(connection).await?.rows_affected()) == 1)
}
