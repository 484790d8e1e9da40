//! Calls that nobody took and that left no message.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use voicemill_types::Time;

use crate::{
    app::App,
    http::{
        auth::Core,
        error::Problem,
        extract::{Json, Path},
        wire,
    },
    notices,
};

/// `PUT /core/v1/mailboxes/{extension}/missed-calls/{id}`: 202 if somebody is told, 204 if nobody wants to be.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((extension, core_id)): Path<(String, String)>,
    Json(report): Json<wire::MissedCallReport>,
) -> Result<StatusCode, Problem> {
    let call = report.read(&domain.time_zone, Time::from(app.clock.now()));
    let told = notices::missed_call(&app, &domain, &extension, &core_id, call).await?;
    Ok(if told { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT })
}
