//! Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body, by a secret that both sides hold.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::ServiceError;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// A new secret: 32 random bytes.
pub(super) fn new_secret() -> Result<String, ServiceError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| ServiceError::Internal(anyhow::anyhow!("{error}")))?;
    Ok(format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes)))
}

/// The signature of a body by one secret: `v1,` and base64.
///
/// # Errors
/// The secret is none of ours.
pub(super) fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String, ServiceError> {
    let broken = || ServiceError::Internal(anyhow::anyhow!("the secret of a webhook cannot be read"));
    let key = secret.strip_prefix(PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok()).ok_or_else(broken)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| broken())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_the_reference() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signature =
            sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_new_secret_signs_and_no_two_are_alike() {
        let (one, other) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), "whsec_".len() + 44);
        assert_ne!(sign(&one, "id", 0, b"{}").unwrap(), sign(&other, "id", 0, b"{}").unwrap());
        assert!(sign("swordfish", "id", 0, b"{}").is_err());
    }
}
