//! The names of blobs, made of identifiers only, so that no path is ever made from input.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// Names one blob: `{owner}/{id}.{extension}`, where owner and id are UUIDs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey {
    owner: Uuid,
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

    /// A fresh key of `owner`, which sorts by the time it was made.
    ///
    /// # Errors
    /// [`InvalidKey::Extension`].
    pub fn new(owner: impl Into<Uuid>, extension: &str) -> Result<Self, InvalidKey> {
        Self::checked(owner.into(), Uuid::now_v7(), extension)
    }

    /// The key for something made from `source`: the same parts always give the same key, other parts another.
    ///
    /// A job that names itself and its attempt among the parts never meets the output of an earlier attempt.
    ///
    /// # Errors
    /// [`InvalidKey::Extension`].
    pub fn derive(owner: impl Into<Uuid>, source: Uuid, parts: &[&str], extension: &str) -> Result<Self, InvalidKey> {
        let mut name = String::new();
        for part in parts {
            // With its length before it, no part runs into the next.
            name.push_str(&format!("{}:{part}", part.len()));
        }
        Self::checked(owner.into(), Uuid::new_v5(&source, name.as_bytes()), extension)
    }

    fn checked(owner: Uuid, id: Uuid, extension: &str) -> Result<Self, InvalidKey> {
        let short = (1..=Self::LONGEST_EXTENSION).contains(&extension.len());
        let plain = extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(short && plain) {
            return Err(InvalidKey::Extension);
        }
        Ok(Self { owner, id, extension: extension.to_owned() })
    }

    /// Who owns the blob, such as a tenant.
    pub fn owner(&self) -> Uuid {
        self.owner
    }

    /// The part after the dot.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// The folder, relative to the store's root.
    pub(crate) fn folder(&self) -> String {
        self.owner.to_string()
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}", self.owner, self.id, self.extension)
    }
}

impl FromStr for BlobKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (owner, file) = text.split_once('/').ok_or(InvalidKey::Form)?;
        let (id, extension) = file.split_once('.').ok_or(InvalidKey::Form)?;
        let owner = owner.parse().map_err(|_| InvalidKey::Form)?;
        let id = id.parse().map_err(|_| InvalidKey::Form)?;
        let key = Self::checked(owner, id, extension)?;
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
        let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap();
        assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn derived_keys_differ_with_every_part() {
        let (owner, source) = (Uuid::now_v7(), Uuid::now_v7());
        let derive = |parts: &[&str]| BlobKey::derive(owner, source, parts, "wav").unwrap();
        assert_eq!(derive(&["job", "1", "phone"]), derive(&["job", "1", "phone"]));
        assert_ne!(derive(&["job", "1", "phone"]), derive(&["job", "2", "phone"]));
        assert_ne!(derive(&["ab", "c"]), derive(&["a", "bc"]));
        assert_ne!(derive(&["a:b"]), derive(&["a", "b"]));
        let other = BlobKey::derive(owner, Uuid::now_v7(), &["ab", "c"], "wav").unwrap();
        assert_ne!(derive(&["ab", "c"]), other);
    }

    #[test]
    fn only_plain_short_extensions_are_taken() {
        for extension in ["", "WAV", "../x", "a/b", "tar.gz", "waveforms", "ä", "a b", "\0"] {
            assert_eq!(BlobKey::new(Uuid::now_v7(), extension), Err(InvalidKey::Extension), "{extension:?}");
        }
    }

    #[test]
    fn other_spellings_of_a_key_are_refused() {
        let key = BlobKey::new(Uuid::now_v7(), "wav").unwrap().to_string();
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
