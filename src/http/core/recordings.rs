//! Call recordings from cores: announced, filled leg by leg, completed.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use voicemill_types::{LegRole, Time};

use crate::{
    app::App,
    arrivals::Taken,
    http::{
        auth::Core,
        core::{announced, check_announced, incoming},
        error::Problem,
        extract::{Json, Path, Query},
    },
    recordings::{self, Call, Recording},
};

/// What a core says of the call.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    caller_number: String,
    #[serde(default)]
    callee_number: String,
    started_at: Option<Time>,
}

/// What a core says of a leg.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Leg {
    format: Option<String>,
}

/// `PUT /core/v1/recordings/{call}?caller_number=…`: the call is being recorded.
pub(super) async fn announce(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(call_id): Path<String>,
    Query(said): Query<Said>,
) -> Result<Response, Problem> {
    let call =
        Call { caller_number: said.caller_number, callee_number: said.callee_number, started_at: said.started_at };
    Ok(answer(recordings::announce(&app, &domain, &call_id, call).await?))
}

/// `PUT /core/v1/recordings/{call}/legs/{caller|callee}`: the body is that leg's audio.
pub(super) async fn add_leg(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((call_id, role)): Path<(String, LegRole)>,
    Query(leg): Query<Leg>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let announced = announced(&headers);
    check_announced(&app, announced)?;
    let incoming = incoming(&headers, leg.format, body);
    Ok(answer(recordings::add_leg(&app, &domain, &call_id, role, announced, incoming).await?))
}

/// `POST /core/v1/recordings/{call}/complete`: every leg is there.
pub(super) async fn complete(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(call_id): Path<String>,
) -> Result<Response, Problem> {
    Ok(answer(recordings::complete(&app, &domain, &call_id).await?))
}

fn answer(taken: Taken<Recording>) -> Response {
    match taken {
        Taken::Done(recording) => Json(recording).into_response(),
        Taken::Spooled(spooled) => (StatusCode::ACCEPTED, Json(spooled)).into_response(),
    }
}

/// `GET /core/v1/recordings/{call}`: where it stands.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(call_id): Path<String>,
) -> Result<Json<recordings::Details>, Problem> {
    let recording = recordings::by_call_id(&app, &domain, &call_id).await?;
    Ok(Json(recordings::details(&app, &domain, recording.id).await?))
}
