//! What handlers take from a request: axum's extractors, whose refusals are problems with words like all others.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, PathRejection},
    },
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_TYPE, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_path_to_error::Segment;

use crate::{
    error::ServiceError,
    http::{
        error::Problem,
        fields::{self, Fields},
    },
    refusal::{RequestRefusal, Rule},
};

/// How long a body may take that is collected into memory, however small its steps are.
const SLOWEST_BODY: Duration = Duration::from_secs(60);

/// A JSON object, coming or going.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !announces_json(request.headers()) {
            return Err(RequestRefusal::NotJson {}.into());
        }
        let Collected(body) = Collected::from_request(request, state).await?;
        Ok(Self(object(&body)?))
    }
}

/// Whether the head says that the body is JSON, perhaps of a kind such as `application/merge-patch+json`.
pub(super) fn announces_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.strip_prefix("application/").is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
}

/// Reads a body that must be an object: serde takes an array for a struct, field by field, and whoever reordered the fields
/// would change what it means.
fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let bad = |rule| Problem::at(RequestRefusal::BadBody {}, "", &rule);
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad(Rule::NotAnObject {}));
    }
    let no_json = |error: &serde_json::Error| bad(Rule::BadJson { cause: error.to_string() });
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| match error.inner().is_data() {
        true => bad_field(RequestRefusal::BadBody {}, &error),
        false => no_json(error.inner()),
    })?;
    reader.end().map_err(|error| no_json(&error))?;
    Ok(read)
}

/// Names the field that cannot be read.
fn bad_field(refusal: RequestRefusal, error: &serde_path_to_error::Error<impl std::error::Error>) -> Problem {
    let cause = error.inner().to_string();
    let rule = match cause.starts_with("unknown field") {
        true => Rule::UnknownField {},
        false => Rule::BadValue { cause },
    };
    Problem::at(refusal, pointer(error.path()), &rule)
}

/// The JSON pointer (RFC 6901) to a place.
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(fields::pointer(key)),
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
    tokio::time::timeout(SLOWEST_BODY, collecting).await.unwrap_or_else(|_| Err(RequestRefusal::BodyTooSlow {}.into()))
}

/// What stands after the `?`.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        query(&parts.uri).map(Self)
    }
}

fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    axum::extract::Query::try_from_uri(uri).map(|axum::extract::Query(read)| read).map_err(|rejection| {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&rejection);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<serde_path_to_error::Error<serde::de::value::Error>>() {
                return bad_field(RequestRefusal::BadQuery {}, error);
            }
            cause = error.source();
        }
        Problem::at(RequestRefusal::BadQuery {}, "", &Rule::BadValue { cause: rejection.body_text() })
    })
}

/// Refuses whatever stands after the `?`, where nothing of it is read: who sends it believes that it changes the answer.
pub(super) async fn no_parameters(request: Request, next: Next) -> Response {
    match Fields::of_query(request.uri().query().unwrap_or_default()).nothing_else(RequestRefusal::BadQuery {}) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// How many entries of a list are asked for: 100 unless said, 500 at most.
#[derive(Clone, Copy, Debug, Deserialize)]
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
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => RequestRefusal::BodyTooLarge {}.into(),
            _ => ServiceError::BodyBroken.into(),
        }
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
            assert_eq!(problem["type"], "/problems/bad-body", "{body}");
            let code = problem["errors"][0]["code"].as_str().unwrap();
            assert!(matches!(code, "not_an_object" | "bad_json"), "{body}: {code}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        before: Option<uuid::Uuid>,
        #[serde(default)]
        limit: Limit,
    }

    #[test]
    fn a_parameter_that_is_wrong_or_unknown_is_named() {
        let page: Page = query(&Uri::from_static("/v1/messages?limit=7")).unwrap();
        assert_eq!((page.limit.0, page.before), (7, None));
        for (address, pointer, code) in [
            ("/v1/messages?limit=7&order=oldest", "/order", "unknown_field"),
            ("/v1/messages?limit=many", "/limit", "bad_value"),
            ("/v1/messages?limit=-1", "/limit", "bad_value"),
            ("/v1/messages?before=yesterday", "/before", "bad_value"),
        ] {
            let refused = serde_json::to_value(query::<Page>(&Uri::from_static(address)).unwrap_err()).unwrap();
            assert_eq!((&refused["type"], &refused["status"]), (&"/problems/bad-query".into(), &400.into()));
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{address}: {refused}");
            assert_eq!(refused["errors"][0]["code"], code, "{address}");
        }
    }
}
