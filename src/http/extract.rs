//! What handlers take from a request: axum's extractors, whose refusals are problems with words like all others.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_path_to_error::Segment;

use crate::{
    http::error::{FieldError, Problem},
    refusal::Rule,
};

/// How long a body may take that is collected into memory, however small its steps are.
const SLOWEST_BODY: Duration = Duration::from_secs(60);

/// A JSON object, coming or going.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !announces_json(request.headers()) {
            let detail = "the body must be JSON: send it with Content-Type: application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json", detail));
        }
        let Collected(body) = Collected::from_request(request, state).await?;
        Ok(Self(object(&body)?))
    }
}

/// Whether the head says that the body is JSON, perhaps of a kind such as `application/merge-patch+json`.
fn announces_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

/// Reads a body that must be an object: serde takes an array for a struct, field by field, and whoever reordered the fields
/// would change what it means.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::bad_request("the body must be a JSON object: { … }"));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| bad_field(&error))?;
    reader.end().map_err(|error| Problem::bad_request(format!("the body is no JSON: {error}")))?;
    Ok(read)
}

/// Names the field that cannot be read.
fn bad_field(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let cause = error.inner().to_string();
    if !error.inner().is_data() {
        return Problem::bad_request(format!("the body is no JSON: {cause}"));
    }
    let rule = match cause.starts_with("unknown field") {
        true => Rule::UnknownField {},
        false => Rule::BadValue { cause },
    };
    let error = FieldError::new(pointer(error.path()), &rule);
    let place = if error.pointer.is_empty() { "the body".to_owned() } else { error.pointer.clone() };
    Problem::new(StatusCode::BAD_REQUEST, "bad-body", format!("{place} cannot be taken: {}", error.detail))
        .with(vec![error])
}

/// The JSON pointer (RFC 6901) to a place.
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wanted {
        #[expect(dead_code, reason = "only whether it can be read is of interest")]
        recipients: Vec<String>,
    }

    fn refused(body: &str) -> Value {
        serde_json::to_value(object::<Wanted>(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn a_body_that_cannot_be_read_is_refused_with_a_pointer_to_the_field() {
        object::<Wanted>(br#" {"recipients": ["a"]}"#).unwrap();
        let unknown = refused(r#"{"recipients": [], "a/b": 1}"#);
        assert_eq!(unknown["status"], 400);
        assert_eq!(unknown["errors"][0]["pointer"], "/a~1b");
        assert_eq!(unknown["errors"][0]["code"], "unknown_field");
        let wrong = refused(r#"{"recipients": ["a", 7]}"#);
        assert_eq!(wrong["errors"][0]["pointer"], "/recipients/1");
        assert_eq!(wrong["errors"][0]["code"], "bad_value");
    }

    #[test]
    fn only_an_object_is_taken_for_one() {
        for body in ["", "[[\"a\"]]", "null", "7", "{\"recipients\": []} 7", "{\"recipients\": ["] {
            let problem = refused(body);
            assert_eq!(problem["type"], "/problems/bad-request", "{body}");
        }
    }
}
