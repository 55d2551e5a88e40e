//! Who sends (RFC 8292): a token signed with the server's key, for one push service and some hours.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How long a token holds: less than the 24 hours that RFC 8292 §2 allows.
const TOKEN_SECONDS: i64 = 12 * 3_600;

/// The server's key.
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    contact: String,
}

/// The key that was kept cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the kept key that signs push notices cannot be used")]
pub struct BadKey;

/// Makes a key: PKCS #8, to be kept.
///
/// # Errors
/// The system gives no random bytes.
pub fn new_key() -> Result<Vec<u8>, BadKey> {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    made.map(|key| key.as_ref().to_vec()).map_err(|_| BadKey)
}

impl Signer {
    /// With a key that was kept; `contact` is an address of the operator (RFC 8292 §2.1).
    pub(super) fn new(key: &[u8], contact: String) -> Result<Self, BadKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key).map_err(|_| BadKey)?;
        Ok(Self { pair, contact })
    }

    /// The public key in base64url (§3.2).
    pub(super) fn public_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// The value of `Authorization` for a request to `origin` (§3).
    pub(super) fn authorization(&self, origin: &str, now_seconds: i64) -> Result<String, BadKey> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let claims = serde_json::json!({
            "aud": origin,
            "exp": now_seconds + TOKEN_SECONDS,
            "sub": self.contact,
        });
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| BadKey)?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Ok(format!("vapid t={signed}.{signature}, k={}", self.public_key()))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_token_names_the_service_and_is_signed() {
        let signer = Signer::new(&new_key().unwrap(), "mailto:a@b".to_owned()).unwrap();
        let value = signer.authorization("https://push.example", 1_000).unwrap();
        let (token, key) = value.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        assert_eq!(key, signer.public_key());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!((&claims["aud"], &claims["exp"]), (&"https://push.example".into(), &44_200.into()));
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, URL_SAFE_NO_PAD.decode(key).unwrap());
        public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        assert!(Signer::new(b"nonsense", String::new()).is_err());
    }
}
