//! Signs mails, so that other servers can tell that they are the domain's (RFC 6376, RFC 8463).

use std::{fmt, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::ComposeError;
use crate::{Answer, NotifyError};
use voicemill_types::Time;

/// A key of `[[mail.dkim]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimKeyConfig {
    /// The domain that signs; mails from it and from its subdomains are signed with this key.
    pub domain: String,
    /// Where the public key is: the TXT record of SELECTOR._domainkey.DOMAIN.
    pub selector: String,
    /// A PEM file with the private key: RSA of 2048 to 8192 bits, or Ed25519.
    pub key_file: PathBuf,
}

/// The keys of all domains that sign.
#[derive(Default)]
pub struct Dkim(Vec<Signer>);

struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

/// The fields of a mail's head that are signed, where they stand.
const SIGNED: [&str; 9] = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Auto-Submitted",
    "X-CallingTelephoneNumber",
];
/// The longest line that is written of a signature, in bytes.
const LINE: usize = 72;

impl Dkim {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence with the file at fault.
    pub fn new(keys: &[DkimKeyConfig]) -> Result<Self, NotifyError> {
        keys.iter().map(Signer::new).collect::<Result<_, _>>().map(Self)
    }

    /// Signs a mail whose sender is of a domain with a key, the closest one; leaves others alone.
    pub(super) fn sign(&self, mail: Vec<u8>, from_domain: &str, at: Time) -> Result<Vec<u8>, ComposeError> {
        let from = from_domain.to_ascii_lowercase();
        let covers = |signer: &&Signer| {
            from.strip_suffix(&*signer.domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
        };
        match self.0.iter().filter(covers).max_by_key(|signer| signer.domain.len()) {
            Some(signer) => signer.sign(mail, at),
            None => Ok(mail),
        }
    }
}

impl fmt::Debug for Dkim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|signer| &signer.domain)).finish()
    }
}

impl Signer {
    fn new(config: &DkimKeyConfig) -> Result<Self, NotifyError> {
        let unfit = |why: String| NotifyError::Misconfigured(Answer::own(why));
        let file = config.key_file.display();
        let pem = std::fs::read(&config.key_file)
            .map_err(|error| unfit(format!("the DKIM key {file} cannot be read: {error}")))?;
        let key = Key::read(&pem).map_err(|why| unfit(format!("the DKIM key {file} {why}")))?;
        let plain = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        };
        let domain = config.domain.trim_end_matches('.').to_ascii_lowercase();
        if !plain(&domain) || !plain(&config.selector) {
            return Err(unfit(format!("the DKIM key {file} needs a `domain` and a `selector` as the DNS has them")));
        }
        Ok(Self { domain, selector: config.selector.clone(), key })
    }

    /// Puts the signature before the mail. Servers on the way fold head lines anew and may touch the spaces of a body: both
    /// are signed in the relaxed form, which bears that (RFC 6376, section 3.4).
    fn sign(&self, mail: Vec<u8>, at: Time) -> Result<Vec<u8>, ComposeError> {
        let text = String::from_utf8(mail).map_err(|_| ComposeError::Malformed("it is not UTF-8"))?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or(ComposeError::Malformed("it has no body"))?;
        let fields = fields(head);
        let signed: Vec<(&str, &str)> = SIGNED
            .iter()
            .filter_map(|name| fields.iter().rev().find(|(found, _)| found.eq_ignore_ascii_case(name)).copied())
            .collect();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let body_hash = BASE64_STANDARD.encode(Sha256::digest(relaxed_body(body)));
        let words = [
            "v=1;".to_owned(),
            format!("a={};", self.key.algorithm()),
            "c=relaxed/relaxed;".to_owned(),
            format!("d={};", self.domain),
            format!("s={};", self.selector),
            format!("t={};", at.timestamp().as_second()),
            format!("h={};", names.join(":")),
            format!("bh={body_hash};"),
            "b=".to_owned(),
        ];
        let field = folded("DKIM-Signature:", &words);
        let mut hashed: String = signed.iter().map(|(name, value)| relaxed_field(name, value) + "\r\n").collect();
        let (name, value) = field.split_once(':').unwrap_or_default();
        hashed.push_str(&relaxed_field(name, value));
        let signature = self.key.sign(hashed.as_bytes()).ok_or(ComposeError::Malformed("it cannot be signed"))?;
        let signature = BASE64_STANDARD.encode(signature);
        let lines = signature.as_bytes().chunks(LINE).map(String::from_utf8_lossy).collect::<Vec<_>>();
        Ok(format!("{field}\r\n\t{}\r\n{text}", lines.join("\r\n\t")).into_bytes())
    }
}

impl Key {
    /// A key in PKCS#1 as older tools write it, or in PKCS#8 as `openssl genpkey` does.
    fn read(pem: &[u8]) -> Result<Self, String> {
        const HOW: &str = "make one by: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048, or: openssl genpkey \
                           -algorithm ed25519";
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| format!("is no private key in PEM; {HOW}"))?;
        let refused =
            |error| format!("cannot be used ({error}); it must be RSA of 2048 to 8192 bits, or Ed25519; {HOW}");
        match &der {
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()).map(Box::new).map(Self::Rsa),
            PrivateKeyDer::Pkcs8(key) => match Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.secret_pkcs8_der()) {
                Ok(key) => Ok(Self::Ed25519(key)),
                Err(_) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).map(Box::new).map(Self::Rsa),
            },
            _ => return Err(format!("is of a kind that DKIM does not know; {HOW}")),
        }
        .map_err(refused)
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature).ok()?;
                Some(signature)
            }
            // What is signed is the hash (RFC 8463, section 3).
            Self::Ed25519(key) => Some(key.sign(&Sha256::digest(text)).as_ref().to_vec()),
        }
    }
}

/// The fields of a head: name, and value with its folded lines.
fn fields(head: &str) -> Vec<(&str, &str)> {
    let mut fields = Vec::new();
    let mut rest = head;
    while !rest.is_empty() {
        let mut end = rest.len();
        for (at, _) in rest.match_indices("\r\n") {
            if !rest[at + 2..].starts_with([' ', '\t']) {
                end = at;
                break;
            }
        }
        if let Some((name, value)) = rest[..end].split_once(':') {
            fields.push((name, value));
        }
        rest = rest.get(end + 2..).unwrap_or_default();
    }
    fields
}

/// RFC 6376, section 3.4.2.
fn relaxed_field(name: &str, value: &str) -> String {
    let words: Vec<&str> = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).collect();
    format!("{}:{}", name.trim_end().to_ascii_lowercase(), words.join(" "))
}

/// RFC 6376, section 3.4.4.
fn relaxed_body(body: &str) -> String {
    let mut relaxed = String::with_capacity(body.len() + 2);
    let mut empty_lines = 0;
    for line in body.split("\r\n") {
        let line = line.trim_end_matches([' ', '\t']);
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        (0..empty_lines).for_each(|_| relaxed.push_str("\r\n"));
        empty_lines = 0;
        let mut in_space = false;
        for character in line.chars() {
            let is_space = matches!(character, ' ' | '\t');
            if is_space && !in_space {
                relaxed.push(' ');
            } else if !is_space {
                relaxed.push(character);
            }
            in_space = is_space;
        }
        relaxed.push_str("\r\n");
    }
    relaxed
}

/// A head field of such words, on lines that are no longer than they should be.
fn folded(name: &str, words: &[String]) -> String {
    let (mut field, mut column) = (name.to_owned(), name.len());
    for word in words {
        if column + 1 + word.len() > LINE {
            field.push_str("\r\n\t");
            column = 8;
        } else {
            field.push(' ');
            column += 1;
        }
        field.push_str(word);
        column += word.len();
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 6376, section 3.4.5.
    #[test]
    fn the_relaxed_forms_are_those_of_the_standard() {
        let head = "A: X\r\nB : Y\t\r\n\tZ  ";
        let relaxed: Vec<String> = fields(head).iter().map(|(name, value)| relaxed_field(name, value)).collect();
        assert_eq!(relaxed, ["a:X", "b:Y Z"]);
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(relaxed_body(""), "");
        assert_eq!(relaxed_body("\r\n\r\n"), "");
    }

    #[test]
    fn a_file_that_is_no_key_says_what_to_do() {
        let refused = |pem: &[u8]| Key::read(pem).err().unwrap();
        assert!(refused(b"hello").contains("is no private key in PEM; make one by: openssl genpkey"));
        let short = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIA==\n-----END PRIVATE KEY-----\n";
        assert!(refused(short).contains("it must be RSA of 2048 to 8192 bits, or Ed25519"));
    }
}
