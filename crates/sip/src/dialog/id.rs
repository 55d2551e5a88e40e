//! What a dialog is found by (RFC 3261 §12).

use bytes::Bytes;

use crate::message::{Headers, Request, Response};

/// Call-ID, our tag, their tag.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: Bytes,
    /// The tag on our side.
    pub local_tag: Bytes,
    /// The tag on their side; empty when an RFC 2543 element gave none (RFC 3261 §12.1.1).
    pub remote_tag: Bytes,
}

impl DialogId {
    /// The dialog that a request which came in belongs to; `None` when it is outside of any (no To tag).
    pub fn of_request(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let local_tag = headers.to_tag()?;
        Some(Self {
            call_id: headers.call_id().ok()?,
            local_tag,
            remote_tag: headers.from_tag().unwrap_or_default(),
        })
    }

    /// The dialog that a response which came in belongs to; `None` when it makes none (no To tag).
    pub fn of_response(response: &Response) -> Option<Self> {
        let headers = response.headers();
        let remote_tag = headers.to_tag()?;
        Some(Self { call_id: headers.call_id().ok()?, local_tag: headers.from_tag()?, remote_tag })
    }

    /// The dialog of a request that came in, once it has been answered with `local_tag`.
    pub(super) fn answered(headers: &Headers, local_tag: &[u8]) -> Option<Self> {
        Some(Self {
            call_id: headers.call_id().ok()?,
            local_tag: Bytes::copy_from_slice(local_tag),
            remote_tag: headers.from_tag().unwrap_or_default(),
        })
    }

    /// A copy in buffers of its own, so that keeping it does not keep the message it came in.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self {
            call_id: Bytes::copy_from_slice(&self.call_id),
            local_tag: Bytes::copy_from_slice(&self.local_tag),
            remote_tag: Bytes::copy_from_slice(&self.remote_tag),
        }
    }
}
