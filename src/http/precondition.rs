//! `If-Match` and `If-None-Match`: what a client has seen, or has.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderValue, header, request::Parts},
};

use crate::{http::error::Problem, playlists::Seen};

/// The version that a client says it has seen of what it changes.
pub(super) struct IfMatch(pub(super) Seen);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(seen(&parts.headers)))
    }
}

/// Reads `If-Match` (RFC 9110, section 13.1.1). Versions are strong tags, so a weak one matches none.
fn seen(headers: &HeaderMap) -> Seen {
    let Some(value) = headers.get(header::IF_MATCH) else { return Seen::Unsaid };
    let value = value.to_str().unwrap_or_default().trim();
    if value == "*" {
        return Seen::Any;
    }
    let version = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Seen::This(version.and_then(|version| version.parse().ok()))
}

/// The tag of a version.
pub(super) fn etag(version: i64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
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

    #[test]
    fn what_was_seen_is_read() {
        let read = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(header::IF_MATCH, HeaderValue::from_static(value));
            }
            seen(&headers)
        };
        assert_eq!(read(None), Seen::Unsaid);
        assert_eq!(read(Some("*")), Seen::Any);
        assert_eq!(read(Some("\"7\"")), Seen::This(Some(7)));
        assert_eq!(etag(7), "\"7\"");
        for other in ["7", "W/\"7\"", "\"x\"", "\"7\", \"8\"", ""] {
            assert_eq!(read(Some(other)), Seen::This(None), "{other}");
        }
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
