//! What providers report to us. The key in the address lets them in, with whatever proof of theirs goes along.
//!
//! The one place where GET changes something: gateways such as Kannel report by nothing else.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension, Router,
    extract::{FromRequest, RawQuery, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};

use crate::{
    app::App,
    http::{
        client::Client,
        error::Problem,
        extract::{Collected, Path},
        limiter::Limiter,
    },
    notices,
};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/sms/{key}", post(callback).get(callback)).layer(Extension(Arc::new(Limiter::new())))
}

/// `POST` or `GET /hooks/sms/{key}`: a report of delivery, or a reply, in the provider's own form. Nothing of it is read
/// before the key is known to be right.
async fn callback(
    State(app): State<Arc<App>>,
    Extension(limiter): Extension<Arc<Limiter>>,
    Extension(Client(client)): Extension<Client>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    if !notices::replies::is_webhook_key(&app, &key) {
        return match limiter.failed(client, Instant::now()) {
            Some(wait) => Problem::too_many(wait).into_response(),
            None => Problem::no_such_address().into_response(),
        };
    }
    let callback = async {
        let headers = request.headers().clone();
        let Collected(body) = Collected::from_request(request, &()).await?;
        notices::replies::receive(&app, &key, &query.unwrap_or_default(), &headers, &body).await?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    };
    callback.await.into_response()
}
