//! Voicemails from call cores: raw bodies with metadata in the query, or forms.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Multipart, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use voicemill_types::{MessageId, Time};

use crate::{
    app::App,
    arrivals::Taken,
    http::{
        auth::Core,
        core::{announced, check_announced, incoming},
        error::Problem,
        extract::{Json, Path, Query},
        multipart,
    },
    messages::{self, Arrival, Message, Received},
};

/// What a core says beside the bytes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    caller_number: String,
    #[serde(default)]
    caller_name: String,
    service_number: Option<String>,
    received_at: Option<Time>,
    format: Option<String>,
}

/// `PUT /core/v1/mailboxes/{extension}/messages/{id}?caller_number=…`: the body is the audio.
pub(super) async fn drop_raw(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path((extension, core_id)): Path<(String, String)>,
    Query(said): Query<Said>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let incoming = incoming(&headers, said.format, body);
    let arrival = Arrival {
        extension,
        core_id,
        caller_number: said.caller_number,
        caller_name: said.caller_name,
        service_number: said.service_number,
        received_at: said.received_at,
        announced_bytes: announced(&headers),
    };
    check_announced(&app, arrival.announced_bytes)?;
    Ok(answer(messages::receive(&app, &domain, arrival, incoming).await?))
}

/// `POST /core/v1/mailboxes/{extension}/messages`: a form with `id`, `caller_number`, … and then the file.
pub(super) async fn drop_form(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(extension): Path<String>,
    form: Multipart,
) -> Result<Response, Problem> {
    let received = multipart::receive(form, async |mut fields, incoming| {
        let received_at = match fields.remove("received_at") {
            None => None,
            Some(text) => Some(
                text.parse::<jiff::Timestamp>()
                    .map_err(|error| Problem::bad_request(format!("received_at is no RFC 3339 time: {error}")))?,
            ),
        };
        let mut text = |name: &str| fields.remove(name).unwrap_or_default();
        let arrival = Arrival {
            extension,
            core_id: text("id"),
            caller_number: text("caller_number"),
            caller_name: text("caller_name"),
            service_number: Some(text("service_number")),
            received_at: received_at.map(Time::from),
            announced_bytes: None,
        };
        Ok(messages::receive(&app, &domain, arrival, incoming).await?)
    })
    .await?;
    Ok(answer(received))
}

/// `GET /core/v1/messages/{id}`: where the work on it stands.
pub(super) async fn state(
    State(app): State<Arc<App>>,
    Core(domain): Core,
    Path(id): Path<MessageId>,
) -> Result<Response, Problem> {
    match messages::details(&app, &domain, id).await {
        Ok(details) => Ok(Json(details).into_response()),
        // It may be on its way.
        Err(error) => match messages::spooled(&app, &domain, id).await? {
            Some(spooled) => Ok(Json(spooled).into_response()),
            None => Err(error.into()),
        },
    }
}

/// The message, and what else has the id that the core gave it.
#[derive(Serialize)]
struct Answered {
    #[serde(flatten)]
    message: Message,
    /// An earlier message with the same id and other bytes; both are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_id_as: Option<MessageId>,
}

fn answer(taken: Taken<Received>) -> Response {
    match taken {
        Taken::Done(Received { message, fresh, same_id_as }) => {
            let status = if fresh { StatusCode::CREATED } else { StatusCode::OK };
            (status, Json(Answered { message, same_id_as })).into_response()
        }
        Taken::Spooled(spooled) => (StatusCode::ACCEPTED, Json(spooled)).into_response(),
    }
}
