//! `Idempotency-Key`: a POST that is sent again is answered again, and not done again.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{FromRequest, MatchedPath, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tracing::Instrument;
use uuid::Uuid;

use crate::{
    app::App,
    audit::{self, Doing},
    error::ServiceError,
    http::{error::Problem, extract::Collected, form, request_id},
    idempotency::{self, ASK_AGAIN, Claim, Found, Kept},
    keys::{Grant, Role},
    refusal::RequestRefusal,
};

/// What a sender calls a request.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is one of before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest key.
const LONGEST_KEY: usize = 255;

/// Most bytes of an answer that is kept.
const LARGEST_ANSWER: u64 = 256 * 1024;

/// Headers of an answer that are kept with it.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// Marks an answer that holds a secret, which is shown once and kept nowhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct HasSecret;

/// The mark of an answer with a secret.
pub(super) const HAS_SECRET: axum::Extension<HasSecret> = axum::Extension(HasSecret);

/// Whether a key of this header counts. What a core drops has an id of its own; reporting a bounce twice is like once.
pub(super) fn counts(method: &Method, route: &MatchedPath, grant: &Grant) -> bool {
    method == Method::POST && grant.role != Role::Core && route.as_str() != "/v1/bounces"
}

/// Does a request unless it was done before under this key; then its answer of before is given.
pub(super) async fn run(
    app: Arc<App>,
    bearer: Uuid,
    key: &HeaderValue,
    doing: impl FnOnce(Option<Claim>) -> Doing,
    request: Request,
    next: Next,
) -> Response {
    match tell(&app, bearer, key, request).await {
        Ok(Told::Do { claim, request, print }) => {
            // Who asked may hang up; what has begun goes on to its end, so that who asks again finds its answer.
            let (inner, held, doing) = (app.clone(), claim.clone(), doing(Some(claim.clone())));
            let act = async move {
                let response = audit::doing(doing, next.run(request)).await;
                settle(&inner, &held, &print, response).await
            };
            let id = request_id::current().unwrap_or(Uuid::nil());
            match tokio::spawn(request_id::of(id, act).in_current_span()).await {
                Ok(response) => response,
                Err(error) => {
                    release(&app, &claim).await;
                    std::panic::resume_unwind(error.into_panic())
                }
            }
        }
        Ok(Told::Answer(response)) => response,
        Err(problem) => problem.into_response(),
    }
}

/// What is to be done with a request.
enum Told {
    Do { claim: Claim, request: Request, print: Arc<Mutex<Fingerprint>> },
    Answer(Response),
}

async fn tell(app: &App, bearer: Uuid, key: &HeaderValue, request: Request) -> Result<Told, Problem> {
    let key = read(key)?;
    let print = Fingerprint::begin(&request);
    let (request, print) = match print.delimiter {
        // A form may be large, and flows by.
        Some(_) => watched(request, print),
        None => collected(request, print).await?,
    };
    match idempotency::claim(app, bearer, key).await? {
        Found::Claimed(claim) => Ok(Told::Do { claim, request, print }),
        Found::InFlight => Err(Problem::from(RequestRefusal::InFlight {}).after(ASK_AGAIN)),
        Found::Done { effect } => Err(RequestRefusal::AnswerNotKept { effect }.into()),
        Found::Answered { fingerprint, answer } => {
            let mut rest = request.into_body().into_data_stream();
            while let Some(chunk) = rest.next().await {
                chunk.map_err(|_| ServiceError::BodyBroken)?;
            }
            let now = lock(&print).finish();
            match now == Some(fingerprint) {
                true => Ok(Told::Answer(replay(answer))),
                false => Err(RequestRefusal::IdempotencyKeyReused {}.into()),
            }
        }
    }
}

fn read(key: &HeaderValue) -> Result<&str, Problem> {
    let is_visible =
        |key: &&str| (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    let bad = RequestRefusal::BadIdempotencyKey { most: LONGEST_KEY };
    key.to_str().ok().filter(is_visible).ok_or_else(|| bad.into())
}

fn replay(answer: Kept) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// Keeps the answer, or lets the key go.
async fn settle(app: &App, claim: &Claim, print: &Mutex<Fingerprint>, response: Response) -> Response {
    let status = response.status();
    let fingerprint = lock(print).finish();
    let is_settled = status.is_success() || status == StatusCode::UNPROCESSABLE_ENTITY;
    let is_small = response.body().size_hint().upper().is_some_and(|bytes| bytes <= LARGEST_ANSWER);
    let has_secret = response.extensions().get::<HasSecret>().is_some();
    let Some(fingerprint) = fingerprint.filter(|_| is_settled && is_small && !has_secret) else {
        release(app, claim).await;
        return response;
    };
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, LARGEST_ANSWER as usize).await {
        Ok(body) => body,
        Err(error) => {
            release(app, claim).await;
            return Problem::from(ServiceError::Internal(error.into())).into_response();
        }
    };
    if let Err(error) = idempotency::keep(app, claim, &fingerprint, &kept(status, &parts.headers, &body)).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "an answer could not be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

fn kept(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Kept {
    let text = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
    Kept {
        status: status.as_u16(),
        headers: KEPT_HEADERS.iter().filter_map(text).collect(),
        body: String::from_utf8_lossy(body).into_owned(),
    }
}

async fn release(app: &App, claim: &Claim) {
    if let Err(error) = idempotency::let_go(app, claim).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "an idempotency key could not be let go");
    }
}

fn lock(print: &Mutex<Fingerprint>) -> std::sync::MutexGuard<'_, Fingerprint> {
    print.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads the body of a request that is no form, and gives it back.
async fn collected(request: Request, mut print: Fingerprint) -> Result<(Request, Arc<Mutex<Fingerprint>>), Problem> {
    let (parts, body) = request.into_parts();
    let Collected(body) = Collected::from_request(Request::from_parts(parts.clone(), body), &()).await?;
    print.see(&body);
    print.is_whole = true;
    Ok((Request::from_parts(parts, Body::from(body)), Arc::new(Mutex::new(print))))
}

/// Watches the body of a form as it flows by.
fn watched(request: Request, print: Fingerprint) -> (Request, Arc<Mutex<Fingerprint>>) {
    let print = Arc::new(Mutex::new(print));
    let seen = Arc::clone(&print);
    let (parts, body): (Parts, Body) = request.into_parts();
    let body = body.into_data_stream().inspect(move |chunk| {
        if let Ok(chunk) = chunk {
            lock(&seen).see(chunk);
        }
    });
    (Request::from_parts(parts, Body::from_stream(body)), print)
}

/// What tells requests apart: method, address, kind of body and the body itself; of a form all but its delimiters, for clients
/// choose new ones each time.
struct Fingerprint {
    hash: Sha256,
    /// What stands between the parts of a form.
    delimiter: Option<Vec<u8>>,
    /// What may be the beginning of a delimiter.
    held: Vec<u8>,
    /// Whether all of the body was seen.
    is_whole: bool,
}

impl Fingerprint {
    fn begin(request: &Request) -> Self {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default();
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let boundary = form::announces_form(request.headers()).then(|| boundary(content_type)).flatten();
        let mut hash = Sha256::new();
        let address = request.uri().path_and_query().map_or("", |address| address.as_str());
        for part in [request.method().as_str(), address, &kind] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self { hash, delimiter: boundary, held: Vec::new(), is_whole: false }
    }

    /// Sees more of the body.
    fn see(&mut self, bytes: &[u8]) {
        let Some(delimiter) = &self.delimiter else {
            self.hash.update(bytes);
            return;
        };
        if self.is_whole {
            return;
        }
        self.held.extend_from_slice(bytes);
        let mut from = 0;
        while let Some(at) = find(&self.held[from..], delimiter).map(|at| from + at) {
            // Two hyphens after it end the form; what comes then is not looked at by anybody.
            let Some(next) = self.held.get(at + delimiter.len()..at + delimiter.len() + 2) else {
                self.hash.update(&self.held[from..at]);
                self.held.drain(..at);
                return;
            };
            self.hash.update(&self.held[from..at]);
            self.hash.update(b"\0delimiter\0");
            if next == b"--" {
                self.is_whole = true;
                self.held = Vec::new();
                return;
            }
            from = at + delimiter.len();
        }
        let kept = delimiter.len().min(self.held.len() - from);
        let seen = self.held.len() - kept;
        self.hash.update(&self.held[from..seen]);
        self.held.drain(..seen);
    }

    /// The fingerprint; none if not all of the body was seen.
    fn finish(&self) -> Option<String> {
        self.is_whole.then(|| hex(&self.hash.clone().finalize()))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Into a string, nothing fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = *wanted.first()?;
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first).map(|at| from + at) {
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// What stands between the parts of a form.
fn boundary(content_type: &str) -> Option<Vec<u8>> {
    let at = content_type.to_ascii_lowercase().find("boundary=")?;
    let rest = content_type[at + "boundary=".len()..].trim_start();
    let boundary = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(';').next()?.trim(),
    };
    (!boundary.is_empty()).then(|| [b"--", boundary.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_form(boundary: &str, body: &str, step: usize) -> Option<String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/prompts")
            .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary=\"{boundary}\""))
            .body(Body::empty())
            .unwrap();
        let mut print = Fingerprint::begin(&request);
        for chunk in body.replace("BOUNDARY", boundary).as_bytes().chunks(step) {
            print.see(chunk);
        }
        print.finish()
    }

    const FORM: &str = "--BOUNDARY\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\ngreeting\r\n--BOUNDARY\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n-RIFF--BOUND--\r\n--BOUNDARY--\r\n";

    #[test]
    fn a_form_is_the_same_with_another_boundary_in_whatever_pieces() {
        let first = of_form("x1", FORM, 1_000).expect("it is whole");
        for (boundary, step) in [("x1", 1), ("----WebKitFormBoundary7MA4YWxkTrZu0gW", 7), ("-", 3), ("x1", 50)] {
            assert_eq!(of_form(boundary, FORM, step).as_ref(), Some(&first), "{boundary} in steps of {step}");
        }
        let longer = format!("{FORM}and what nobody looks at");
        assert_eq!(of_form("x1", &longer, 11), Some(first.clone()));
        assert_ne!(of_form("x1", &FORM.replace("greeting", "hold_music"), 9), Some(first.clone()));
        assert_ne!(of_form("x1", &FORM.replace("RIFF", "RIFX"), 9), Some(first));
    }

    #[test]
    fn half_a_form_has_no_fingerprint() {
        assert_eq!(of_form("x1", FORM.trim_end_matches("--\r\n"), 8), None);
    }
}
