//! The queue, for operators.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use voicemill_queue::JobId;

use crate::{
    app::App,
    http::{
        auth::Operator,
        error::Problem,
        extract::{Json, Path, Query},
        wire,
    },
    jobs::{self, operate::Action},
};

/// `GET /v1/jobs?state=…&kind=…&domain=…&before=…&limit=…`: unfinished jobs, the newest first.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Query(filter): Query<wire::JobFilter>,
) -> Result<Json<Vec<wire::Job>>, Problem> {
    Ok(Json(jobs::operate::list(&app, filter.into()).await?.into_iter().map(wire::Job::from).collect()))
}

/// `GET /v1/jobs/stats`: how many wait, how old the oldest is, and what is paused.
pub(super) async fn overview(State(app): State<Arc<App>>, Operator: Operator) -> Result<Json<wire::Queue>, Problem> {
    Ok(Json(jobs::operate::overview(&app).await?.into()))
}

/// `GET /v1/jobs/{id}`
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(id): Path<JobId>,
) -> Result<Json<wire::Job>, Problem> {
    Ok(Json(jobs::operate::show(&app, id).await?.into()))
}

async fn change(app: &App, id: JobId, action: Action) -> Result<StatusCode, Problem> {
    jobs::operate::change(app, id, action).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/jobs/{id}/retry`: a dead letter starts anew.
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(id): Path<JobId>,
) -> Result<StatusCode, Problem> {
    change(&app, id, Action::Retry).await
}

/// `POST /v1/jobs/{id}/cancel`: a waiting job is given up at once, a running one as soon as its worker hears of it.
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(id): Path<JobId>,
) -> Result<StatusCode, Problem> {
    change(&app, id, Action::Cancel).await
}

/// `DELETE /v1/jobs/{id}`: a dead letter is removed; jobs that wait for it are given up.
pub(super) async fn discard(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Path(id): Path<JobId>,
) -> Result<StatusCode, Problem> {
    change(&app, id, Action::Discard).await
}

/// `POST /v1/jobs/retry` with a filter: the dead letters that it names start anew, at most a thousand at once.
pub(super) async fn retry_all(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Json(filter): Json<wire::JobFilter>,
) -> Result<Json<wire::Changed>, Problem> {
    Ok(Json(jobs::operate::change_all(&app, filter.into(), Action::Retry).await?.into()))
}

/// `POST /v1/jobs/discard` with a filter: the dead letters that it names are removed, at most a thousand at once.
pub(super) async fn discard_all(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Json(filter): Json<wire::JobFilter>,
) -> Result<Json<wire::Changed>, Problem> {
    Ok(Json(jobs::operate::change_all(&app, filter.into(), Action::Discard).await?.into()))
}

/// `POST /v1/jobs/pause` with `{"lane": …}`, `{"kind": …}` or `{"domain": …}`: nothing of it starts until it is resumed.
pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Json(what): Json<wire::WhatToPause>,
) -> Result<Json<wire::Queue>, Problem> {
    jobs::operate::pause(&app, what.into()).await?;
    Ok(Json(jobs::operate::overview(&app).await?.into()))
}

/// `POST /v1/jobs/resume`, as `pause` has it.
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Json(what): Json<wire::WhatToPause>,
) -> Result<Json<wire::Queue>, Problem> {
    jobs::operate::resume(&app, what.into()).await?;
    Ok(Json(jobs::operate::overview(&app).await?.into()))
}
