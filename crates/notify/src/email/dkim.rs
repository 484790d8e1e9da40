//! Signs mails, so that other servers can tell that they are the domain's (RFC 6376, RFC 8463).

use std::{fmt, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use lettre::message::{
    Message,
    dkim::{DkimCanonicalization, DkimCanonicalizationType, DkimConfig, DkimSigningAlgorithm, DkimSigningKey},
    header::HeaderName,
};
use serde::Deserialize;

use crate::{Answer, NotifyError};

/// A key of `[[mail.dkim]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimKeyConfig {
    /// The domain that signs; mails from it and from its subdomains are signed with this key.
    pub domain: String,
    /// Where the public key is: the TXT record of SELECTOR._domainkey.DOMAIN.
    pub selector: String,
    /// A PEM file with the private key: RSA of 1024 bits or more, or Ed25519.
    pub key_file: PathBuf,
}

/// The keys of all domains that sign.
#[derive(Default)]
pub struct Dkim(Vec<Signer>);

struct Signer {
    domain: String,
    config: DkimConfig,
}

/// What of a mail's head is signed. Not Content-Type: it belongs to the mail's parts, where the signer does not look, and
/// would be signed as missing.
const SIGNED: [&str; 8] =
    ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted", "X-CallingTelephoneNumber"];

impl Dkim {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence with the file at fault.
    pub fn new(keys: &[DkimKeyConfig]) -> Result<Self, NotifyError> {
        keys.iter().map(Signer::new).collect::<Result<_, _>>().map(Self)
    }

    /// Signs a mail whose sender is of a domain with a key, the closest one; leaves others alone.
    pub(super) fn sign(&self, message: &mut Message, from_domain: &str) {
        let from = from_domain.to_ascii_lowercase();
        let covers = |signer: &&Signer| {
            from.strip_suffix(&*signer.domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
        };
        if let Some(signer) = self.0.iter().filter(covers).max_by_key(|signer| signer.domain.len()) {
            message.sign(&signer.config);
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
        let pem = std::fs::read_to_string(&config.key_file)
            .map_err(|error| unfit(format!("the DKIM key {file} cannot be read: {error}")))?;
        let key = signing_key(&pem).ok_or_else(|| {
            unfit(format!(
                "the DKIM key {file} is no private key in PEM; make one by: openssl genpkey -algorithm RSA -pkeyopt \
                 rsa_keygen_bits:2048, or: openssl genpkey -algorithm ed25519"
            ))
        })?;
        let headers = SIGNED.iter().filter_map(|name| HeaderName::new_from_ascii((*name).to_owned()).ok()).collect();
        // Servers on the way fold headers anew; no one touches the lines of a body.
        let canonicalization =
            DkimCanonicalization { header: DkimCanonicalizationType::Relaxed, body: DkimCanonicalizationType::Relaxed };
        let domain = config.domain.trim_end_matches('.').to_ascii_lowercase();
        let config = DkimConfig::new(config.selector.clone(), domain.clone(), key, headers, canonicalization);
        Ok(Self { domain, config })
    }
}

/// A key in PKCS#1 as older tools write it, or in PKCS#8 as `openssl genpkey` does.
fn signing_key(pem: &str) -> Option<DkimSigningKey> {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    if pem.contains("BEGIN RSA PRIVATE KEY") {
        return DkimSigningKey::new(pem, DkimSigningAlgorithm::Rsa).ok();
    }
    let begin = pem.split_once("-----BEGIN PRIVATE KEY-----")?.1;
    let base64: String = begin.split_once("-----END")?.0.split_whitespace().collect();
    let der = BASE64_STANDARD.decode(base64).ok()?;
    // PrivateKeyInfo: a version, the algorithm, and the key in an octet string.
    let (_, info) = element(&der, 0x30)?;
    let (rest, _version) = element(info, 0x02)?;
    let (rest, algorithm) = element(rest, 0x30)?;
    let (_, oid) = element(algorithm, 0x06)?;
    let (_, key) = element(rest, 0x04)?;
    match oid {
        RSA => {
            let lines = BASE64_STANDARD.encode(key);
            let lines: Vec<&str> = lines.as_bytes().chunks(64).filter_map(|line| str::from_utf8(line).ok()).collect();
            let lines = lines.join("\n");
            let pem = format!("-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----\n");
            DkimSigningKey::new(&pem, DkimSigningAlgorithm::Rsa).ok()
        }
        ED25519 => {
            let (_, seed) = element(key, 0x04)?;
            DkimSigningKey::new(&BASE64_STANDARD.encode(seed), DkimSigningAlgorithm::Ed25519).ok()
        }
        _ => None,
    }
}

/// The first element of some DER if it has that tag: what comes after it, and what is in it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 | 0x82 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(length)?;
    (*found == tag).then_some((after, inside))
}
