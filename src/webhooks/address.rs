//! Which addresses an endpoint may have: public ones, and those of networks that the operator lists.
//!
//! A customer chooses the address, and our own network answers whoever asks from inside it. So an address is judged when it is
//! saved, and again by whatever its name leads to when it is connected to: a name that leads elsewhere by then reaches nobody.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Longest address, in bytes.
const MAX_URL: usize = 2_000;

/// How long a name may take to be looked up.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What is not reached over the internet: IANA's special-purpose addresses, multicast and what is reserved.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The public part of IPv6, of which everything else is none: not loopback, link-local, unique local, NAT64.
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is not public in it: IANA's special-purpose addresses, among them those with an IPv4 address inside (Teredo, 6to4).
const NOT_PUBLIC_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Why an address cannot be an endpoint's, in words for who chose it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is none.
    #[error("this is no address of an endpoint: {0}; send one such as https://portal.example.com/voicemill")]
    Malformed(&'static str),
    /// Anybody on the way could read what is sent.
    #[error("an endpoint's address begins with https://; http:// is for networks that the operator lists alone")]
    NotEncrypted,
    /// Its name leads nowhere.
    #[error("the name {0:?} cannot be looked up; check how it is written, or try again later")]
    Unknown(String),
    /// It leads into a network that is not public.
    #[error(
        "{0:?} leads to an address that is not public; choose a public one, or have the operator list its network in \
         webhooks.allowed_networks"
    )]
    NotPublic(String),
}

/// Which addresses are permitted.
#[derive(Clone, Debug)]
pub(super) struct AddressRules {
    allowed: Vec<IpNet>,
}

impl AddressRules {
    /// Permits public addresses, and these networks.
    pub(super) fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    fn is_listed(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(&address.to_canonical()))
    }

    fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.is_listed(address)
    }

    /// Reads and judges an address that is to be saved; looks its name up.
    pub(super) async fn check(&self, text: &str) -> Result<Url, BadAddress> {
        let url = read(text)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let addresses = match literal(&url) {
            Some(address) => vec![address],
            None => self.look_up(&host).await?.into_iter().map(|address| address.ip()).collect(),
        };
        if !addresses.iter().all(|address| self.permits(*address)) {
            return Err(BadAddress::NotPublic(host));
        }
        if url.scheme() == "http" && !addresses.iter().all(|address| self.is_listed(*address)) {
            return Err(BadAddress::NotEncrypted);
        }
        Ok(url)
    }

    /// Judges an address without a name in it, which no resolver will see.
    pub(super) fn check_literal(&self, url: &Url) -> Result<(), BadAddress> {
        match literal(url) {
            Some(address) if !self.permits(address) => Err(BadAddress::NotPublic(address.to_string())),
            _ => Ok(()),
        }
    }

    async fn look_up(&self, host: &str) -> Result<Vec<SocketAddr>, BadAddress> {
        let looked_up = tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, 0))).await;
        let addresses: Vec<SocketAddr> = match looked_up {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        if addresses.is_empty() {
            return Err(BadAddress::Unknown(host.to_owned()));
        }
        Ok(addresses)
    }
}

/// What is connected to is what was judged: the client looks names up here and nowhere else. A name that leads to several
/// addresses of which one is not permitted leads nowhere.
impl Resolve for AddressRules {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.clone();
        Box::pin(async move {
            let addresses = rules.look_up(name.as_str()).await?;
            if !addresses.iter().all(|address| rules.permits(address.ip())) {
                return Err(BadAddress::NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn read(text: &str) -> Result<Url, BadAddress> {
    if text.len() > MAX_URL {
        return Err(BadAddress::Malformed("it is longer than 2,000 bytes"));
    }
    let url = Url::parse(text).map_err(|_| BadAddress::Malformed("it cannot be read"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(BadAddress::Malformed("it does not begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadAddress::Malformed("it has a user or password in it, which signatures stand in for"));
    }
    if url.fragment().is_some() {
        return Err(BadAddress::Malformed("it has a fragment, which is never sent"));
    }
    if url.host_str().is_none_or(str::is_empty) || url.port() == Some(0) {
        return Err(BadAddress::Malformed("it names no host, or the port 0"));
    }
    Ok(url)
}

/// The address in place of a name, however it is written: the URL's own parser knows every form.
fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_matches(['[', ']']).parse().ok()
}

fn is_public(address: IpAddr) -> bool {
    let within_v4 = |address, (network, length)| Ipv4Net::new(network, length).is_ok_and(|net| net.contains(address));
    let within_v6 = |address, (network, length)| Ipv6Net::new(network, length).is_ok_and(|net| net.contains(address));
    match address.to_canonical() {
        IpAddr::V4(address) => !NOT_PUBLIC_V4.iter().any(|network| within_v4(&address, *network)),
        IpAddr::V6(address) => {
            within_v6(&address, PUBLIC_V6) && !NOT_PUBLIC_V6.iter().any(|network| within_v6(&address, *network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_public_addresses_are_taken_in_whatever_form() {
        let rules = AddressRules::new(Vec::new());
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001:0:7f00:1::]",
            "[fe80::1]",
            "[fec0::1]",
            "[fd00::1]",
            "[ff02::1]",
            "localhost",
            "LOCALHOST",
        ] {
            let refused = rules.check(&format!("https://{host}/hook")).await;
            assert!(matches!(refused, Err(BadAddress::NotPublic(_))), "{host}: {refused:?}");
        }
        for host in ["1.1.1.1", "172.32.0.1", "[2606:4700::1111]", "[::ffff:1.1.1.1]"] {
            assert!(rules.check(&format!("https://{host}/hook")).await.is_ok(), "{host}");
        }
    }

    #[tokio::test]
    async fn what_the_operator_lists_is_taken_and_nothing_beside_it() {
        let rules = AddressRules::new(vec!["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        for good in ["http://127.0.0.1:8000/x", "https://127.9.9.9/", "http://[fd00::1]/", "http://[::ffff:127.0.0.1]/"]
        {
            assert!(rules.check(good).await.is_ok(), "{good}");
        }
        for bad in ["http://10.0.0.1/", "https://[fe80::1]/", "https://169.254.169.254/"] {
            assert!(matches!(rules.check(bad).await, Err(BadAddress::NotPublic(_))), "{bad}");
        }
    }

    #[tokio::test]
    async fn what_is_no_address_of_an_endpoint_is_refused_with_words() {
        let rules = AddressRules::new(Vec::new());
        assert_eq!(rules.check("http://1.1.1.1/").await, Err(BadAddress::NotEncrypted));
        let long = format!("https://1.1.1.1/{}", "x".repeat(2_000));
        for bad in [
            "",
            "portal",
            "ftp://1.1.1.1/",
            "file:///etc/passwd",
            "https://u:p@1.1.1.1/",
            "https://1.1.1.1/#x",
            "https://1.1.1.1:0/",
            &long,
        ] {
            assert!(matches!(rules.check(bad).await, Err(BadAddress::Malformed(_))), "{bad:.60}");
        }
        assert!(matches!(rules.check("https://nowhere.invalid/").await, Err(BadAddress::Unknown(_))));
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let resolve = |allowed: Vec<IpNet>| AddressRules::new(allowed).resolve("localhost".parse().unwrap());
        let refused = resolve(Vec::new()).await.map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("not public"), "{refused}");
        assert!(resolve(vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]).await.is_ok());
    }
}
