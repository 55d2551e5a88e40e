//! SIP messages in datagrams and streams, session descriptions, URIs.

use bytes::{Bytes, BytesMut};
use sip::framing::{Frame, StreamDecoder};
use sip::message::{Edit, HeaderValue};
use sip::sdp::{Direction, Sdp};
use sip::{Message, Name, Request, Response, Uri};

/// A message: every typed header field is asked for; answers and edits read back; a stream split in pieces gives
/// the frames that it gives whole.
pub fn sip_message(bytes: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => {
            typed(&message);
            match &message {
                Message::Request(request) => answered(request),
                Message::Response(response) => edited(Edit::response(response)),
            }
        }
        Err(malformed) => {
            if let Some(request) = malformed.answerable {
                typed(&Message::Request((*request).clone()));
                answered(&request);
            }
        }
    }
    let piece = usize::from(bytes.first().copied().unwrap_or(1)).max(1);
    assert_eq!(frames(bytes, piece), frames(bytes, bytes.len().max(1)));
}

fn frames(bytes: &[u8], piece: usize) -> Vec<Frame> {
    let mut decoder = StreamDecoder::new();
    let mut all = Vec::new();
    for part in bytes.chunks(piece) {
        decoder.buffer().extend_from_slice(part);
        while let Some(frame) = decoder.next_frame() {
            all.push(frame);
        }
    }
    all
}

fn typed(message: &Message) {
    let headers = message.headers();
    for via in headers.vias().flatten() {
        let mut out = BytesMut::new();
        via.write_received("192.0.2.1:5060".parse().unwrap(), &mut out);
        assert!(sip::Via::parse(out.freeze()).is_ok());
    }
    for name in [Name::From, Name::To, Name::ReferTo] {
        if let Ok(Some(address)) = headers.address(name) {
            let _ = address.display();
            assert_eq!(address.with_tag(b"t").tag(), Some(&b"t"[..]));
        }
    }
    let _ = (headers.call_id(), headers.cseq(), headers.contact(), headers.routes(), headers.record_routes());
    if let Ok(sip::Contacts::List(contacts)) = headers.contacts() {
        for contact in contacts {
            let _ = (contact.instance(), contact.expires(), contact.reg_id(), contact.q_thousandths());
        }
    }
    let _ = (headers.event(), headers.subscription_state(), headers.replaces(), headers.session_expires());
    let _ = (headers.rack(), headers.rseq(), headers.min_se(), headers.retry_after(), headers.content_type());
    headers.warnings().for_each(drop);
    headers.reasons().for_each(|reason| drop((reason.cause(), reason.text().map(std::borrow::Cow::into_owned))));
    for name in [Name::Authorization, Name::ProxyAuthorization] {
        headers.credentials(name).for_each(|c| drop((c.username().into_owned(), c.response().into_owned())));
    }
    for challenge in headers.challenges(Name::WwwAuthenticate) {
        let mut out = BytesMut::new();
        challenge.write(&mut out);
    }
}

fn answered(request: &Request) {
    let mut request = request.clone();
    let _ = request.refusal(&[]);
    request.set_source("[2001:db8::1]:5060".parse().unwrap());
    for status in [100, 400] {
        let response = Response::to(&request, status, Some(b"tag")).body("text/plain", b"x");
        assert_eq!(Message::parse(response.bytes().clone()), Ok(Message::Response(response)));
    }
    edited(Edit::request(&request).received("192.0.2.1:1".parse().unwrap()));
}

fn edited(edit: Edit<'_>) {
    let message = edit.pop_front(Name::Via).push_front(Name::Via, "SIP/2.0/UDP h").replace(Name::Subject, "x").finish();
    if let Ok(again) = Message::parse(message.bytes().clone()) {
        assert_eq!(again.bytes(), message.bytes());
        assert_eq!(again.body(), message.body());
    }
}

/// A session description: unchanged it is written as it was read; every change leaves one that reads back.
pub fn sdp(bytes: &[u8]) {
    let Ok(mut sdp) = Sdp::parse(&Bytes::copy_from_slice(bytes)) else { return };
    let written = sdp.write();
    assert_eq!(Sdp::parse(&written).as_ref(), Ok(&sdp));
    for index in 0..sdp.media().len() {
        let _ = (sdp.connection_of(index), sdp.direction_of(index), sdp.media()[index].rtcp());
    }
    let _ = sdp.origin();
    sdp.set_connection("192.0.2.1".parse().unwrap());
    sdp.set_origin(1, 1, "::1".parse().unwrap());
    sdp.remove_ice();
    sdp.remove_crypto();
    sdp.set_directions(Direction::inverted);
    sdp.complete();
    for media in sdp.media_mut() {
        let codecs = media.codecs();
        media.set_codecs(&codecs);
        assert_eq!(media.codecs(), codecs);
        media.set_port(4000);
        media.set_rtcp(Some(4001));
        media.set_rtcp_mux(true);
        media.set_packet_time_ms(Some(20));
        assert_eq!((media.port(), media.has_rtcp_mux(), media.packet_time_ms()), (4000, true, Some(20)));
    }
    let ports = sdp.media().len();
    assert_eq!(Sdp::parse(&sdp.write()).map(|sdp| sdp.media().len()), Ok(ports));
}

/// A URI: equal to itself, its user survives escaping.
pub fn sip_uri(bytes: &[u8]) {
    let Ok(uri) = Uri::parse(Bytes::copy_from_slice(bytes)) else { return };
    assert_eq!(uri.as_bytes(), bytes);
    assert!(uri.matches(&uri.detached()));
    let _ = (uri.transport(), uri.scheme_bytes(), uri.port(), uri.headers().count(), uri.params().is_well_formed());
    if let Some(user) = uri.user_decoded() {
        match Uri::compose(sip::uri::Scheme::Sip, Some(&user), "h", None, "") {
            Ok(again) => assert_eq!(again.user_decoded(), Some(user)),
            // Escaped, it may pass the longest URI.
            Err(_) => assert!(user.len() * 3 + 6 > sip::uri::URI_BYTES_MAX),
        }
    }
}
