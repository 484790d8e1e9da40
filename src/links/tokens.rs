//! Mints and verifies the tokens inside expiring links.
//!
//! A token is base64url(key id 1 ‖ random id 16 ‖ HMAC-SHA256(key, purpose ‖ key id ‖ random id) cut to 16): 44 characters.
//! What it leads to, and until when, lies in the database under the random id. A stolen database therefore yields no
//! links, and a mail that is sent again carries the very same one.

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use voicemill_types::LinkId;

/// What a token opens; one for the one is none for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The page.
    Page,
    /// The audio that the page plays.
    Audio,
}

impl Purpose {
    fn tag(self) -> &'static [u8] {
        match self {
            Self::Page => b"page",
            Self::Audio => b"audio",
        }
    }
}

/// A token that is not ours, or not for this purpose; deliberately silent about which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this link is not valid")]
pub struct BadToken;

impl BadToken {
    /// Never: what is wrong with a token stays wrong.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Keys that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There has to be one to mint with.
    #[error("no link key is configured; add one with an id and a secret of at least 32 bytes")]
    Missing,
    /// Two keys have the same id.
    #[error("two link keys have the id {0}; give each its own, and never use one again")]
    Duplicate(u8),
    /// Neither hex nor base64.
    #[error("the secret of link key {0} is neither hex nor base64")]
    Encoding(u8),
    /// Short secrets can be guessed.
    #[error("the secret of link key {0} is shorter than 32 bytes")]
    Short(u8),
}

/// One key as it is configured.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Stands in every token minted with this key.
    pub id: u8,
    /// At least 32 random bytes in hex or base64.
    pub secret: String,
}

impl fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyConfig").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The key that mints, and older ones that still verify until they are taken out of the configuration.
#[derive(Clone)]
pub struct LinkKeys {
    current: Key,
    older: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: u8,
    mac: Hmac<Sha256>,
}

impl LinkKeys {
    /// Bytes of key id, random id and code together; a multiple of three, so that base64 has no spare bits or padding.
    const RAW: usize = 1 + 16 + Self::CODE;
    const CODE: usize = 16;
    /// Characters of a token.
    pub const TOKEN_LENGTH: usize = Self::RAW / 3 * 4;
    const SHORTEST_SECRET: usize = 32;

    /// The keys in `configured`; the first one mints.
    pub fn new(configured: &[KeyConfig]) -> Result<Self, KeyError> {
        let (first, others) = configured.split_first().ok_or(KeyError::Missing)?;
        let mut keys = Self { current: Key::new(first)?, older: Vec::with_capacity(others.len()) };
        for config in others {
            if keys.find(config.id).is_some() {
                return Err(KeyError::Duplicate(config.id));
            }
            keys.older.push(Key::new(config)?);
        }
        Ok(keys)
    }

    /// A fresh random secret in hex, for a first start without configuration.
    pub fn generate_secret() -> Result<String, getrandom::Error> {
        let mut secret = [0; Self::SHORTEST_SECRET];
        getrandom::fill(&mut secret)?;
        Ok(secret.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The token that opens the link `id` for `purpose`.
    pub fn mint(&self, purpose: Purpose, id: LinkId) -> String {
        let mut raw = Vec::with_capacity(Self::RAW);
        raw.push(self.current.id);
        raw.extend_from_slice(id.0.as_bytes());
        raw.extend_from_slice(&self.current.code(purpose, self.current.id, id));
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// The link that `token` opens for `purpose`, in a time that does not tell a nearly right token from a wrong one.
    pub fn verify(&self, purpose: Purpose, token: &str) -> Result<LinkId, BadToken> {
        let mut raw = [0; Self::RAW];
        match URL_SAFE_NO_PAD.decode_slice(token, &mut raw) {
            Ok(Self::RAW) => {}
            _ => return Err(BadToken),
        }
        let [key_id, rest @ ..] = raw;
        let (id, code) = rest.split_at(16);
        let id = LinkId(Uuid::from_slice(id).map_err(|_| BadToken)?);
        // An unknown key costs as much time as a known one.
        let known = self.find(key_id);
        let expected = known.unwrap_or(&self.current).code(purpose, key_id, id);
        if bool::from(expected.ct_eq(code)) && known.is_some() { Ok(id) } else { Err(BadToken) }
    }

    fn find(&self, id: u8) -> Option<&Key> {
        std::iter::once(&self.current).chain(&self.older).find(|key| key.id == id)
    }
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkKeys")
            .field("current", &self.current.id)
            .field("older", &self.older.iter().map(|key| key.id).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Key {
    fn new(config: &KeyConfig) -> Result<Self, KeyError> {
        let secret = decode_secret(&config.secret).ok_or(KeyError::Encoding(config.id))?;
        if secret.len() < LinkKeys::SHORTEST_SECRET {
            return Err(KeyError::Short(config.id));
        }
        let mac = Hmac::new_from_slice(&secret).map_err(|_| KeyError::Short(config.id))?;
        Ok(Self { id: config.id, mac })
    }

    fn code(&self, purpose: Purpose, key_id: u8, id: LinkId) -> [u8; LinkKeys::CODE] {
        let mut mac = self.mac.clone();
        mac.update(purpose.tag());
        mac.update(&[key_id]);
        mac.update(id.0.as_bytes());
        let whole = mac.finalize().into_bytes();
        std::array::from_fn(|position| whole[position])
    }
}

/// Reads hex when every character is a hex digit, and base64 of either alphabet otherwise.
fn decode_secret(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return (0..text.len()).step_by(2).map(|start| u8::from_str_radix(&text[start..start + 2], 16).ok()).collect();
    }
    let text = text.trim_end_matches('=');
    STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(id: u8, byte: u8) -> KeyConfig {
        KeyConfig { id, secret: format!("{byte:02x}").repeat(32) }
    }

    fn keys(configs: &[KeyConfig]) -> LinkKeys {
        LinkKeys::new(configs).unwrap()
    }

    #[test]
    fn the_form_of_a_token_is_fixed() {
        let id = LinkId(Uuid::from_bytes([7; 16]));
        let token = keys(&[config(1, 0xab)]).mint(Purpose::Page, id);
        // Computed apart from this code:
        // python3 -c 'import hmac,base64; k=b"\xab"*32; d=b"\x01"+b"\x07"*16; print(base64.urlsafe_b64encode(d+hmac.digest(k,b"page"+d,"sha256")[:16]))'
        assert_eq!(token, "AQcHBwcHBwcHBwcHBwcHBweQ5hoNVcRJ8JZTQ5ZSu-DO");
    }

    #[test]
    fn a_page_token_is_no_audio_token() {
        let keys = keys(&[config(1, 1)]);
        let id = LinkId::random();
        let token = keys.mint(Purpose::Page, id);
        assert_eq!(keys.verify(Purpose::Page, &token), Ok(id));
        assert_eq!(keys.verify(Purpose::Audio, &token), Err(BadToken));
    }

    #[test]
    fn an_old_key_verifies_until_it_is_retired() {
        let id = LinkId::random();
        let before = keys(&[config(1, 1)]).mint(Purpose::Page, id);
        let rotated = keys(&[config(2, 2), config(1, 1)]);
        assert_eq!(rotated.verify(Purpose::Page, &before), Ok(id));
        let after = rotated.mint(Purpose::Page, id);
        assert_ne!(after, before);
        let retired = keys(&[config(2, 2)]);
        assert_eq!(retired.verify(Purpose::Page, &before), Err(BadToken));
        assert_eq!(retired.verify(Purpose::Page, &after), Ok(id));
    }

    #[test]
    fn the_same_secret_under_another_id_does_not_verify() {
        let token = keys(&[config(1, 1)]).mint(Purpose::Page, LinkId::random());
        assert_eq!(keys(&[config(2, 1)]).verify(Purpose::Page, &token), Err(BadToken));
    }

    #[test]
    fn bad_keys_are_named() {
        let with = |id, secret: &str| KeyConfig { id, secret: secret.to_owned() };
        let error = |configs: &[KeyConfig]| LinkKeys::new(configs).unwrap_err();
        assert_eq!(error(&[]), KeyError::Missing);
        assert_eq!(error(&[with(1, "c0ffee")]), KeyError::Short(1));
        assert_eq!(error(&[with(1, "not a secret!")]), KeyError::Encoding(1));
        assert_eq!(error(&[config(1, 1), config(1, 2)]), KeyError::Duplicate(1));
    }

    #[test]
    fn hex_and_both_base64_alphabets_are_read() {
        let bytes: Vec<u8> = (0..32).map(|byte| byte * 8 + 3).collect();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let standard = base64::engine::general_purpose::STANDARD.encode(&bytes);
        for text in [&hex, &standard, &URL_SAFE_NO_PAD.encode(&bytes)] {
            assert_eq!(decode_secret(text).as_ref(), Some(&bytes), "{text}");
        }
        assert!(LinkKeys::new(&[KeyConfig { id: 0, secret: LinkKeys::generate_secret().unwrap() }]).is_ok());
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?} {:?}", config(1, 0xab), keys(&[config(1, 0xab)]));
        assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
    }

    proptest! {
        #[test]
        fn tokens_are_44_characters_safe_in_urls(id: [u8; 16], key_id: u8, byte: u8) {
            let keys = keys(&[config(key_id, byte)]);
            let id = LinkId(Uuid::from_bytes(id));
            for purpose in [Purpose::Page, Purpose::Audio] {
                let token = keys.mint(purpose, id);
                prop_assert_eq!(token.len(), LinkKeys::TOKEN_LENGTH);
                prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
                prop_assert_eq!(keys.verify(purpose, &token), Ok(id));
            }
        }

        #[test]
        fn any_changed_character_is_refused(id: [u8; 16], position in 0..44usize, other: char) {
            let keys = keys(&[config(1, 1)]);
            let token = keys.mint(Purpose::Page, LinkId(Uuid::from_bytes(id)));
            let changed: String = token
                .chars()
                .enumerate()
                .map(|(at, character)| if at == position { other } else { character })
                .collect();
            prop_assume!(changed != token);
            prop_assert_eq!(keys.verify(Purpose::Page, &changed), Err(BadToken));
        }

        #[test]
        fn a_changed_url_safe_character_is_refused(id: [u8; 16], position in 0..44usize, other in "[A-Za-z0-9_-]") {
            let keys = keys(&[config(1, 1)]);
            let mut changed = keys.mint(Purpose::Audio, LinkId(Uuid::from_bytes(id)));
            let before = changed.clone();
            changed.replace_range(position..=position, &other);
            prop_assume!(changed != before);
            prop_assert_eq!(keys.verify(Purpose::Audio, &changed), Err(BadToken));
        }

        #[test]
        fn nothing_panics(token in "\\PC*") {
            prop_assert_eq!(keys(&[config(1, 1)]).verify(Purpose::Page, &token), Err(BadToken));
        }
    }
}
