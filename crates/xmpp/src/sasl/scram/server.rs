//! The server's half of a SCRAM exchange (RFC 5802 §5): checks the first message, challenges, verifies the proof.

use subtle::ConstantTimeEq;

use super::message::{ClientFinalMessage, ClientFirstMessage, Gs2Flag};
use super::{Hash, Record, decode, encode, xor};
use crate::sasl::{ChannelBinding, Condition, prepare};

/// The first message, checked; what is missing is the user's record.
#[derive(Debug)]
pub(crate) struct ClientFirst {
    hash: Hash,
    message: ClientFirstMessage,
    username: String,
    /// What the client's `c=` must decode to: its GS2 header and the channel's data.
    channel_binding: Vec<u8>,
}

/// The exchange after the challenge went out.
#[derive(Debug)]
pub(crate) struct ScramServer {
    hash: Hash,
    record: Record,
    username: String,
    authzid: Option<String>,
    channel_binding: Vec<u8>,
    nonce: String,
    /// `client-first-bare,server-first,`: the front of what both sides sign.
    auth_message: String,
}

impl ClientFirst {
    /// Checks the client's first message. `plus` says whether a `-PLUS` mechanism was chosen,
    /// `plus_offered` whether one was offered.
    pub(crate) fn check(
        hash: Hash,
        plus: bool,
        plus_offered: bool,
        binding: &ChannelBinding,
        message: &[u8],
    ) -> Result<Self, Condition> {
        let message = ClientFirstMessage::parse(message)?;
        let mut channel_binding = message.gs2_header.clone().into_bytes();
        match (&message.flag, plus) {
            (Gs2Flag::Bound(name), true) => {
                // RFC 5802 §6: a binding type that the server does not support fails the authentication.
                channel_binding.extend(binding.data(name).ok_or(Condition::MalformedRequest)?);
            }
            // RFC 5802 §6: "y" against a server that did offer a -PLUS mechanism means that someone
            // between took it from the list; the server MUST fail the authentication.
            (Gs2Flag::NotOffered, false) if plus_offered => return Err(Condition::NotAuthorized),
            (Gs2Flag::Unsupported | Gs2Flag::NotOffered, false) => {}
            // RFC 5802 §6: the flag and the mechanism name must agree.
            _ => return Err(Condition::MalformedRequest),
        }
        let username = prepare(&message.username).map_err(|_| Condition::MalformedRequest)?.into_owned();
        Ok(Self { hash, message, username, channel_binding })
    }

    /// The user whose record is needed.
    pub(crate) fn username(&self) -> &str {
        &self.username
    }

    /// The hash function whose record is needed.
    pub(crate) fn hash(&self) -> Hash {
        self.hash
    }

    /// Writes the challenge. `nonce` is our fresh half of the nonce; `offered` is what the client should have
    /// seen, so that it notices when somebody between has cut it (XEP-0474 §5.1).
    pub(crate) fn challenge(
        self,
        record: Record,
        nonce: &str,
        offered: Option<&str>,
    ) -> (ScramServer, Vec<u8>) {
        let nonce = format!("{}{nonce}", self.message.nonce);
        let mut challenge = format!("r={nonce},s={},i={}", encode(&record.salt), record.iterations);
        if let Some(offered) = offered {
            challenge.push_str(",h=");
            challenge.push_str(&encode(&self.hash.digest(offered.as_bytes())));
        }
        let exchange = ScramServer {
            hash: self.hash,
            record,
            username: self.username,
            authzid: self.message.authzid,
            channel_binding: self.channel_binding,
            nonce,
            auth_message: format!("{},{challenge},", self.message.bare),
        };
        (exchange, challenge.into_bytes())
    }
}

impl ScramServer {
    /// Verifies the client's proof; answers our own (`v=…`).
    pub(crate) fn verify(&self, message: &[u8]) -> Result<Vec<u8>, Condition> {
        let message = ClientFinalMessage::parse(message)?;
        let channel_binding = decode(message.channel_binding).ok_or(Condition::MalformedRequest)?;
        let proof = decode(message.proof).ok_or(Condition::MalformedRequest)?;
        if proof.len() != self.hash.output_bytes() {
            return Err(Condition::MalformedRequest);
        }
        let signed: [&[u8]; 2] = [self.auth_message.as_bytes(), message.without_proof.as_bytes()];
        let client_signature = self.hash.hmac(&self.record.stored_key, &signed);
        let client_key = xor(&proof, &client_signature);
        // All three are compared before any answer, in constant time each.
        let good = self.hash.digest(&client_key).ct_eq(&self.record.stored_key)
            & message.nonce.as_bytes().ct_eq(self.nonce.as_bytes())
            & channel_binding.ct_eq(&self.channel_binding);
        if !bool::from(good) {
            return Err(Condition::NotAuthorized);
        }
        let server_signature = self.hash.hmac(&self.record.server_key, &signed);
        Ok(format!("v={}", encode(&server_signature)).into_bytes())
    }

    /// Who signed in, and whom he asked to act as.
    pub(crate) fn into_identity(self) -> (String, Option<String>) {
        (self.username, self.authzid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(hash: Hash, first: &str, salt: &str, nonce: &str) -> (ScramServer, String) {
        let first =
            ClientFirst::check(hash, false, false, &ChannelBinding::default(), first.as_bytes()).unwrap();
        assert_eq!(first.username(), "user");
        let record = Record::derive(hash, "pencil", &decode(salt).unwrap(), 4096).unwrap();
        let (server, challenge) = first.challenge(record, nonce, None);
        (server, String::from_utf8(challenge).unwrap())
    }

    /// RFC 5802 §5.
    #[test]
    fn the_example_of_rfc_5802_passes() {
        let (server, challenge) = exchange(
            Hash::Sha1,
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "QSXCR+Q6sek8bf92",
            "3rfcNHYJY1ZVvWVs7j",
        );
        assert_eq!(challenge, "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
        let verdict = server
            .verify(b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
        assert_eq!(verdict.unwrap(), b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
    }

    /// RFC 7677 §3.
    #[test]
    fn the_example_of_rfc_7677_passes() {
        let (server, challenge) = exchange(
            Hash::Sha256,
            "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        );
        assert_eq!(
            challenge,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let verdict = server.verify(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        );
        assert_eq!(verdict.unwrap(), b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_changed_nonce_proof_or_binding_is_not_authorized() {
        let (server, _) = exchange(
            Hash::Sha1,
            "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            "QSXCR+Q6sek8bf92",
            "3rfcNHYJY1ZVvWVs7j",
        );
        for message in [
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7k,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=V0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            "c=eSws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        ] {
            assert_eq!(server.verify(message.as_bytes()), Err(Condition::NotAuthorized));
        }
        let short = server.verify(b"c=biws,r=x,p=cHJvb2Y=");
        assert_eq!(short, Err(Condition::MalformedRequest));
    }

    #[test]
    fn a_downgraded_list_of_mechanisms_is_noticed() {
        let binding = ChannelBinding { exporter: Some(vec![7; 32]), server_end_point: None };
        let check = |plus, flag: &str| {
            let message = format!("{flag},,n=user,r=abcdefgh");
            ClientFirst::check(Hash::Sha1, plus, true, &binding, message.as_bytes()).map(|_| ())
        };
        assert_eq!(check(false, "y"), Err(Condition::NotAuthorized));
        assert_eq!(check(false, "n"), Ok(()));
        assert_eq!(check(false, "p=tls-exporter"), Err(Condition::MalformedRequest));
        assert_eq!(check(true, "p=tls-exporter"), Ok(()));
        assert_eq!(check(true, "p=tls-server-end-point"), Err(Condition::MalformedRequest));
        assert_eq!(check(true, "n"), Err(Condition::MalformedRequest));
    }
}
