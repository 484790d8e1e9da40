//! Endpoints and deliveries.

use sqlx::types::Json;
use uuid::Uuid;
use voicemill_types::{DomainId, Time, WebhookId};

use crate::{
    db::{Connection, DbError, on, statements},
    events::Recorded,
    webhooks::{Delivery, DeliveryAttempt, DeliveryState, Webhook},
};

statements! {
    INSERT = "INSERT INTO webhook (id, domain_id, name, url, types, include, content_type, state, reason, secret, \
                  previous_secret, previous_until, delivered_at, dead, created_at, version) \
              VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    UPDATE = "UPDATE webhook SET name = $2, url = $3, types = $4, include = $5, content_type = $6, state = $7, reason = $8, \
                  secret = $9, previous_secret = $10, previous_until = $11, delivered_at = $12, dead = $13, \
                  version = $14 WHERE id = $1";
    LIST = "SELECT * FROM webhook WHERE domain_id = $1 ORDER BY id";
    IN_DOMAIN = "SELECT * FROM webhook WHERE domain_id = $1 AND id = $2";
    BY_ID = "SELECT * FROM webhook WHERE id = $1";
    DELETE = "DELETE FROM webhook WHERE domain_id = $1 AND id = $2";
    TOOK = "UPDATE webhook SET delivered_at = $2, dead = 0 WHERE id = $1 AND delivered_at <= $2";
    GAVE_UP = "UPDATE webhook SET dead = dead + 1 WHERE id = $1 RETURNING *";
    DISABLE = "UPDATE webhook SET state = 'disabled', reason = $2 WHERE id = $1 AND state = 'enabled'";
    DUE = "INSERT INTO webhook_delivery (id, webhook_id, event_id, kind, state, tries, round, next_at, attempts, created_at) \
           VALUES ($1, $2, $3, $4, 'due', 0, 0, $5, $6, $5) \
           ON CONFLICT (webhook_id, event_id) DO UPDATE SET state = 'due', tries = 0, round = webhook_delivery.round + 1, \
               next_at = excluded.next_at, settled_at = NULL \
           RETURNING id";
    DELIVERY = "SELECT * FROM webhook_delivery WHERE id = $1";
    DELIVERIES = "SELECT * FROM webhook_delivery WHERE webhook_id = $1 AND id < $2 AND (CAST($3 AS TEXT) IS NULL OR state = CAST($3 AS TEXT)) \
                  ORDER BY id DESC LIMIT $4";
    TRIED = "UPDATE webhook_delivery SET state = $2, tries = $3, next_at = $4, attempts = $5, settled_at = $6 \
             WHERE id = $1 AND round = $7";
    PRUNE = "DELETE FROM webhook_delivery WHERE id IN \
             (SELECT id FROM webhook_delivery WHERE settled_at < $1 ORDER BY settled_at LIMIT $2)";
}

/// Stores a new endpoint.
pub(super) async fn insert(connection: &mut Connection, hook: &Webhook) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(INSERT)
            .bind(hook.id)
            .bind(hook.domain_id)
            .bind(&hook.name)
            .bind(&hook.url)
            .bind(Json(&hook.types))
            .bind(Json(&hook.include))
            .bind(hook.content_type)
            .bind(hook.state)
            .bind(&hook.reason)
            .bind(&hook.secret)
            .bind(&hook.previous_secret)
            .bind(hook.previous_until)
            .bind(hook.delivered_at)
            .bind(hook.dead)
            .bind(hook.created_at)
            .bind(hook.version)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// Stores what was changed of an endpoint.
pub(super) async fn update(connection: &mut Connection, hook: &Webhook) -> Result<(), DbError> {
    on!(
        connection,
        sqlx::query(UPDATE)
            .bind(hook.id)
            .bind(&hook.name)
            .bind(&hook.url)
            .bind(Json(&hook.types))
            .bind(Json(&hook.include))
            .bind(hook.content_type)
            .bind(hook.state)
            .bind(&hook.reason)
            .bind(&hook.secret)
            .bind(&hook.previous_secret)
            .bind(hook.previous_until)
            .bind(hook.delivered_at)
            .bind(hook.dead)
            .bind(hook.version)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(())
}

/// The domain's endpoints, oldest first.
pub(super) async fn list(connection: &mut Connection, domain: DomainId) -> Result<Vec<Webhook>, DbError> {
    Ok(on!(connection, sqlx::query_as(LIST).bind(domain).fetch_all(connection).await?))
}

/// The domain's endpoint with that id.
pub(super) async fn in_domain(
    connection: &mut Connection,
    domain: DomainId,
    id: WebhookId,
) -> Result<Option<Webhook>, DbError> {
    Ok(on!(connection, sqlx::query_as(IN_DOMAIN).bind(domain).bind(id).fetch_optional(connection).await?))
}

/// The endpoint with that id.
pub(super) async fn by_id(connection: &mut Connection, id: WebhookId) -> Result<Option<Webhook>, DbError> {
    Ok(on!(connection, sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?))
}

/// Removes an endpoint with its deliveries; false if the domain has none with that id.
pub(super) async fn delete(connection: &mut Connection, domain: DomainId, id: WebhookId) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DELETE).bind(domain).bind(id).execute(connection).await?.rows_affected()) == 1)
}

/// Notes that the endpoint took an event.
pub(super) async fn took(connection: &mut Connection, id: WebhookId, at: Time) -> Result<(), DbError> {
    on!(connection, sqlx::query(TOOK).bind(id).bind(at).execute(connection).await?.rows_affected());
    Ok(())
}

/// Notes that an event was given up; returns the endpoint, if it is still there.
pub(super) async fn gave_up(connection: &mut Connection, id: WebhookId) -> Result<Option<Webhook>, DbError> {
    Ok(on!(connection, sqlx::query_as(GAVE_UP).bind(id).fetch_optional(connection).await?))
}

/// Disables an endpoint; false if it is not enabled.
pub(super) async fn disable(connection: &mut Connection, id: WebhookId, reason: &str) -> Result<bool, DbError> {
    Ok(on!(connection, sqlx::query(DISABLE).bind(id).bind(reason).execute(connection).await?.rows_affected()) == 1)
}

/// Makes an event's delivery due, for the first time or anew; returns its id.
pub(super) async fn due(
    connection: &mut Connection,
    webhook: WebhookId,
    event: &Recorded,
    now: Time,
) -> Result<Uuid, DbError> {
    Ok(on!(
        connection,
        sqlx::query_scalar(DUE)
            .bind(Uuid::now_v7())
            .bind(webhook)
            .bind(event.event_id)
            .bind(event.event().kind())
            .bind(now)
            .bind(Json(Vec::<DeliveryAttempt>::new()))
            .fetch_one(connection)
            .await?
    ))
}

/// The delivery with that id.
pub(super) async fn delivery(connection: &mut Connection, id: Uuid) -> Result<Option<Delivery>, DbError> {
    Ok(on!(connection, sqlx::query_as(DELIVERY).bind(id).fetch_optional(connection).await?))
}

/// Up to `limit` deliveries to an endpoint, the latest first, before one of them, in this state if one is named.
pub(super) async fn deliveries(
    connection: &mut Connection,
    webhook: WebhookId,
    before: Uuid,
    state: Option<DeliveryState>,
    limit: i64,
) -> Result<Vec<Delivery>, DbError> {
    Ok(on!(
        connection,
        sqlx::query_as(DELIVERIES).bind(webhook).bind(before).bind(state).bind(limit).fetch_all(connection).await?
    ))
}

/// Stores how far a delivery is; false, and nothing is stored, if it was replayed since it was read.
pub(super) async fn tried(connection: &mut Connection, delivery: &Delivery) -> Result<bool, DbError> {
    let rows = on!(
        connection,
        sqlx::query(TRIED)
            .bind(delivery.id)
            .bind(delivery.state)
            .bind(delivery.tries)
            .bind(delivery.next_at)
            .bind(&delivery.attempts)
            .bind(delivery.settled_at)
            .bind(delivery.round)
            .execute(connection)
            .await?
            .rows_affected()
    );
    Ok(rows == 1)
}

/// Removes up to `limit` deliveries that ended before that moment; returns how many.
pub(super) async fn prune(connection: &mut Connection, before: Time, limit: i64) -> Result<u64, DbError> {
    Ok(on!(connection, sqlx::query(PRUNE).bind(before).bind(limit).execute(connection).await?.rows_affected()))
}
