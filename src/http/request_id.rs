//! The name of a request: in its answer, in problems, in every line that is logged meanwhile, and in the audit log.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");

tokio::task_local! {
    static CURRENT: Uuid;
}

/// Names a request. What its sender calls it does not count: two of them may choose the same.
pub(super) async fn name(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7();
    let span = tracing::info_span!("request", %id);
    let mut response = of(id, next.run(request)).instrument(span).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Does something for the request of that name.
pub(super) async fn of<T>(id: Uuid, act: impl Future<Output = T>) -> T {
    CURRENT.scope(id, act).await
}

/// The request that something is done for.
pub(super) fn current() -> Option<Uuid> {
    CURRENT.try_with(|id| *id).ok()
}
