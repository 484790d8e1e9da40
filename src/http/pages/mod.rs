//! The page behind a mailed link: it shows and plays one message, and records nothing until somebody plays it.

mod assets;
mod templates;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use askama::Template;
use axum::{
    Extension, Router,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use tower_http::set_header::SetResponseHeaderLayer;
use voicemill_types::Transcript;

use self::{
    assets::Asset,
    templates::{AudioSource, Download, Gone, GonePage, ListenPage},
};
use crate::{
    app::App,
    error::ServiceError,
    http::{client::Client, error::Problem, extract::Path, limiter::Limiter, media},
    links::{
        self, LinkSpan, Shown,
        tokens::{LinkKeys, Purpose},
    },
    media::Rendition,
    messages::TranscriptState,
    refusal::RequestRefusal,
};

/// Nothing but our own files, and no framing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; media-src 'self'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'none'";

pub(super) fn routes() -> Router<Arc<App>> {
    let always = [
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    let mut routes = Router::new()
        .route("/{token}", get(listen))
        .route("/{token}/", get(listen))
        .route("/{token}/played", post(played))
        .route("/audio/{token}/{file}", get(audio))
        .layer(Extension(Arc::new(Limiter::new())));
    for (name, value) in always {
        routes = routes.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    routes
}

/// The files that pages refer to.
pub(super) fn static_routes() -> Router<Arc<App>> {
    assets::ALL.iter().fold(Router::new(), |routes, asset| {
        routes.route(&asset.path, get(async move |headers: HeaderMap| file(asset, &headers)))
    })
}

/// One of them, packed for whoever can unpack it.
fn file(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let takes_gzip = accepted.flat_map(|line| line.split(',')).any(|encoding| encoding.trim() == "gzip");
    let always = [
        (header::CONTENT_TYPE, asset.content_type),
        // The address names these bytes for ever.
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match takes_gzip {
        true => (always, [(header::CONTENT_ENCODING, "gzip")], &*asset.packed).into_response(),
        false => (always, asset.body).into_response(),
    }
}

/// The answer to a client that sent too many bad tokens; none to a token that verifies, whoever sends it.
fn slowed_down(app: &App, limiter: &Limiter, client: Client, purpose: Purpose, token: &str) -> Option<Response> {
    if app.secrets().link_keys.verify(purpose, token).is_ok() {
        return None;
    }
    let wait = limiter.failed(client.0, Instant::now())?;
    let mut response = render(StatusCode::TOO_MANY_REQUESTS, &GonePage { reason: Gone::TooMany });
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    Some(response)
}

/// The token in an address, without what mail programs and people add behind it: `.`, `)`, `,`, `>`, `&gt;` and the like.
fn bare(token: &str) -> &str {
    match token.split_at_checked(LinkKeys::TOKEN_LENGTH) {
        Some((token, rest)) if !rest.starts_with(|next: char| next.is_ascii_alphanumeric()) => token,
        _ => token,
    }
}

/// `GET /l/{token}`
async fn listen(
    State(app): State<Arc<App>>,
    Extension(limiter): Extension<Arc<Limiter>>,
    Extension(client): Extension<Client>,
    Path(token): Path<String>,
) -> Response {
    let token = bare(&token);
    if let Some(response) = slowed_down(&app, &limiter, client, Purpose::Page, token) {
        return response;
    }
    match links::open(&app, token).await {
        Ok(shown) => render(StatusCode::OK, &page(shown, token)),
        Err(ServiceError::Gone) => render(StatusCode::GONE, &GonePage { reason: Gone::Expired }),
        Err(ServiceError::NotFound(_)) => render(StatusCode::NOT_FOUND, &GonePage { reason: Gone::NotFound }),
        Err(error) => Problem::from(error).into_response(),
    }
}

fn render(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            let error = anyhow::Error::new(error).context("a page cannot be rendered");
            Problem::from(ServiceError::Internal(error)).into_response()
        }
    }
}

fn page(shown: Shown, token: &str) -> ListenPage {
    let Shown { link, domain, mailbox, message, transcript, audio_token, playable } = shown;
    let time_zone = mailbox.clock(&domain).to_owned();
    let milliseconds = |ms: Option<i64>| Duration::from_millis(ms.unwrap_or(0).max(0).unsigned_abs());
    let whole = milliseconds(message.duration_ms);
    let audio = |file: &str| format!("/l/audio/{audio_token}/{file}");
    let source = |rendition: &Rendition| AudioSource {
        url: audio(&format!("message.{}", rendition.extension())),
        content_type: rendition.content_type.clone(),
    };
    let download = |wanted: &str| {
        let made = playable.iter().any(|rendition| rendition.extension() == wanted);
        made.then(|| Download { url: audio(&format!("voicemail.{wanted}")), format: wanted.to_uppercase() })
    };
    // MP3 is the smaller, and plays wherever WAV does.
    let downloads = ["mp3", "wav", "opus"].into_iter().filter_map(download).take(2).collect();
    let brief = link.span == LinkSpan::Brief;
    ListenPage {
        brand: domain.brand,
        caller_name: message.caller_name,
        caller_number: message.caller_number,
        received_at: message.received_at,
        expires_at: link.expires_at,
        time_zone,
        locale: domain.locale,
        duration: whole,
        clip: brief.then(|| {
            let (start, end) = (milliseconds(message.brief_start_ms), milliseconds(message.brief_end_ms));
            end.saturating_sub(start)
        }),
        // The bins are of the whole message.
        waveform: if brief { Vec::new() } else { message.waveform },
        transcript_state: if brief { TranscriptState::Off } else { message.transcript_state },
        transcript: transcript.as_ref().map(Transcript::runs),
        callback_numbers: transcript.map(|transcript| transcript.callback_numbers).unwrap_or_default(),
        sources: playable.iter().map(source).collect(),
        downloads,
        played_url: format!("/l/{token}/played"),
    }
}

/// `GET /l/audio/{token}/{file}`: the extension names the form; `message` plays, any other name is a file to keep.
async fn audio(
    State(app): State<Arc<App>>,
    Extension(limiter): Extension<Arc<Limiter>>,
    Extension(client): Extension<Client>,
    Path((token, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if let Some(response) = slowed_down(&app, &limiter, client, Purpose::Audio, &token) {
        return response;
    }
    let (stem, extension) = file.rsplit_once('.').unwrap_or((&file, ""));
    let served: Result<Response, Problem> = async {
        let audio = links::audio(&app, &token, extension).await?;
        let mut response = media::serve(&app, &audio.rendition, &method, &headers).await?;
        if stem != "message" {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(&audio.name));
        }
        Ok(response)
    }
    .await;
    served.unwrap_or_else(Problem::into_response)
}

/// To be saved under that name, in any script: RFC 6266, with a plain name for those who read no other.
fn attachment(name: &str) -> HeaderValue {
    let plain: String =
        name.chars().map(|next| if next.is_ascii_graphic() || next == ' ' { next } else { '_' }).collect();
    let plain = plain.replace(['"', '\\'], "_");
    let encoded: String = name
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"))
        .unwrap_or(HeaderValue::from_static("attachment"))
}

/// `POST /l/{token}/played`: from our own page only, so that no other site can mark a message as read.
async fn played(
    State(app): State<Arc<App>>,
    Extension(limiter): Extension<Arc<Limiter>>,
    Extension(client): Extension<Client>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let token = bare(&token);
    if let Some(response) = slowed_down(&app, &limiter, client, Purpose::Page, token) {
        return response;
    }
    if !same_origin(&headers, &app.config.http.public_url) {
        return Problem::from(RequestRefusal::OtherOrigin {}).into_response();
    }
    match links::played(&app, token).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Browsers say where a POST comes from, and pages cannot change what they say.
fn same_origin(headers: &HeaderMap, public_url: &str) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    match site {
        Some(site) => site == "same-origin",
        None => origin == Some(public_url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_believed() {
        let ask = |origin: Option<&'static str>, site: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            same_origin(&headers, "https://voice.example")
        };
        assert!(ask(Some("https://voice.example"), Some("same-origin")));
        assert!(ask(None, Some("same-origin")), "behind a proxy that says another name");
        assert!(ask(Some("https://voice.example"), None), "browsers without fetch metadata");
        assert!(!ask(Some("https://evil.example"), None));
        assert!(!ask(Some("https://voice.example"), Some("cross-site")));
        assert!(!ask(None, None), "programs that say nothing");
    }
}
