//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, section 13) of what people change: the tag is the version.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{http::extract::Json, precondition::Precondition};

/// An answer with the version of what it shows.
pub(super) struct Tagged<T>(pub(super) i64, pub(super) T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.1).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// What a change is meant for. A tag that is none of ours, or a weak one, is that of nothing.
pub(super) struct Wanted(pub(super) Precondition);

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(wanted(&parts.headers)))
    }
}

fn wanted(headers: &HeaderMap) -> Precondition {
    let tags = |name: HeaderName| -> Vec<String> {
        let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect()
    };
    if headers.contains_key(header::IF_MATCH) {
        let tags = tags(header::IF_MATCH);
        if tags.iter().any(|tag| tag == "*") {
            return Precondition::Something;
        }
        let version = |tag: &String| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
        return Precondition::Versions(tags.iter().filter_map(version).collect());
    }
    match tags(header::IF_NONE_MATCH).iter().any(|tag| tag == "*") {
        true => Precondition::Nothing,
        false => Precondition::Unsaid,
    }
}

/// Reads `If-None-Match` (RFC 9110, section 13.1.2): whether the client has what `etag` names. Weak tags do, too.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lines = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[(HeaderName, &'static str)]) -> Precondition {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        wanted(&headers)
    }

    #[test]
    fn tags_are_read_as_they_were_given() {
        let if_match = |value| read(&[(header::IF_MATCH, value)]);
        assert_eq!(if_match("\"17\""), Precondition::Versions(vec![17]));
        assert_eq!(if_match("\"17\", \"18\""), Precondition::Versions(vec![17, 18]));
        assert_eq!(if_match("*"), Precondition::Something);
        for stranger in ["W/\"17\"", "17", "\"nonsense\"", ""] {
            assert_eq!(if_match(stranger), Precondition::Versions(Vec::new()), "{stranger}");
        }
        assert_eq!(read(&[(header::IF_NONE_MATCH, "*")]), Precondition::Nothing);
        assert_eq!(read(&[(header::IF_NONE_MATCH, "\"17\"")]), Precondition::Unsaid);
        assert_eq!(read(&[]), Precondition::Unsaid);
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        let ask = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(line));
            }
            is_known(&headers, "\"e\"")
        };
        for known in [&["\"e\""][..], &["W/\"e\""], &["\"a\", W/\"e\""], &["\"a\"", "\"e\""], &["*"]] {
            assert!(ask(known), "{known:?}");
        }
        for unknown in [&[][..], &["\"a\""], &["e"], &["w/\"e\""]] {
            assert!(!ask(unknown), "{unknown:?}");
        }
    }
}
