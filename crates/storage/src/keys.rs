//! The names of blobs, made of identifiers only, so that no path is ever made from input.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use voicemill_types::DomainId;

/// Names one blob: `{domain uuid}/{uuid}.{ext}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey {
    domain: DomainId,
    id: Uuid,
    extension: String,
}

/// Text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// An extension is one to eight lower-case letters or digits.
    #[error("a blob's extension must be one to eight lower-case letters or digits")]
    Extension,
    /// A key is written in exactly one form.
    #[error("this is not a blob's key")]
    Form,
}

impl BlobKey {
    const LONGEST_EXTENSION: usize = 8;

    /// A fresh key for something that comes from outside.
    pub fn new(domain: DomainId, extension: &str) -> Result<Self, InvalidKey> {
        Self::checked(domain, Uuid::now_v7(), extension)
    }

    /// The key for something made of `owner`: the same parts always give the same key, other parts another.
    ///
    /// A job names its message, itself, its attempt and the rendition, so that repeating an attempt never meets the output of
    /// an earlier one.
    pub fn derive(domain: DomainId, owner: Uuid, parts: &[&str], extension: &str) -> Result<Self, InvalidKey> {
        let mut name = String::new();
        for part in parts {
            // With its length before it, no part runs into the next.
            name.push_str(&format!("{}:{part}", part.len()));
        }
        Self::checked(domain, Uuid::new_v5(&owner, name.as_bytes()), extension)
    }

    fn checked(domain: DomainId, id: Uuid, extension: &str) -> Result<Self, InvalidKey> {
        let short = (1..=Self::LONGEST_EXTENSION).contains(&extension.len());
        let plain = extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(short && plain) {
            return Err(InvalidKey::Extension);
        }
        Ok(Self { domain, id, extension: extension.to_owned() })
    }

    /// The domain that owns the blob.
    pub fn domain(&self) -> DomainId {
        self.domain
    }

    /// The part after the dot.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// The folder, relative to the store's root.
    pub(super) fn folder(&self) -> String {
        self.domain.to_string()
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}", self.domain, self.id, self.extension)
    }
}

impl FromStr for BlobKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (domain, file) = text.split_once('/').ok_or(InvalidKey::Form)?;
        let (id, extension) = file.split_once('.').ok_or(InvalidKey::Form)?;
        let domain = domain.parse().map_err(|_| InvalidKey::Form)?;
        let id = id.parse().map_err(|_| InvalidKey::Form)?;
        let key = Self::checked(domain, id, extension)?;
        // UUIDs can be written in several ways; keys cannot.
        if key.to_string() == text { Ok(key) } else { Err(InvalidKey::Form) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_reads_back() {
        let key = BlobKey::new(DomainId::new(), "wav").unwrap();
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn derived_keys_differ_with_every_part() {
        let (domain, owner) = (DomainId::new(), Uuid::now_v7());
        let derive = |parts: &[&str]| BlobKey::derive(domain, owner, parts, "wav").unwrap();
        assert_eq!(derive(&["job", "1", "phone"]), derive(&["job", "1", "phone"]));
        assert_ne!(derive(&["job", "1", "phone"]), derive(&["job", "2", "phone"]));
        assert_ne!(derive(&["ab", "c"]), derive(&["a", "bc"]));
        assert_ne!(derive(&["a:b"]), derive(&["a", "b"]));
        let other = BlobKey::derive(domain, Uuid::now_v7(), &["ab", "c"], "wav").unwrap();
        assert_ne!(derive(&["ab", "c"]), other);
    }

    #[test]
    fn only_plain_short_extensions_are_taken() {
        for extension in ["", "WAV", "../x", "a/b", "tar.gz", "waveforms", "ä", "a b", "\0"] {
            assert_eq!(BlobKey::new(DomainId::new(), extension), Err(InvalidKey::Extension), "{extension:?}");
        }
    }

    #[test]
    fn other_spellings_of_a_key_are_refused() {
        let key = BlobKey::new(DomainId::new(), "wav").unwrap().to_string();
        for text in [
            key.to_uppercase(),
            key.replace('-', ""),
            format!("/{key}"),
            format!("{key}/.."),
            format!("../{key}"),
            key.replace('/', "//"),
        ] {
            assert!(text.parse::<BlobKey>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_parses_stays_inside_the_store(text in "\\PC*|[0-9a-f/.-]{70,80}") {
            if let Ok(key) = text.parse::<BlobKey>() {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }
}
