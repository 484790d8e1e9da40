//! The address of the client of a request, behind however many reverse proxies.
//!
//! Anybody can send `X-Forwarded-For` and `Forwarded` (RFC 7239), so they are read only when the peer of the connection is
//! one of `http.trusted_proxies`, and from the right: each proxy appends the address that it was asked from, and the first
//! that is no trusted proxy is the client. What stands left of it is hearsay.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Extension, Request, State},
    http::{HeaderMap, HeaderName, header::FORWARDED},
    middleware::Next,
    response::Response,
};
use ipnet::IpNet;

use crate::app::App;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client, as far as those whom we trust know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client(pub(super) IpAddr);

/// Notes the client's address with every request.
pub(super) async fn identify(
    State(app): State<Arc<App>>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(ConnectInfo(peer))| peer.ip());
    let client = client(peer, request.headers(), &app.config.http.trusted_proxies);
    request.extensions_mut().insert(Client(client));
    next.run(request).await
}

/// The client of a request that came from `peer`.
///
/// A proxy writes one of the two headers and passes the other one on as its client sent it. Where both are there and tell
/// different clients apart, one may be forged, and the peer counts.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    if !is_trusted(peer) {
        return peer;
    }
    let nearest = |hops: Vec<Option<IpAddr>>| {
        let mut nearest = peer;
        for hop in hops.into_iter().rev() {
            // Who hides the address of its client stands for it.
            let Some(address) = hop else { break };
            nearest = address;
            if !is_trusted(address) {
                break;
            }
        }
        nearest
    };
    let told = |name: &HeaderName, hops: fn(&HeaderMap) -> Vec<Option<IpAddr>>| {
        headers.contains_key(name).then(|| nearest(hops(headers)))
    };
    match (told(&X_FORWARDED_FOR, x_forwarded_for), told(&FORWARDED, forwarded)) {
        (Some(client), None) | (None, Some(client)) => client,
        (Some(one), Some(other)) if one == other => one,
        _ => peer,
    }
}

/// The hops of `X-Forwarded-For`, the nearest last; none where a hop is no address.
fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(X_FORWARDED_FOR).iter();
    lines
        .flat_map(|line| match line.to_str() {
            Ok(line) => line.split(',').map(address).collect(),
            Err(_) => vec![None],
        })
        .collect()
}

/// The hops of `Forwarded`, the nearest last; none where a hop hides itself. A line that cannot be read is one such hop.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED).iter();
    lines.flat_map(|line| line.to_str().ok().and_then(forwarded_line).unwrap_or_else(|| vec![None])).collect()
}

/// Reads `forwarded-element *("," forwarded-element)` of RFC 7239, section 4, strictly: a client that leaves a quote open
/// must not swallow what the proxy appends.
fn forwarded_line(line: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = vec![None];
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (pair, end) = forwarded_pair(rest)?;
        if let Some((name, value)) = pair
            && name.eq_ignore_ascii_case("for")
        {
            *hops.last_mut()? = address(&value);
        }
        rest = end.trim_start();
        match rest.chars().next() {
            None => {}
            Some(';') => rest = rest[1..].trim_start(),
            Some(',') => {
                hops.push(None);
                rest = rest[1..].trim_start();
            }
            Some(_) => return None,
        }
    }
    Some(hops)
}

/// A name and its value.
type Pair<'a> = (&'a str, String);

/// A `name=value` and what comes after it; no pair where an element is empty.
fn forwarded_pair(text: &str) -> Option<(Option<Pair<'_>>, &str)> {
    if text.starts_with([',', ';']) {
        return Some((None, text));
    }
    let (name, rest) = text.split_once('=')?;
    let is_token = |text: &str| !text.is_empty() && !text.contains(['"', ',', ';', '=', ' ', '\t']);
    if !is_token(name) {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([',', ';', ' ', '\t']).unwrap_or(rest.len());
        let (value, rest) = rest.split_at(end);
        return is_token(value).then(|| (Some((name, value.to_owned())), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (end, '"') => return Some((Some((name, value)), &quoted[end + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, character) => value.push(character),
        }
    }
}

/// An address as proxies write it: bare, in brackets, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: IpAddr = match text.parse() {
        Ok(address) => address,
        Err(_) => bare().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PROXIES: [&str; 3] = ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"];

    fn ask(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted: Vec<IpNet> = PROXIES.iter().map(|network| network.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        client(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    fn behind(name: &'static str, value: &'static str) -> String {
        ask("10.0.0.1", &[(name, value)])
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let forged = [("x-forwarded-for", "203.0.113.7"), ("forwarded", "for=203.0.113.7")];
        assert_eq!(ask("198.51.100.1", &forged), "198.51.100.1");
        assert_eq!(ask("10.9.9.9", &forged), "203.0.113.7");
        assert_eq!(ask("::ffff:10.9.9.9", &forged), "203.0.113.7", "IPv4 by a socket of IPv6");
        assert_eq!(ask("10.9.9.9", &[]), "10.9.9.9");
    }

    #[test]
    fn the_nearest_hop_that_is_no_proxy_of_ours_is_the_client() {
        let name = "x-forwarded-for";
        assert_eq!(behind(name, "1.1.1.1, 203.0.113.7"), "203.0.113.7", "what the client wrote itself is left of it");
        assert_eq!(behind(name, "1.1.1.1,203.0.113.7 , 192.0.2.1,10.3.3.3"), "203.0.113.7");
        assert_eq!(behind(name, "10.3.3.3, 10.4.4.4"), "10.3.3.3", "a client within our own network");
        assert_eq!(ask("10.0.0.1", &[(name, "1.1.1.1"), (name, "203.0.113.7")]), "203.0.113.7", "in two lines");
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        let name = "x-forwarded-for";
        for (written, meant) in [
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(behind(name, written), meant);
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_has_it() {
        for (written, meant) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=1.1.1.1;proto=http;by=203.0.113.43, for=203.0.113.7", "203.0.113.7"),
            ("for=1.1.1.1, by=x ; for=\"203.0.113.7:80\" ;host=\"a,b\"", "203.0.113.7"),
            ("for=203.0.113.7, for=10.4.4.4;proto=https", "203.0.113.7"),
            ("for=\"203.0.113\\.7\"", "203.0.113.7"),
            (", for=203.0.113.7,", "10.0.0.1"),
        ] {
            assert_eq!(behind("forwarded", written), meant, "{written}");
        }
    }

    #[test]
    fn a_hop_that_hides_its_client_stands_for_it() {
        for (name, written, meant) in [
            ("x-forwarded-for", "unknown", "10.0.0.1"),
            ("x-forwarded-for", "203.0.113.7, unknown, 10.4.4.4", "10.4.4.4"),
            ("x-forwarded-for", "", "10.0.0.1"),
            ("forwarded", "for=203.0.113.7, for=_hidden", "10.0.0.1"),
            ("forwarded", "proto=https", "10.0.0.1"),
        ] {
            assert_eq!(behind(name, written), meant, "{written}");
        }
    }

    /// The client writes the left part, the proxy appends `for=203.0.113.7`, perhaps in quotes.
    #[test]
    fn an_open_quote_swallows_nothing() {
        for written in [
            "for=1.1.1.1;x=\", for=203.0.113.7",
            "for=1.1.1.1;x=\", for=\"203.0.113.7\"",
            "for=1.1.1.1;x=\", for=\"203.0.113.7\";by=\"10.0.0.1\"",
            "for=1.1.1.1;x=\"\\, for=\"203.0.113.7\"",
        ] {
            assert_eq!(behind("forwarded", written), "10.0.0.1", "{written}");
        }
    }

    #[test]
    fn headers_that_tell_of_different_clients_are_not_believed() {
        let both = |one, other| ask("10.0.0.1", &[("x-forwarded-for", one), ("forwarded", other)]);
        assert_eq!(both("203.0.113.7", "for=203.0.113.7"), "203.0.113.7");
        assert_eq!(both("203.0.113.7", "for=1.1.1.1"), "10.0.0.1");
    }
}
