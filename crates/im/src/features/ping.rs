//! Ping (XEP-0199): an empty answer.

use bytes::Bytes;
use xmpp::{Builder, Context, Element, StanzaError};

use crate::sessions::Seat;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "ping", specs: &[Spec::xep(199, "2.0.1")], disco: &[NS], account: &[NS] };

/// The payload's namespace.
pub(crate) const NS: &str = xmpp::xep::ping::NS;

/// Answers a ping.
pub(crate) fn get() -> Result<Option<Element>, StanzaError> {
    Ok(None)
}

/// Asks a silent client whether it is there; any answer will do, an error too (XEP-0199 §4.1).
pub(crate) fn request(im: &Im, seat: &Seat) -> Bytes {
    Builder::iq(Context::Client)
        .type_("get")
        .id(&im.runtime.random_token(8))
        .from(im.domain())
        .to(seat.jid.as_str())
        .empty_child("ping", NS)
        .finish()
}
