//! Call recordings from cores: announced, filled leg by leg, completed.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use voicemill_types::LegRole;

use crate::{
    app::App,
    arrivals::Receipt,
    http::{
        auth::Core,
        error::Problem,
        extract::{Json, Path},
        fields::Fields,
        form, raw, wire,
    },
    recordings::{self, Added, Call, Recording},
    refusal::RequestRefusal,
};

/// `PUT /core/v1/recordings/{call}?caller_number=…`: the call is being recorded.
pub(super) async fn announce(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(call_id): Path<String>,
    mut fields: Fields,
) -> Result<Response, Problem> {
    let call = Call {
        caller_number: fields.number("caller_number"),
        callee_number: fields.number("callee_number"),
        started_at: fields.moment("started_at", &domain.time_zone),
    };
    fields.nothing_else(RequestRefusal::BadQuery {})?;
    Ok(answer(recordings::announce(&app, &domain, &call_id, call).await?))
}

/// `PUT /core/v1/recordings/{call}/legs/{caller|callee}`: the body is that leg's audio, or a form with it.
pub(super) async fn add_leg(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((call_id, role)): Path<(String, LegRole)>,
    mut fields: Fields,
    request: Request,
) -> Result<Response, Problem> {
    let format = fields.take("format");
    if form::announces_form(request.headers()) {
        let (mut fields, mut incoming) = form::receive(&app, request, &["format"]).await?;
        incoming.hint = format.or(fields.take("format")).or(incoming.hint);
        return Ok(added(recordings::add_leg(&app, &domain, &call_id, role, None, incoming).await?));
    }
    let announced = raw::announced(request.headers());
    let (incoming, form_check) = raw::receive(&app, request, format)?;
    let outcome = recordings::add_leg(&app, &domain, &call_id, role, announced, incoming).await;
    Ok(added(form_check.explain(outcome)?))
}

/// `POST /core/v1/recordings/{call}/complete`: every leg is there.
pub(super) async fn complete(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(call_id): Path<String>,
) -> Result<Response, Problem> {
    Ok(answer(recordings::complete(&app, &domain, &call_id).await?))
}

fn answer(receipt: Receipt<Recording>) -> Response {
    match receipt {
        Receipt::Stored(recording) => Json(wire::Recording::from(recording)).into_response(),
        Receipt::Spooled(spooled) => (StatusCode::ACCEPTED, Json(wire::SpooledDrop::from(spooled))).into_response(),
    }
}

fn added(receipt: Receipt<Added>) -> Response {
    match receipt {
        Receipt::Stored(added) => Json(wire::AddedLeg::from(added)).into_response(),
        Receipt::Spooled(spooled) => (StatusCode::ACCEPTED, Json(wire::SpooledDrop::from(spooled))).into_response(),
    }
}

/// `GET /core/v1/recordings/{call}`: where it stands.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(call_id): Path<String>,
) -> Result<Json<wire::RecordingDetails>, Problem> {
    let recording = recordings::by_call_id(&app, &domain, &call_id).await?;
    Ok(Json(recordings::details(&app, &domain, recording.id).await?.into()))
}
