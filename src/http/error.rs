//! Errors as RFC 9457 problems.

use std::{any::Any, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    error::ServiceError,
    http::request_id,
    refusal::{Failure, RequestRefusal, Rule, Thing, parameters},
};

/// When to try again what usually works.
const SOON: Duration = Duration::from_secs(4);

/// A problem to be answered: a stable type for programs, sentences for people.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    /// A relative address that names the kind of problem, such as `/problems/mailbox-not-found`.
    #[serde(rename = "type")]
    kind: String,
    /// The kind in words, the same for every problem of it.
    title: Box<str>,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// What is wrong with this request, and what to do.
    detail: String,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// What the sentence is made of, for other languages.
    #[serde(skip_serializing_if = "Map::is_empty")]
    parameters: Box<Map<String, Value>>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// A problem with the request that has it.
#[derive(Serialize)]
struct Named {
    #[serde(flatten)]
    problem: Problem,
    /// As `Request-Id` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<Uuid>,
}

/// One field that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct FieldError {
    /// A JSON pointer to it; empty for the whole.
    pub(super) pointer: String,
    /// What is wrong, in a name that stays when its sentence changes.
    pub(super) code: &'static str,
    /// What is wrong, in a sentence.
    pub(super) detail: String,
    /// What the sentence is made of, for other languages.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) parameters: Map<String, Value>,
}

impl FieldError {
    pub(super) fn new(pointer: impl Into<String>, rule: &Rule) -> Self {
        Self { pointer: pointer.into(), code: rule.code(), detail: rule.to_string(), parameters: parameters(rule) }
    }
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

/// `mailbox-not-found` as `Mailbox not found`.
fn title(kind: &str) -> String {
    let mut words = kind.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

impl Problem {
    fn new(status: StatusCode, code: &str, detail: String) -> Self {
        let kind = code.replace('_', "-");
        Self {
            title: title(&kind).into(),
            kind: format!("/problems/{kind}"),
            status,
            detail,
            errors: Vec::new(),
            parameters: Box::default(),
            retry_after: None,
        }
    }

    /// A body, form or query in which one place breaks a rule; `pointer` is empty where no place alone does.
    pub(super) fn at(refusal: RequestRefusal, pointer: impl Into<String>, rule: &Rule) -> Self {
        let error = FieldError::new(pointer, rule);
        let place = if error.pointer.is_empty() { String::new() } else { format!("{}: ", error.pointer) };
        let problem = Self::from(refusal);
        Self { detail: format!("{}: {place}{}", problem.detail, error.detail), errors: vec![error], ..problem }
    }

    /// Says when to try again.
    pub(super) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The answer where there is nothing, or nothing for who asks.
    pub(super) fn no_such_address() -> Self {
        ServiceError::NotFound(Thing::Address {}).into()
    }

    /// The answer to a client that failed too often; it may try again after `wait`.
    pub(super) fn too_many(wait: Duration) -> Self {
        Self::from(RequestRefusal::TooManyFailures {}).after(wait)
    }

    /// Says which prompt it is about, for whoever looks at it later.
    pub(super) fn about_prompt(mut self, id: voicemill_types::PromptId) -> Self {
        self.parameters.insert("prompt".to_owned(), id.to_string().into());
        self
    }

    /// The answer to audio, or a script, of which nothing can be made.
    pub(super) fn failed(failure: &Failure) -> Self {
        let error = FieldError {
            pointer: String::new(),
            code: failure.code(),
            detail: failure.to_string(),
            parameters: parameters(failure),
        };
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_audio", failure.to_string());
        Self { errors: vec![error], ..problem }
    }
}

impl From<RequestRefusal> for Problem {
    fn from(refusal: RequestRefusal) -> Self {
        use RequestRefusal::{
            ActsForNobody, AnswerNotKept, BadBody, BadForm, BadHost, BadIdempotencyKey, BadQuery, BodyTooLarge,
            BodyTooSlow, ContentTypeMissing, FormAsAudio, HostMissing, HostTwice, IdempotencyKeyReused, InFlight,
            KeyInAddress, KeyMissing, MethodNotAllowed, NotAForm, NotJson, OtherOrigin, RangeOutside, RateLimited,
            TooManyFailures, TooManyStreams, UnknownEncoding, UnknownKey, WrongAddress, WrongKey,
        };
        let status = match &refusal {
            BadBody {}
            | BadForm {}
            | BadQuery {}
            | HostMissing {}
            | HostTwice {}
            | BadHost {}
            | BadIdempotencyKey { .. } => StatusCode::BAD_REQUEST,
            KeyMissing {} | UnknownKey {} => StatusCode::UNAUTHORIZED,
            WrongKey { .. } | WrongAddress {} | KeyInAddress {} | ActsForNobody {} | OtherOrigin {} => {
                StatusCode::FORBIDDEN
            }
            MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            InFlight {} | AnswerNotKept { .. } => StatusCode::CONFLICT,
            IdempotencyKeyReused {} => StatusCode::UNPROCESSABLE_ENTITY,
            BodyTooSlow {} => StatusCode::REQUEST_TIMEOUT,
            BodyTooLarge {} => StatusCode::PAYLOAD_TOO_LARGE,
            NotJson {} | ContentTypeMissing {} | NotAForm { .. } | FormAsAudio {} | UnknownEncoding { .. } => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            RangeOutside {} => StatusCode::RANGE_NOT_SATISFIABLE,
            TooManyFailures {} | TooManyStreams { .. } | RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        };
        let problem = Self::new(status, refusal.code(), refusal.to_string());
        Self { parameters: Box::new(parameters(&refusal)), ..problem }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let status = match &error {
            ServiceError::NotFound(_) => StatusCode::NOT_FOUND,
            ServiceError::Unproven { .. } => StatusCode::FORBIDDEN,
            ServiceError::Gone => StatusCode::GONE,
            ServiceError::Invalid { .. } | ServiceError::Audio(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ServiceError::Conflict(_) => StatusCode::CONFLICT,
            ServiceError::ChangedMeanwhile => StatusCode::PRECONDITION_FAILED,
            ServiceError::PreconditionMissing => StatusCode::PRECONDITION_REQUIRED,
            ServiceError::MailboxFull { .. } | ServiceError::Full => StatusCode::INSUFFICIENT_STORAGE,
            ServiceError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ServiceError::BodyBroken => StatusCode::BAD_REQUEST,
            ServiceError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            ServiceError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if let ServiceError::Unavailable(cause) | ServiceError::Internal(cause) = &error {
            tracing::error!(cause = format!("{cause:#}"), "a request failed");
        }
        let problem = Self::new(status, &error.code(), error.to_string());
        match &error {
            ServiceError::Invalid { pointer, rule } => Self { errors: vec![FieldError::new(pointer, rule)], ..problem },
            ServiceError::MailboxFull { extension, stored, quota, more } => {
                let parameters = [
                    ("extension", extension.clone().into()),
                    ("stored", (*stored).into()),
                    ("quota", (*quota).into()),
                    ("more", (*more).into()),
                ];
                Self {
                    parameters: Box::new(
                        parameters.map(|(name, value)| (name.to_owned(), value)).into_iter().collect(),
                    ),
                    ..problem
                }
            }
            ServiceError::TooLarge { limit } => {
                Self { parameters: Box::new(Map::from_iter([("limit".to_owned(), (*limit).into())])), ..problem }
            }
            ServiceError::Unproven { missing } => {
                Self { parameters: Box::new(Map::from_iter([("cause".to_owned(), (*missing).into())])), ..problem }
            }
            ServiceError::Conflict(conflict) => Self { parameters: Box::new(parameters(conflict)), ..problem },
            ServiceError::Audio(fault) => Self::failed(&Failure::Audio(fault.clone())),
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let mut response = (status, Json(Named { problem: self, request_id: request_id::current() })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer, Basic realm=\"voicemill\""));
        }
        let retry_after = retry_after.or((status == StatusCode::SERVICE_UNAVAILABLE).then_some(SOON));
        if let Some(wait) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}

/// The answer where there is no route.
pub(super) async fn no_such_address() -> Problem {
    Problem::no_such_address()
}

/// The answer where there is a route, but not for this method; the router adds those that there are as `Allow`.
pub(super) async fn no_such_method(method: Method) -> Problem {
    RequestRefusal::MethodNotAllowed { method: method.to_string(), allowed: Vec::new() }.into()
}

/// The answer when a handler panicked: one request fails, and nothing of the panic leaves the house.
pub(super) fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let message = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Problem::from(ServiceError::Internal(anyhow::anyhow!("a handler panicked: {message}"))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Conflict;

    fn answered(error: ServiceError) -> Value {
        serde_json::to_value(Problem::from(error)).unwrap()
    }

    #[test]
    fn a_problem_has_a_type_that_stays_and_names_the_field() {
        let rule = Rule::OutOfRange { field: "brief_seconds".to_owned(), given: 1.0, least: 5.0, most: 300.0 };
        let missing = answered(ServiceError::NotFound(Thing::Mailbox {}));
        assert_eq!(missing["type"], "/problems/mailbox-not-found");
        assert_eq!(missing["title"], "Mailbox not found");
        assert_eq!(missing["status"], 404);
        assert_eq!(missing.get("errors"), None);

        let invalid = answered(ServiceError::invalid("/brief_seconds", rule));
        assert_eq!(invalid["type"], "/problems/invalid");
        assert_eq!(invalid["errors"][0]["pointer"], "/brief_seconds");
        assert_eq!(invalid["errors"][0]["code"], "out_of_range");
        assert_eq!(invalid["errors"][0]["parameters"]["most"], 300.0);
        assert_eq!(invalid["detail"], "brief_seconds is 1; it must lie between 5 and 300");

        assert_eq!(answered(ServiceError::Conflict(Conflict::WrongMove {}))["type"], "/problems/wrong-move");
        let full =
            answered(ServiceError::MailboxFull { extension: "101".to_owned(), stored: 90, quota: 100, more: 20 });
        assert_eq!((&full["status"], &full["parameters"]["quota"]), (&507.into(), &100.into()));
        let audio = answered(ServiceError::Audio(voicemill_audio::format::Fault::ImpossibleRate { rate_hz: 5 }));
        assert_eq!(audio["type"], "/problems/bad-audio");
        assert_eq!(audio["errors"][0]["parameters"]["rate_hz"], 5);
    }
}
