//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3, §8.2.2.2).

use std::hash::{DefaultHasher, Hasher};

use bytes::Bytes;

use super::random::{push_hex, read_hex};
use crate::error::Error;
use crate::header::{CSeq, Via};
use crate::message::{Name, Request};
use crate::method::Method;
use crate::param::Params;
use crate::scan;

/// The part of a sent-by host that matching looks at, in bytes: as long as a domain name can be.
const HOST_BYTES_MAX: usize = 253;

/// What a transaction is found by: a keyed hash of 128 bits, so that nobody outside can make two collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u128);

impl Key {
    /// A value that is the same for every repetition of a message: the tag of a stateless answer (RFC 3261 §8.2.7).
    pub(super) fn tag(self) -> Vec<u8> {
        let mut tag = Vec::with_capacity(16);
        push_hex(&mut tag, self.0 as u64);
        tag
    }
}

/// Makes keys.
pub(super) struct Matcher {
    halves: [DefaultHasher; 2],
}

/// The header fields of a request that matching looks at, read once.
pub(super) struct Identity {
    pub(super) via: Via,
    pub(super) cseq: CSeq,
    pub(super) call_id: Bytes,
    pub(super) from_tag: Option<Bytes>,
    pub(super) to_tag: Option<Bytes>,
}

impl Identity {
    pub(super) fn of(request: &Request) -> Result<Self, Error> {
        let headers = request.headers();
        Ok(Self {
            via: headers.via()?,
            cseq: headers.cseq()?,
            call_id: headers.call_id()?,
            from_tag: tag(request, Name::From)?,
            to_tag: tag(request, Name::To)?,
        })
    }
}

/// The tag of From or To, found without reading the address: that is checked once, and only in new requests.
fn tag(request: &Request, name: Name) -> Result<Option<Bytes>, Error> {
    let headers = request.headers();
    let value = headers.first(name).ok_or(Error::Missing(name))?;
    let Some(params) = scan::find_outside(value, b';') else { return Ok(None) };
    Ok(Params::new(&value[params..]).value(b"tag").map(|tag| headers.share(tag)))
}

impl Matcher {
    pub(super) fn new(secrets: [u64; 2]) -> Self {
        Self {
            halves: secrets.map(|secret| {
                let mut hasher = DefaultHasher::new();
                hasher.write_u64(secret);
                hasher
            }),
        }
    }

    fn key(&self, parts: &[&[u8]]) -> Key {
        let [low, high] = self.halves.clone().map(|mut hasher| {
            for part in parts {
                hasher.write_usize(part.len());
                hasher.write(part);
            }
            hasher.finish()
        });
        Key(u128::from(high) << 64 | u128::from(low))
    }

    /// The key by which a request finds its transaction, or, with another `method`, a CANCEL or an ACK finds
    /// the INVITE that it means (RFC 3261 §17.2.3).
    pub(super) fn by_branch(&self, request: &Request, identity: &Identity, method: &Method) -> Key {
        let via = &identity.via;
        if let (true, Some(branch)) = (via.has_unique_branch(), via.branch()) {
            let port = via.port().unwrap_or(0).to_be_bytes();
            // Hosts are the same in any case.
            let mut host = [0; HOST_BYTES_MAX];
            let host = &mut host[..via.host().len().min(HOST_BYTES_MAX)];
            host.copy_from_slice(&via.host()[..host.len()]);
            host.make_ascii_lowercase();
            return self.key(&[b"branch", branch, host, &port, method.as_bytes()]);
        }
        // An RFC 2543 element: everything that its retransmissions have in common.
        let number = identity.cseq.number.to_be_bytes();
        let from_tag = identity.from_tag.as_deref().unwrap_or_default();
        self.key(&[
            b"2543",
            request.uri_bytes(),
            from_tag,
            &identity.call_id,
            &number,
            via.as_bytes(),
            method.as_bytes(),
        ])
    }

    /// The key that all copies of a request share, whatever way they took: for merged requests (RFC 3261
    /// §8.2.2.2), and for the INVITE that a PRACK or an ACK to a 2xx speaks of.
    pub(super) fn by_call(&self, identity: &Identity, number: u32, method: &Method) -> Key {
        let from_tag = identity.from_tag.as_deref().unwrap_or_default();
        self.key(&[b"call", &identity.call_id, from_tag, &number.to_be_bytes(), method.as_bytes()])
    }

    /// The key of anything that arrived, for the tag of a stateless answer.
    pub(super) fn by_headers(&self, request: &Request) -> Key {
        let headers = request.headers();
        let first = |name| headers.first(name).unwrap_or_default();
        self.key(&[b"stateless", first(Name::CallId), first(Name::From), first(Name::CSeq), first(Name::Via)])
    }
}

/// Writes the branch of a client transaction: the cookie, its number and its secret.
pub(super) fn push_branch(out: &mut Vec<u8>, number: u64, secret: u64) {
    out.extend_from_slice(crate::header::BRANCH_COOKIE);
    push_hex(out, number);
    push_hex(out, secret);
}

/// Reads what [`push_branch`] wrote; `None` when the branch is not one of ours.
pub(super) fn read_branch(branch: &[u8]) -> Option<(u64, u64)> {
    let digits = branch.strip_prefix(crate::header::BRANCH_COOKIE)?;
    let (number, secret) = digits.split_at_checked(16)?;
    Some((read_hex(number)?, read_hex(secret)?))
}
