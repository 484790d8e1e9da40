//! Voicemails from call cores: raw bodies with metadata in the query, or forms.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use voicemill_types::MessageId;

use crate::{
    app::App,
    arrivals::Receipt,
    domains::Domain,
    http::{
        auth::Core,
        error::Problem,
        extract::{Json, Path},
        fields::Fields,
        form, raw, wire,
    },
    messages::{self, Arrival, Received},
};

/// What a core says of a message, in the query or in a form.
const FIELDS: [&str; 6] = ["id", "caller_number", "caller_name", "service_number", "received_at", "format"];

/// `PUT /core/v1/mailboxes/{extension}/messages/{id}?caller_number=…`: the body is the audio, or a form with it.
pub(super) async fn drop_raw(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((extension, core_id)): Path<(String, String)>,
    mut fields: Fields,
    request: Request,
) -> Result<Response, Problem> {
    if form::announces_form(request.headers()) {
        let (of_form, mut incoming) = form::receive(&app, request, &FIELDS).await?;
        fields.extend(of_form);
        incoming.hint = fields.take("format").or(incoming.hint);
        let arrival = arrival(&domain, extension, core_id, fields, None);
        return Ok(answer(messages::receive(&app, &domain, arrival, incoming).await?));
    }
    let announced = raw::announced(request.headers());
    let (incoming, form_check) = raw::receive(&app, request, fields.take("format"))?;
    let arrival = arrival(&domain, extension, core_id, fields, announced);
    Ok(answer(form_check.explain(messages::receive(&app, &domain, arrival, incoming).await)?))
}

/// `POST /core/v1/mailboxes/{extension}/messages`: a form with the file, `id`, `caller_number`, … in any order.
pub(super) async fn drop_form(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(extension): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut fields, mut incoming) = form::receive(&app, request, &FIELDS).await?;
    incoming.hint = fields.take("format").or(incoming.hint);
    let core_id = fields.text("id");
    let arrival = arrival(&domain, extension, core_id, fields, None);
    Ok(answer(messages::receive(&app, &domain, arrival, incoming).await?))
}

fn arrival(
    domain: &Domain,
    extension: String,
    core_id: String,
    mut fields: Fields,
    announced_bytes: Option<u64>,
) -> Arrival {
    Arrival {
        extension,
        core_id,
        caller_number: fields.number("caller_number"),
        caller_name: fields.text("caller_name"),
        service_number: Some(fields.number("service_number")),
        received_at: fields.moment("received_at", &domain.time_zone),
        announced_bytes,
    }
}

/// `GET /core/v1/messages/{id}`: where the work on it stands.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(id): Path<MessageId>,
) -> Result<Response, Problem> {
    match messages::details(&app, &domain, id).await {
        Ok(details) => Ok(Json(wire::MessageDetails::from(details)).into_response()),
        // It may be on its way.
        Err(error) => match messages::spooled(&app, &domain, id).await? {
            Some(spooled) => Ok(Json(wire::SpooledDrop::from(spooled)).into_response()),
            None => Err(error.into()),
        },
    }
}

fn answer(receipt: Receipt<Received>) -> Response {
    match receipt {
        Receipt::Stored(received) => {
            let status = if received.fresh { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(wire::DroppedMessage::from(received))).into_response()
        }
        Receipt::Spooled(spooled) => (StatusCode::ACCEPTED, Json(wire::SpooledDrop::from(spooled))).into_response(),
    }
}
