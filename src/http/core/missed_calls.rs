//! Calls that nobody took and that left no message.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use serde::Deserialize;
use voicemill_types::Time;

use crate::{
    app::App,
    http::{
        auth::Core,
        error::Problem,
        extract::{Json, Path},
        fields::Moment,
    },
    notices::{self, MissedCall},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Said {
    #[serde(default)]
    caller_number: String,
    #[serde(default)]
    caller_name: String,
    called_at: Option<Moment>,
}

/// `PUT /core/v1/mailboxes/{extension}/missed-calls/{id}`: 202 if somebody is told, 204 if nobody wants to be.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((extension, core_id)): Path<(String, String)>,
    Json(said): Json<Said>,
) -> Result<StatusCode, Problem> {
    let called_at = said.called_at.and_then(|at| at.read("called_at", &domain.time_zone));
    let called_at = called_at.unwrap_or_else(|| Time::from(app.clock.now()));
    let call = MissedCall { caller_number: said.caller_number, caller_name: said.caller_name, called_at };
    let told = notices::missed_call(&app, &domain, &extension, &core_id, call).await?;
    Ok(if told { StatusCode::ACCEPTED } else { StatusCode::NO_CONTENT })
}
