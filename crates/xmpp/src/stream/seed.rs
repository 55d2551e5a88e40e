//! Identifiers and nonces of one stream, all from one draw of entropy.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use crate::sasl::scram::Hash;

/// The length of a stream identifier and of a nonce, in bytes of entropy (RFC 6120 §4.7.3 asks for
/// something unpredictable).
const TOKEN_BYTES: usize = 18;

/// Gives a new unpredictable token each time it is asked.
pub(super) struct Seed {
    key: [u8; 32],
    drawn: u32,
}

impl Seed {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, drawn: 0 }
    }

    pub(super) fn token(&mut self) -> String {
        self.drawn += 1;
        let token = Hash::Sha256.hmac(&self.key, &[b"stream token ", &self.drawn.to_be_bytes()]);
        BASE64.encode(&token[..TOKEN_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tokens_are_alike_and_none_has_a_comma() {
        let mut tokens =
            [1, 2].map(|byte| Seed::new([byte; 32])).map(|mut seed| [seed.token(), seed.token()]).concat();
        assert!(tokens.iter().all(|token| token.len() == 24 && !token.contains(',')));
        tokens.dedup();
        assert_eq!(tokens.len(), 4);
    }
}
