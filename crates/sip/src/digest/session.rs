//! The client's memory of a challenge: one nonce serves many requests, counted (RFC 7616 §3.4, RFC 3261 §22.3).

use std::fmt;

use bytes::Bytes;

use crate::digest::{Account, Challenge, answer};
use crate::{Name, Response};

/// Requests that one nonce serves before we would rather be challenged anew.
const USES_MAX: u32 = 10_000;

/// Credentials, and the challenge that they answer.
#[derive(Clone)]
pub struct Session {
    account: Account,
    held: Option<Held>,
}

#[derive(Clone)]
struct Held {
    challenge: Challenge,
    /// The field that the credentials go into.
    name: Name,
    uses: u32,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("challenged", &self.held.is_some()).finish_non_exhaustive()
    }
}

impl Session {
    /// Not challenged yet.
    pub fn new(account: Account) -> Self {
        Self { account, held: None }
    }

    /// Takes the challenge of a 401 or 407. `sent` is the nonce that the refused request answered, if it did. False
    /// when asking again with these credentials would be refused again: they were just tried with a nonce that is
    /// good (RFC 3261 §22.2), or no challenge is one that we understand.
    pub fn challenged(&mut self, response: &Response, sent: Option<&str>) -> bool {
        let (challenges, name) = match response.status() {
            407 => (Name::ProxyAuthenticate, Name::ProxyAuthorization),
            _ => (Name::WwwAuthenticate, Name::Authorization),
        };
        let mut understood =
            response.headers().challenges(challenges).filter(|challenge| challenge.algorithm.is_some());
        let Some(challenge) = understood.next() else { return false };
        if sent.is_some() && !challenge.stale && sent == Some(challenge.nonce.as_str()) {
            return false;
        }
        // A fresh nonce without `stale` for a request that answered another one: once is a server that forgets, and
        // whoever counts the tries sees to it that twice is wrong credentials.
        self.held = Some(Held { challenge, name, uses: 0 });
        true
    }

    /// Credentials for a request, when a challenge is known: the field, its value, and the nonce.
    pub fn credentials(&mut self, method: &[u8], uri: &[u8], cnonce: &str) -> Option<(Name, Bytes, String)> {
        let held = self.held.as_mut().filter(|held| held.uses < USES_MAX)?;
        held.uses += 1;
        // RFC 2617 §3.3: without qop a nonce is good for more than one request as well, only not counted.
        let value = answer([held.challenge.clone()], &self.account, method, uri, cnonce, held.uses)?;
        Some((held.name, value, held.challenge.nonce.clone()))
    }

    /// Forgets the challenge.
    pub fn forget(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn challenge(status: &str, rest: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:a@b>;tag=2\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n{rest}\r\nContent-Length: 0\r\n\r\n"
        );
        Message::parse(Bytes::from(text)).unwrap().into_response().unwrap()
    }

    fn session() -> Session {
        Session::new(Account { username: "carillon".to_owned(), password: "secret".to_owned() })
    }

    #[test]
    fn a_nonce_is_used_again_and_counted() {
        let mut session = session();
        assert!(session.credentials(b"REGISTER", b"sip:b", "c").is_none(), "nobody asked yet");
        let first =
            challenge("401 Unauthorized", "WWW-Authenticate: Digest realm=\"b\", nonce=\"n1\", qop=\"auth\"");
        assert!(session.challenged(&first, None));
        for count in 1..=3 {
            let (name, value, nonce) = session.credentials(b"REGISTER", b"sip:b", "c").unwrap();
            let value = String::from_utf8(value.to_vec()).unwrap();
            assert_eq!((name, nonce.as_str()), (Name::Authorization, "n1"));
            assert!(value.contains(&format!("nc=0000000{count}")), "{value}");
        }
    }

    #[test]
    fn wrong_credentials_are_not_tried_again_and_a_stale_nonce_is_replaced() {
        let mut session = session();
        let first = challenge(
            "407 Proxy Authentication Required",
            "Proxy-Authenticate: Digest realm=\"b\", nonce=\"n1\"",
        );
        assert!(session.challenged(&first, None));
        assert_eq!(session.credentials(b"INVITE", b"sip:b", "c").unwrap().0, Name::ProxyAuthorization);
        assert!(!session.challenged(&first, Some("n1")));
        let stale = challenge(
            "407 Proxy Authentication Required",
            "Proxy-Authenticate: Digest realm=\"b\", nonce=\"n2\", stale=true",
        );
        assert!(session.challenged(&stale, Some("n1")));
        assert_eq!(session.credentials(b"INVITE", b"sip:b", "c").unwrap().2, "n2");
    }

    #[test]
    fn what_we_cannot_answer_is_no_challenge() {
        let strange = challenge(
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"b\", nonce=\"n\", algorithm=TIGER",
        );
        assert!(!session().challenged(&strange, None));
        assert!(!session().challenged(&challenge("401 Unauthorized", "X-Nothing: 1"), None));
    }

    #[test]
    fn the_first_challenge_that_is_understood_is_answered() {
        let two = challenge(
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"b\", nonce=\"t\", algorithm=TIGER\r\nWWW-Authenticate: Digest realm=\"b\", nonce=\"s\", algorithm=SHA-256",
        );
        let mut session = session();
        assert!(session.challenged(&two, None));
        assert_eq!(session.credentials(b"REGISTER", b"sip:b", "c").unwrap().2, "s");
    }
}
