//! CSeq and RAck: which request is meant (RFC 3261 §20.16, RFC 3262 §7.2).

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::message::{HeaderValue, Name, put_number};
use crate::method::Method;
use crate::scan;

/// The largest sequence number: "MUST be less than 2**31" (RFC 3261 §8.1.1.5).
const SEQUENCE_MAX: u32 = (1 << 31) - 1;

/// CSeq: `314159 INVITE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl CSeq {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow its grammar.
    pub fn parse(raw: &Bytes) -> Result<Self, Error> {
        let mut parts = raw.split(|b| matches!(b, b' ' | b'\t')).filter(|part| !part.is_empty());
        let number = parts.next().and_then(scan::number).filter(|number| *number <= SEQUENCE_MAX);
        let method = parts.next().and_then(|token| Method::parse(&raw.slice_ref(token)));
        match (number, method, parts.next()) {
            (Some(number), Some(method), None) => Ok(Self { number, method }),
            _ => Err(Error::Value(Name::CSeq)),
        }
    }
}

impl HeaderValue for CSeq {
    fn write(&self, out: &mut BytesMut) {
        put_number(out, u64::from(self.number));
        out.put_u8(b' ');
        out.put_slice(self.method.as_bytes());
    }
}

/// RAck: `776656 1 INVITE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the provisional response.
    pub rseq: u32,
    /// The CSeq of the request that it answers.
    pub cseq: CSeq,
}

impl RAck {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow its grammar.
    pub fn parse(raw: &Bytes) -> Result<Self, Error> {
        let bad = Error::Value(Name::RAck);
        let gap = raw.iter().position(|b| matches!(b, b' ' | b'\t')).ok_or(bad)?;
        let rseq = scan::number(&raw[..gap]).ok_or(bad)?;
        let cseq = CSeq::parse(&raw.slice(gap..)).map_err(|_| bad)?;
        Ok(Self { rseq, cseq })
    }
}

impl HeaderValue for RAck {
    fn write(&self, out: &mut BytesMut) {
        put_number(out, u64::from(self.rseq));
        out.put_u8(b' ');
        self.cseq.write(out);
    }
}
