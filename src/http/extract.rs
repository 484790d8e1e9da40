//! What handlers take from a request: axum's extractors, whose refusals are problems with words like all others.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::http::error::Problem;

/// How long a body may take that is collected into memory, however small its steps are.
const SLOWEST_BODY: Duration = Duration::from_secs(60);

/// A body of JSON, coming or going.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        in_time(async { Ok(axum::Json::from_request(request, state).await?) }).await.map(|axum::Json(body)| Self(body))
    }
}

/// A body as it is, collected into memory under the limit of its route.
pub(super) struct Collected(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Collected {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        in_time(async { Ok(Bytes::from_request(request, state).await?) }).await.map(Self)
    }
}

async fn in_time<T>(collecting: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    tokio::time::timeout(SLOWEST_BODY, collecting).await.unwrap_or_else(|_| Err(Problem::too_slow()))
}

/// What stands after the `?`.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Query<T>(pub(super) T);

/// How many entries of a list are asked for: 100 unless said, 500 at most.
#[derive(Clone, Copy, Deserialize)]
#[serde(from = "u16")]
pub(super) struct Limit(pub(super) u16);

impl From<u16> for Limit {
    fn from(wanted: u16) -> Self {
        Self(wanted.clamp(1, 500))
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

/// The variable parts of the path.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub(super) struct Path<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "bad-body", rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        Self::new(rejection.status(), "bad-body", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), "bad-query", rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    // An id that is none leads nowhere, like one that is not known.
    fn from(_: PathRejection) -> Self {
        Self::no_such_address()
    }
}
