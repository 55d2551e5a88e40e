//! Message encryption for Web Push (RFC 8291): a key agreed with the receiver, and one record of `aes128gcm` (RFC 8188).

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::{aead, hkdf};

/// The salt of a message (RFC 8188 §2.1), in bytes.
pub(super) const SALT_BYTES: usize = 16;
/// A private key of P-256, in bytes.
pub(super) const PRIVATE_KEY_BYTES: usize = 32;
/// A public key: an uncompressed point, in bytes.
const PUBLIC_KEY_BYTES: usize = 65;
/// The size of a record; a message is one record and shorter (RFC 8291 §4).
const RECORD_BYTES: u32 = 4_096;
/// What a message may hold: a record without its header, its tag and the delimiter (RFC 8291 §4).
pub(super) const PLAINTEXT_BYTES_MAX: usize = 3_993;

/// Why a message was not encrypted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Error {
    /// The receiver's key is no point of the curve: the receiver's fault.
    #[error("the receiver's public key is none")]
    PublicKey,
    /// The random bytes were no private key: try others.
    #[error("these bytes are no private key")]
    PrivateKey,
    /// Our fault.
    #[error("the message is too long")]
    TooLong,
}

/// What is chosen for one message alone.
pub(super) struct Once {
    /// The salt.
    pub(super) salt: [u8; SALT_BYTES],
    /// Our private key.
    pub(super) private_key: [u8; PRIVATE_KEY_BYTES],
}

/// Encrypts a message to a receiver (RFC 8291 §3, §4): the body of the request.
pub(super) fn encrypt(
    plaintext: &[u8],
    receiver: &[u8; PUBLIC_KEY_BYTES],
    secret: &[u8],
    once: &Once,
) -> Result<Vec<u8>, Error> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(Error::TooLong);
    }
    let own = PrivateKey::from_private_key(&ECDH_P256, &once.private_key).map_err(|_| Error::PrivateKey)?;
    let own_public = own.compute_public_key().map_err(|_| Error::PrivateKey)?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, receiver);
    let agreed = |shared: &[u8]| Ok(keys(shared, secret, receiver, own_public.as_ref(), &once.salt));
    let (key, nonce) = agreement::agree(&own, peer, Error::PublicKey, agreed)?;

    let mut sealed = plaintext.to_vec();
    // RFC 8188 §2: the last record ends with a 2.
    sealed.push(2);
    let key = aead::UnboundKey::new(&aead::AES_128_GCM, &key).map_err(|_| Error::TooLong)?;
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    aead::LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, aead::Aad::empty(), &mut sealed)
        .map_err(|_| Error::TooLong)?;

    let mut body = Vec::with_capacity(SALT_BYTES + 5 + PUBLIC_KEY_BYTES + sealed.len());
    body.extend_from_slice(&once.salt);
    body.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    // A point of the curve has 65 bytes.
    body.push(own_public.as_ref().len().to_be_bytes()[7]);
    body.extend_from_slice(own_public.as_ref());
    body.extend_from_slice(&sealed);
    Ok(body)
}

/// RFC 8291 §3.3, §3.4: the key and the nonce of the one record.
fn keys(shared: &[u8], secret: &[u8], receiver: &[u8], sender: &[u8], salt: &[u8]) -> ([u8; 16], [u8; 12]) {
    let info = [b"WebPush: info\0", receiver, sender].concat();
    let input: [u8; 32] = expand(secret, shared, &info);
    let key = expand(salt, &input, b"Content-Encoding: aes128gcm\0");
    let nonce = expand(salt, &input, b"Content-Encoding: nonce\0");
    (key, nonce)
}

/// HKDF with SHA-256 (RFC 5869): extract, and expand to `N` bytes.
fn expand<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> [u8; N] {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; N];
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(input);
    pseudorandom
        .expand(&[info], Length(N))
        .and_then(|material| material.fill(&mut out))
        .expect("at most 32 bytes are asked for, and HKDF gives 8,160");
    out
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8291 §5, and its appendix A.
    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let receiver =
            bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let secret: [u8; 16] = bytes("BTBZMqHH6r4Tts7J_aSIgg");
        let once = Once {
            salt: bytes("DGv6ra1nlYgDCS1FRnbzlw"),
            private_key: bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"),
        };
        let body = encrypt(b"When I grow up, I want to be a watermelon", &receiver, &secret, &once).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn a_receiver_without_a_point_and_a_message_too_long_are_refused() {
        let once = Once { salt: [1; 16], private_key: [1; 32] };
        assert_eq!(encrypt(b"x", &[4; 65], &[0; 16], &once), Err(Error::PublicKey));
        let long = vec![0; PLAINTEXT_BYTES_MAX + 1];
        assert_eq!(encrypt(&long, &[4; 65], &[0; 16], &once), Err(Error::TooLong));
        let zero = Once { salt: [1; 16], private_key: [0; 32] };
        assert_eq!(encrypt(b"x", &[4; 65], &[0; 16], &zero), Err(Error::PrivateKey));
    }
}
