//! The client's half of a SCRAM exchange (RFC 5802 §5): proves the password and has the server prove itself.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::message::{attribute, escape, is_nonce};
use super::{Hash, ITERATIONS_MAX, ITERATIONS_MIN, decode, encode, xor};
use crate::sasl::{ChannelBinding, ClientError, Mechanism, prepare};

/// A SCRAM exchange as the client sees it.
pub(crate) struct ScramClient {
    hash: Hash,
    password: Zeroizing<String>,
    nonce: String,
    gs2_header: String,
    channel_binding: Vec<u8>,
    first_bare: String,
    /// The `v=` that the server must send.
    server_signature: Option<Vec<u8>>,
}

impl ScramClient {
    /// Begins an exchange. `plus_offered` says whether the server's list had a `-PLUS` mechanism.
    pub(crate) fn new(
        mechanism: Mechanism,
        (username, password): (&str, &str),
        binding: &ChannelBinding,
        plus_offered: bool,
        nonce: String,
    ) -> Result<Self, ClientError> {
        let hash = mechanism.hash().ok_or(ClientError::Mechanism)?;
        let username = prepare(username).map_err(ClientError::Password)?;
        let password = prepare(password).map_err(ClientError::Password)?;
        let (gs2_header, data) = match binding.names().next() {
            Some(name) if mechanism.is_plus() => (format!("p={name},,"), binding.data(name)),
            None if mechanism.is_plus() => return Err(ClientError::Mechanism),
            // RFC 5802 §6: "y" when we could bind and the server seems not to: it tells the server that
            // someone has cut its list, if it did offer a -PLUS mechanism.
            Some(_) if !plus_offered => ("y,,".to_owned(), None),
            _ => ("n,,".to_owned(), None),
        };
        let mut channel_binding = gs2_header.clone().into_bytes();
        channel_binding.extend(data.unwrap_or_default());
        let first_bare = format!("n={},r={nonce}", escape(&username));
        Ok(Self {
            hash,
            password: Zeroizing::new(password.into_owned()),
            nonce,
            gs2_header,
            channel_binding,
            first_bare,
            server_signature: None,
        })
    }

    /// The first message.
    pub(crate) fn initial(&self) -> Vec<u8> {
        format!("{}{}", self.gs2_header, self.first_bare).into_bytes()
    }

    /// Answers the challenge with our proof.
    pub(crate) fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| ClientError::Malformed)?;
        let mut attributes = challenge.split(',');
        let mut next =
            |name| attribute(attributes.next().unwrap_or(""), name).map_err(|_| ClientError::Malformed);
        let (nonce, salt, iterations) = (next("r=")?, next("s=")?, next("i=")?);
        // RFC 5802 §5.1: the client MUST verify that the nonce begins with its own.
        let ours = nonce.strip_prefix(&self.nonce);
        if !ours.is_some_and(|theirs| !theirs.is_empty() && is_nonce(theirs)) {
            return Err(ClientError::Server);
        }
        let salt = decode(salt).ok_or(ClientError::Malformed)?;
        let iterations: u32 = iterations.parse().map_err(|_| ClientError::Malformed)?;
        if !(ITERATIONS_MIN..=ITERATIONS_MAX).contains(&iterations) {
            return Err(ClientError::Iterations(iterations));
        }
        let salted = self.hash.salted_password(self.password.as_bytes(), &salt, iterations);
        let client_key = self.hash.hmac(&salted, &[b"Client Key"]);
        let without_proof = format!("c={},r={nonce}", encode(&self.channel_binding));
        let auth_message = format!("{},{challenge},{without_proof}", self.first_bare);
        let signed: [&[u8]; 1] = [auth_message.as_bytes()];
        let signature = self.hash.hmac(&self.hash.digest(&client_key), &signed);
        let server_key = self.hash.hmac(&salted, &[b"Server Key"]);
        self.server_signature = Some(self.hash.hmac(&server_key, &signed));
        Ok(format!("{without_proof},p={}", encode(&xor(&client_key, &signature))).into_bytes())
    }

    /// Checks the server's own proof. RFC 5802 §5: without it the client MUST NOT take the success.
    pub(crate) fn finish(&self, message: &[u8]) -> Result<(), ClientError> {
        let expected = self.server_signature.as_ref().ok_or(ClientError::Server)?;
        let text = std::str::from_utf8(message).map_err(|_| ClientError::Malformed)?;
        let verifier =
            attribute(text.split(',').next().unwrap_or(""), "v=").map_err(|_| ClientError::Server)?;
        let verifier = decode(verifier).ok_or(ClientError::Malformed)?;
        if bool::from(verifier.ct_eq(expected)) { Ok(()) } else { Err(ClientError::Server) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(mechanism: Mechanism, nonce: &str) -> ScramClient {
        let binding = ChannelBinding::default();
        ScramClient::new(mechanism, ("user", "pencil"), &binding, false, nonce.to_owned()).unwrap()
    }

    /// RFC 5802 §5.
    #[test]
    fn the_example_of_rfc_5802_is_what_we_send() {
        let mut client = client(Mechanism::ScramSha1, "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(client.initial(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let response = client
            .respond(b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096")
            .unwrap();
        assert_eq!(
            response,
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert_eq!(client.finish(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="), Ok(()));
        assert_eq!(client.finish(b"v=rmF9pqV8S7suAoZWja4dJRkFsKR="), Err(ClientError::Malformed));
        assert_eq!(client.finish(b"v=AAAApqV8S7suAoZWja4dJRkFsKQ="), Err(ClientError::Server));
    }

    /// RFC 7677 §3.
    #[test]
    fn the_example_of_rfc_7677_is_what_we_send() {
        let mut client = client(Mechanism::ScramSha256, "rOprNGfwEbeRWgbNEkqO");
        let response = client
            .respond(
                b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            )
            .unwrap();
        assert!(response.ends_with(b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
        assert_eq!(client.finish(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
    }

    #[test]
    fn a_server_with_a_foreign_nonce_or_a_mad_count_is_refused() {
        let mut client = client(Mechanism::ScramSha1, "abcdefgh");
        assert_eq!(client.respond(b"r=abcdefgX1,s=c2FsdA==,i=4096"), Err(ClientError::Server));
        assert_eq!(client.respond(b"r=abcdefgh,s=c2FsdA==,i=4096"), Err(ClientError::Server));
        assert_eq!(client.respond(b"r=abcdefgh1,s=c2FsdA==,i=1"), Err(ClientError::Iterations(1)));
        assert_eq!(
            client.respond(b"r=abcdefgh1,s=c2FsdA==,i=2000000"),
            Err(ClientError::Iterations(2_000_000))
        );
        assert_eq!(client.respond(b"e=other-error"), Err(ClientError::Malformed));
        assert_eq!(client.finish(b"v=AAAA"), Err(ClientError::Server));
    }

    #[test]
    fn the_flag_tells_what_the_client_could_bind_to() {
        let binding = ChannelBinding { exporter: Some(vec![1]), server_end_point: None };
        let start = |mechanism, offered| {
            ScramClient::new(mechanism, ("u", "p"), &binding, offered, "abcdefgh".into()).unwrap().initial()
        };
        assert!(start(Mechanism::ScramSha256Plus, true).starts_with(b"p=tls-exporter,,"));
        assert!(start(Mechanism::ScramSha256, false).starts_with(b"y,,"));
        assert!(start(Mechanism::ScramSha256, true).starts_with(b"n,,"));
    }
}
