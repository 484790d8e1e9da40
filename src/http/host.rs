//! The Host header, of which a request has exactly one (RFC 9112, section 3.2): two programs in a row that each believe
//! another one can be played off against each other.

use axum::{
    extract::Request,
    http::{HeaderMap, Version, header::HOST, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{http::error::Problem, refusal::RequestRefusal};

/// Refuses requests whose Host is missing, there twice, or no host.
pub(super) async fn check(request: Request, next: Next) -> Response {
    match fault(request.version(), request.headers()) {
        Some(fault) => Problem::from(fault).into_response(),
        None => next.run(request).await,
    }
}

fn fault(version: Version, headers: &HeaderMap) -> Option<RequestRefusal> {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        return (version == Version::HTTP_11).then_some(RequestRefusal::HostMissing {});
    };
    if hosts.next().is_some() {
        return Some(RequestRefusal::HostTwice {});
    }
    // An empty one is lawful where the address has no host.
    let is_host = |text: &str| text.is_empty() || !text.contains('@') && text.parse::<Authority>().is_ok();
    (!host.to_str().is_ok_and(is_host)).then_some(RequestRefusal::BadHost {})
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ask(version: Version, hosts: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        fault(version, &headers).is_none()
    }

    #[test]
    fn a_request_has_one_host() {
        for host in ["voice.example", "voice.example:8080", "127.0.0.1:8080", "[::1]:8080", ""] {
            assert!(ask(Version::HTTP_11, &[host]), "{host}");
        }
        assert!(!ask(Version::HTTP_11, &["voice.example", "evil.example"]));
        assert!(!ask(Version::HTTP_11, &["voice.example", "voice.example"]));
        assert!(!ask(Version::HTTP_11, &[]));
        assert!(ask(Version::HTTP_10, &[]), "HTTP/1.0 knows none");
        for host in ["voice.example/path", "user@voice.example", "two hosts"] {
            assert!(!ask(Version::HTTP_11, &[host]), "{host}");
        }
    }
}
