//! What the server offers to a phone that offers nothing.

use bytes::Bytes;
use media::Kind;
use sip::sdp::{Codec, Media, Sdp};

use super::describe::{Description, Whereabouts};

/// What a service offers: sound that every phone knows, and digits.
pub(crate) fn own_offer() -> Description {
    let nowhere = std::net::IpAddr::from([127, 0, 0, 1]);
    composed_offer(nowhere, Whereabouts { source: nowhere, claimed: None })
}

pub(super) fn composed_offer(address: std::net::IpAddr, whereabouts: Whereabouts) -> Description {
    let codecs = [
        Codec::new(8, "PCMA", 8000),
        Codec::new(0, "PCMU", 8000),
        Codec { parameters: Some(Bytes::from_static(b"0-16")), ..Codec::new(101, "telephone-event", 8000) },
    ];
    let mut sdp = Sdp::compose(1, 1, address);
    // Any port but 0: the real one is written over it.
    sdp.push_media(Media::compose("audio", 9, "RTP/AVP", &codecs));
    let description = Description::own(sdp, whereabouts);
    debug_assert_eq!(description.lines()[0].kind, Some(Kind::Audio));
    description
}
