//! Hashed tokens (draft-schmaus-kitten-sasl-ht-09): one message proves a token, one message answers that proof.

use subtle::ConstantTimeEq;

use super::scram::Hash;
use super::{ChannelBinding, Condition, MESSAGE_BYTES_MAX, prepare};

/// The length of what is kept of a token, in bytes.
pub const TOKEN_KEY_BYTES: usize = 32;
/// A block of SHA-256, in bytes. HMAC takes a longer key by its hash (RFC 2104 §2), so that of a longer token
/// the hash is all that a server needs.
const BLOCK_BYTES: usize = 64;

/// A mechanism that proves a token: which channel the proof is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenMechanism {
    /// `HT-SHA-256-EXPR`, bound by `tls-exporter`.
    Exporter,
    /// `HT-SHA-256-ENDP`, bound by `tls-server-end-point`.
    EndPoint,
    /// `HT-SHA-256-NONE`, not bound.
    Unbound,
}

impl TokenMechanism {
    /// All of them, most preferred first.
    pub const ALL: [Self; 3] = [Self::Exporter, Self::EndPoint, Self::Unbound];

    /// The mechanism's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exporter => "HT-SHA-256-EXPR",
            Self::EndPoint => "HT-SHA-256-ENDP",
            Self::Unbound => "HT-SHA-256-NONE",
        }
    }

    /// The mechanism of that name, if we speak it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// What the channel adds to a proof; `None` when the mechanism cannot be used on this channel.
    pub fn data(self, binding: &ChannelBinding) -> Option<&[u8]> {
        match self {
            Self::Exporter => binding.data(ChannelBinding::EXPORTER),
            Self::EndPoint => binding.data(ChannelBinding::SERVER_END_POINT),
            Self::Unbound => Some(&[]),
        }
    }
}

/// What is kept of a token: enough to check proofs and not the token itself.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenKey([u8; TOKEN_KEY_BYTES]);

impl std::fmt::Debug for TokenKey {
    /// Keys never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey(‹secret›)")
    }
}

impl TokenKey {
    /// The key of a token; `None` for one that is so short that its hash would not do.
    pub fn of(token: &str) -> Option<Self> {
        (token.len() > BLOCK_BYTES).then(|| Hash::Sha256.digest(token.as_bytes())).and_then(Self::from_bytes)
    }

    /// A key that was kept.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to keep.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The client's proof: HMAC(token, "Initiator" || cb-data).
    pub fn initiator(&self, data: &[u8]) -> Vec<u8> {
        Hash::Sha256.hmac(&self.0, &[b"Initiator", data])
    }

    /// The server's proof: HMAC(token, "Responder" || cb-data).
    pub fn responder(&self, data: &[u8]) -> Vec<u8> {
        Hash::Sha256.hmac(&self.0, &[b"Responder", data])
    }

    /// Is this the client's proof? Takes the same time for every answer.
    pub(crate) fn verifies(&self, data: &[u8], proof: &[u8]) -> bool {
        self.initiator(data).ct_eq(proof).into()
    }
}

/// The client's only message, taken apart.
#[derive(Debug)]
pub(crate) struct TokenProof {
    /// Who the client is, prepared.
    pub(crate) username: String,
    pub(crate) proof: Vec<u8>,
}

impl TokenProof {
    /// Parses `authcid NUL initiator-hashed-token` (§3.1).
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Condition> {
        let malformed = |_| Condition::MalformedRequest;
        let end = message.iter().position(|byte| *byte == 0).ok_or(Condition::MalformedRequest)?;
        let (username, proof) = (&message[..end], &message[end + 1..]);
        if message.len() > MESSAGE_BYTES_MAX || proof.is_empty() {
            return Err(Condition::MalformedRequest);
        }
        let username = prepare(std::str::from_utf8(username).map_err(malformed)?)
            .map_err(|_| Condition::MalformedRequest)?;
        Ok(Self { username: username.into_owned(), proof: proof.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn long() -> String {
        "token-".repeat(11)
    }

    /// RFC 2104 §2: what makes it possible to keep the hash alone.
    #[test]
    fn the_hash_of_a_long_token_proves_as_the_token_itself() {
        let token = long();
        let key = TokenKey::of(&token).unwrap();
        assert_eq!(key.initiator(b"data"), Hash::Sha256.hmac(token.as_bytes(), &[b"Initiatordata"]));
        assert_eq!(key.responder(b""), Hash::Sha256.hmac(token.as_bytes(), &[b"Responder"]));
        assert_eq!(TokenKey::of(&token[..BLOCK_BYTES]), None);
    }

    #[test]
    fn a_proof_is_good_for_its_key_and_channel() {
        let key = TokenKey::of(&long()).unwrap();
        let proof = key.initiator(b"channel");
        assert!(key.verifies(b"channel", &proof));
        assert!(!key.verifies(b"other", &proof));
        assert!(!TokenKey::of(&format!("{}x", long())).unwrap().verifies(b"channel", &proof));
        assert!(!key.verifies(b"channel", &proof[..31]));
    }

    #[test]
    fn a_mechanism_needs_its_channel() {
        let binding = ChannelBinding { exporter: Some(vec![1]), server_end_point: None };
        assert_eq!(TokenMechanism::Exporter.data(&binding), Some(&[1][..]));
        assert_eq!(TokenMechanism::EndPoint.data(&binding), None);
        assert_eq!(TokenMechanism::Unbound.data(&binding), Some(&[][..]));
        for mechanism in TokenMechanism::ALL {
            assert_eq!(TokenMechanism::from_name(mechanism.name()), Some(mechanism));
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        assert_eq!(format!("{:?}", TokenKey([7; 32])), "TokenKey(‹secret›)");
    }

    proptest! {
        #[test]
        fn what_follows_the_first_nul_is_the_proof(name in "[a-z]{1,20}", proof in prop::collection::vec(any::<u8>(), 1..64)) {
            let parsed = TokenProof::parse(&[name.as_bytes(), &[0], &proof].concat()).unwrap();
            prop_assert_eq!((parsed.username, parsed.proof), (name, proof));
        }

        #[test]
        fn no_input_panics(message in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = TokenProof::parse(&message);
        }
    }
}
