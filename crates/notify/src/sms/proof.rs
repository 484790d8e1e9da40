//! How a provider's call to our webhook proves that it is the provider's, beside the key in the address that it calls.
//!
//! An address gets around: it stands in dashboards and in the logs of proxies. A signature does not.

use std::{collections::BTreeSet, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use md5::{Digest, Md5};
use reqwest::{Url, header::HeaderMap};
use ring::signature::{ED25519, UnparsedPublicKey};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// How old a signed call may be, or how far ahead of our clock.
const FRESH: Duration = Duration::from_secs(300);

/// A call to our webhook, as it came.
pub struct Call<'a> {
    /// The address that was called, as the provider knows it, with its query.
    pub url: &'a str,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a [u8],
    /// When it came.
    pub at: Timestamp,
}

impl Call<'_> {
    /// What stands behind the question mark.
    pub(super) fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }

    /// What kind of body it is, without parameters; empty if that is not said.
    pub(super) fn content_type(&self) -> &str {
        self.header("content-type").split(';').next().unwrap_or_default().trim()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The way a provider proves itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Proof {
    /// By nothing but the address.
    #[default]
    None,
    /// X-Twilio-Signature: HMAC-SHA1, by the account's auth token, of the address and the fields of the form.
    Twilio,
    /// Telnyx-Signature-Ed25519, of time and body, by the key whose public half the portal shows.
    Telnyx,
    /// The parameter `sig`: MD5 or an HMAC of the other parameters, by the account's signature secret.
    Vonage,
    /// HTTP's Basic authentication.
    Basic,
}

impl Proof {
    /// Whether the call is the provider's.
    ///
    /// # Errors
    /// A sentence that says what is missing and where to look.
    pub(super) fn check(self, call: &Call<'_>, secret: &SecretString) -> Result<(), &'static str> {
        let secret = secret.expose_secret();
        match self {
            Self::None => Ok(()),
            Self::Twilio if twilio(call, secret) => Ok(()),
            Self::Twilio => {
                Err("the call has no valid X-Twilio-Signature; check that the auth token is the account's, and \
                 that http.public_url is how Twilio calls this server")
            }
            Self::Telnyx => telnyx(call, secret),
            Self::Vonage if vonage(call, secret) => Ok(()),
            Self::Vonage => {
                Err("the call has no valid sig; check that signed webhooks are on for this account, and that \
                 sms.webhook_secret is its signature secret")
            }
            Self::Basic if basic(call, secret) => Ok(()),
            Self::Basic => Err("the call has not the user and password of sms.webhook_secret"),
        }
    }
}

/// <https://www.twilio.com/docs/usage/security#validating-requests>
fn twilio(call: &Call<'_>, token: &str) -> bool {
    let is_form = call.content_type() == "application/x-www-form-urlencoded";
    if !is_form && !call.body.is_empty() {
        // Nothing would be signed of such a body.
        return false;
    }
    let fields: BTreeSet<(String, String)> = url_of(call.body).into_iter().flat_map(|form| pairs(&form)).collect();
    let given = BASE64_STANDARD.decode(call.header("x-twilio-signature")).unwrap_or_default();
    // Twilio may leave out the port that the address has, or put in the one that it has not.
    [Some(call.url.to_owned()), with_port_changed(call.url)].into_iter().flatten().any(|url| {
        let mut mac = hmac::<sha1::Sha1>(token);
        mac.update(url.as_bytes());
        for (name, value) in &fields {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
        mac.verify_slice(&given).is_ok()
    })
}

/// The same address without its port, or with the one that is meant if none is named.
fn with_port_changed(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once(':') {
        Some((host, _)) => Some(format!("{scheme}://{host}{path}")),
        None => Some(format!("{scheme}://{authority}:{}{path}", if scheme == "https" { 443 } else { 80 })),
    }
}

/// <https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks>
fn telnyx(call: &Call<'_>, public_key: &str) -> Result<(), &'static str> {
    const UNSIGNED: &str = "the call has no valid Telnyx-Signature-Ed25519; check that sms.webhook_secret is the public key \
                            that the portal shows";
    let at = call.header("telnyx-timestamp");
    let key = BASE64_STANDARD.decode(public_key).unwrap_or_default();
    let signature = BASE64_STANDARD.decode(call.header("telnyx-signature-ed25519")).unwrap_or_default();
    let signed = [at.as_bytes(), b"|", call.body].concat();
    UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).map_err(|_| UNSIGNED)?;
    let signed_at = at.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(UNSIGNED)?;
    if call.at.duration_since(signed_at).unsigned_abs() > FRESH {
        return Err("the call was signed more than five minutes ago or ahead; check this machine's clock");
    }
    Ok(())
}

/// <https://developer.vonage.com/en/getting-started/concepts/signing-messages>
///
/// Which of its five ways the account is set to shows in the signature itself.
fn vonage(call: &Call<'_>, secret: &str) -> bool {
    let fields: Vec<(String, String)> = match call.content_type() {
        "application/json" => match serde_json::from_slice(call.body) {
            Ok(Value::Object(fields)) => fields
                .into_iter()
                .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
                .collect(),
            _ => return false,
        },
        _ if call.body.is_empty() => url_of(call.query().as_bytes()).map(|url| pairs(&url)).unwrap_or_default(),
        _ => url_of(call.body).map(|form| pairs(&form)).unwrap_or_default(),
    };
    let given = fields.iter().find(|(name, _)| name == "sig").map(|(_, sig)| unhex(sig)).unwrap_or_default();
    // What we put into the address ourselves is not theirs to sign; whether they do so is said nowhere.
    [true, false].into_iter().any(|without_ours| {
        let signed: BTreeSet<&(String, String)> =
            fields.iter().filter(|(name, _)| name != "sig" && !(without_ours && name == "notice")).collect();
        let signed: String =
            signed.into_iter().map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect();
        let text = signed.as_bytes();
        match given.len() {
            16 => {
                let hash = Md5::new().chain_update(text).chain_update(secret).finalize();
                bool::from(hash.as_slice().ct_eq(&given))
                    || hmac::<Md5>(secret).chain_update(text).verify_slice(&given).is_ok()
            }
            20 => hmac::<sha1::Sha1>(secret).chain_update(text).verify_slice(&given).is_ok(),
            32 => hmac::<sha2::Sha256>(secret).chain_update(text).verify_slice(&given).is_ok(),
            64 => hmac::<sha2::Sha512>(secret).chain_update(text).verify_slice(&given).is_ok(),
            _ => false,
        }
    })
}

fn basic(call: &Call<'_>, user_and_password: &str) -> bool {
    let given = call.header("authorization").strip_prefix("Basic ").unwrap_or_default();
    let given = BASE64_STANDARD.decode(given.trim()).unwrap_or_default();
    bool::from(given.as_slice().ct_eq(user_and_password.as_bytes()))
}

fn hmac<D: hmac::EagerHash>(key: &str) -> Hmac<D>
where
    Hmac<D>: KeyInit,
{
    #[expect(clippy::unwrap_used, reason = "an HMAC takes keys of any length")]
    Hmac::<D>::new_from_slice(key.as_bytes()).unwrap()
}

/// A form, or a query, as that of an address, which reads it.
fn url_of(form: &[u8]) -> Option<Url> {
    Url::parse(&format!("http://form/?{}", std::str::from_utf8(form).ok()?)).ok()
}

fn pairs(url: &Url) -> Vec<(String, String)> {
    url.query_pairs().into_owned().collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| Some(digit.to_digit(16)? as u8)).collect();
    digits.unwrap_or_default().chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

#[cfg(test)]
mod tests;
