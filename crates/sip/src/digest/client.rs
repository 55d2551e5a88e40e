//! The client's side: credentials that answer a challenge.

use bytes::{BufMut, Bytes, BytesMut};

use crate::digest::{Challenge, Inputs, ha1, response};
use crate::header::quote;

/// Who signs in.
#[derive(Clone)]
pub struct Account {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// The value of Authorization or Proxy-Authorization that answers the first of `challenges` we understand
/// (RFC 8760 §2.4: "the topmost it supports"). `nonce_count` counts requests with this nonce, from 1.
/// `None` when we understand none.
pub fn answer(
    challenges: impl IntoIterator<Item = Challenge>,
    account: &Account,
    method: &[u8],
    uri: &[u8],
    cnonce: &str,
    nonce_count: u32,
) -> Option<Bytes> {
    let (challenge, algorithm) =
        challenges.into_iter().find_map(|c| c.algorithm.map(|algorithm| (c, algorithm)))?;
    let ha1 = ha1(algorithm, &account.username, &challenge.realm, &account.password);
    let count = format!("{nonce_count:08x}");
    let inputs = Inputs {
        nonce: challenge.nonce.as_bytes(),
        uri,
        counted: challenge.qop_auth.then_some((count.as_bytes(), cnonce.as_bytes())),
    };
    let response = response(algorithm, ha1.as_bytes(), method, &inputs);
    let mut out = BytesMut::with_capacity(320);
    out.put_slice(b"Digest username=");
    quote(account.username.as_bytes(), &mut out);
    out.put_slice(b", realm=");
    quote(challenge.realm.as_bytes(), &mut out);
    out.put_slice(b", nonce=");
    quote(challenge.nonce.as_bytes(), &mut out);
    out.put_slice(b", uri=");
    quote(uri, &mut out);
    out.put_slice(b", response=\"");
    out.put_slice(response.as_bytes());
    out.put_slice(b"\", algorithm=");
    out.put_slice(algorithm.as_str().as_bytes());
    if challenge.qop_auth {
        out.put_slice(b", qop=auth, nc=");
        out.put_slice(count.as_bytes());
        out.put_slice(b", cnonce=");
        quote(cnonce.as_bytes(), &mut out);
    }
    if let Some(opaque) = &challenge.opaque {
        out.put_slice(b", opaque=");
        quote(opaque.as_bytes(), &mut out);
    }
    Some(out.freeze())
}
