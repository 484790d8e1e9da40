//! Endpoints that a portal's events are sent to.

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    http::StatusCode,
};
use serde::Deserialize;
use uuid::Uuid;
use voicemill_types::WebhookId;

use crate::{
    app::App,
    http::{
        auth::Portal,
        error::Problem,
        etag::{Tagged, Wanted},
        extract::{Json, Limit, Path, Query},
        once::{HAS_SECRET, HasSecret},
        wire,
    },
    webhooks::{self, DeliveryState},
};

/// `POST /v1/webhooks`: the secret is shown this once.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Json(new): Json<wire::NewWebhook>,
) -> Result<(StatusCode, Extension<HasSecret>, Tagged<wire::Webhook>), Problem> {
    let made = webhooks::create(&app, &domain, new.into()).await?;
    Ok((StatusCode::CREATED, HAS_SECRET, Tagged(made.0.version, wire::Webhook::with_secret(made))))
}

/// `GET /v1/webhooks`
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
) -> Result<Json<Vec<wire::Webhook>>, Problem> {
    Ok(Json(webhooks::list(&app, &domain).await?.into_iter().map(wire::Webhook::from).collect()))
}

/// `GET /v1/webhooks/{id}`
pub(super) async fn find(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
) -> Result<Tagged<wire::Webhook>, Problem> {
    let hook = webhooks::find(&app, &domain, id).await?;
    Ok(Tagged(hook.version, hook.into()))
}

/// `PATCH /v1/webhooks/{id}`: what is left out stays; `{"state": "enabled"}` enables one that was disabled.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
    Wanted(wanted): Wanted,
    Json(changes): Json<wire::WebhookChanges>,
) -> Result<Tagged<wire::Webhook>, Problem> {
    let hook = webhooks::change(&app, &domain, id, changes.into(), &wanted).await?;
    Ok(Tagged(hook.version, hook.into()))
}

/// `DELETE /v1/webhooks/{id}`
pub(super) async fn delete(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
    Wanted(wanted): Wanted,
) -> Result<StatusCode, Problem> {
    webhooks::delete(&app, &domain, id, &wanted).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/webhooks/{id}/secret`: a new one, shown this once; the one before signs beside it for a day.
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
) -> Result<(Extension<HasSecret>, Json<wire::Webhook>), Problem> {
    Ok((HAS_SECRET, Json(wire::Webhook::with_secret(webhooks::rotate(&app, &domain, id).await?))))
}

/// `POST /v1/webhooks/{id}/test`: the endpoint gets a `webhook.test`; what it answers is in the deliveries.
pub(super) async fn test(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
) -> Result<StatusCode, Problem> {
    webhooks::test(&app, &domain, id).await?;
    Ok(StatusCode::ACCEPTED)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    state: Option<DeliveryState>,
    before: Option<Uuid>,
    #[serde(default)]
    limit: Limit,
}

/// `GET /v1/webhooks/{id}/deliveries?state=dead&before=…&limit=…`: the latest first, each with its tries.
pub(super) async fn deliveries(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
    Query(page): Query<Page>,
) -> Result<Json<Vec<wire::Delivery>>, Problem> {
    let found = webhooks::deliveries(&app, &domain, id, page.state, page.before, page.limit.0).await?;
    Ok(Json(found.into_iter().map(wire::Delivery::from).collect()))
}

/// `POST /v1/webhooks/{id}/replay`: sends events again, those named or those of some types and time.
pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Portal(domain): Portal,
    Path(id): Path<WebhookId>,
    Json(which): Json<wire::Replay>,
) -> Result<(StatusCode, Json<wire::Replayed>), Problem> {
    let replayed = webhooks::replay(&app, &domain, id, which.into()).await?;
    Ok((StatusCode::ACCEPTED, Json(replayed.into())))
}
