//! Renditions over HTTP: immutable, ranged, streamed straight from the store.

use std::{ops::Range, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use voicemill_types::RenditionId;

use crate::{
    app::App,
    http::{auth::Member, error::Problem, etag::is_known, extract::Path},
    media::{self, Rendition},
    refusal::RequestRefusal,
};

/// What an address of media names.
#[derive(serde::Deserialize)]
pub(super) struct Named {
    rendition: RenditionId,
}

/// `GET /media/{rendition}/{file}`: the file name is for cores that go by extensions; only the id counts. A media key may stand
/// before it: `GET /media/{key}/{rendition}/{file}`.
pub(super) async fn fetch(
    State(app): State<Arc<App>>,
    Member(domain): Member,
    Path(named): Path<Named>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let rendition = media::fetch(&app, &domain, named.rendition).await?;
    let mut response = serve(&app, &rendition, &method, &headers).await?;
    // The address names one version's bytes for ever.
    let cache = HeaderValue::from_static("private, max-age=31536000, immutable");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    Ok(response)
}

/// Answers a GET or HEAD of a rendition, with `Range` and `If-None-Match` honoured.
pub(super) async fn serve(
    app: &App,
    rendition: &Rendition,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let total = u64::try_from(rendition.bytes).unwrap_or(0);
    let etag = format!("\"{}\"", rendition.sha256);
    let content_type =
        HeaderValue::from_str(&rendition.content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let common = |response: &mut Response| {
        let headers = response.headers_mut();
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(etag) = HeaderValue::from_str(&etag) {
            headers.insert(header::ETAG, etag);
        }
    };
    if is_known(headers, &etag) {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        common(&mut response);
        return Ok(response);
    }
    let wanted = wanted(headers, &etag, total);
    if wanted == Wanted::Outside {
        let mut response = Problem::from(RequestRefusal::RangeOutside {}).into_response();
        common(&mut response);
        response.headers_mut().insert(header::CONTENT_RANGE, number_header(format!("bytes */{total}")));
        return Ok(response);
    }
    let range = match &wanted {
        Wanted::Part(range) => Some(range.clone()),
        _ => None,
    };
    let body = match *method {
        // What only asks for the head needs no file opened.
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(media::read(app, rendition, range.clone()).await?),
    };
    let length = range.as_ref().map_or(total, |range| range.end - range.start);
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, body).into_response();
    common(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(range) = range {
        let value = format!("bytes {}-{}/{total}", range.start, range.end - 1);
        headers.insert(header::CONTENT_RANGE, number_header(value));
    }
    Ok(response)
}

fn number_header(text: String) -> HeaderValue {
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part(Range<u64>),
    Outside,
}

/// Reads `Range` (RFC 9110 §14.2): one range is honoured; several, or nonsense, mean the whole file.
fn wanted(headers: &HeaderMap, etag: &str, total: u64) -> Wanted {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::All;
    };
    if headers.get(header::IF_RANGE).is_some_and(|known| known.as_bytes() != etag.as_bytes()) {
        return Wanted::All;
    }
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Wanted::All;
    };
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => suffix.parse::<u64>().ok().map(|length| total.saturating_sub(length)..total),
        (first, "") => first.parse().ok().map(|first| first..total),
        (first, last) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => Some(first..last.saturating_add(1).min(total)),
            _ => None,
        },
    };
    match range {
        None => Wanted::All,
        Some(range) if range.start >= range.end => Wanted::Outside,
        Some(range) => Wanted::Part(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(range: &str) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        wanted(&headers, "\"e\"", 1000)
    }

    #[test]
    fn ranges_as_browsers_and_phones_ask() {
        assert_eq!(ask("bytes=0-1"), Wanted::Part(0..2), "what Safari asks first");
        assert_eq!(ask("bytes=0-"), Wanted::Part(0..1000));
        assert_eq!(ask("bytes=-500"), Wanted::Part(500..1000));
        assert_eq!(ask("bytes=-5000"), Wanted::Part(0..1000));
        assert_eq!(ask("bytes=990-2000"), Wanted::Part(990..1000));
        assert_eq!(ask("bytes=1000-"), Wanted::Outside);
        assert_eq!(ask("bytes=-0"), Wanted::Outside);
    }

    #[test]
    fn what_is_no_single_range_means_the_whole_file() {
        for text in ["bytes=5-2", "bytes=0-1,5-6", "bytes=a-b", "items=0-1", "bytes=", "bytes=-"] {
            assert_eq!(ask(text), Wanted::All, "{text}");
        }
    }

    #[test]
    fn a_changed_file_is_sent_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"other\""));
        assert_eq!(wanted(&headers, "\"e\"", 1000), Wanted::All);
    }
}
