//! Tests of session descriptions: what passes untouched, what is changed.

use super::*;

const OFFER: &str = "v=0\r\no=bob 2890844526 2890844527 IN IP4 host.example.org\r\ns=\r\n\
    c=IN IP4 10.0.0.5\r\nt=0 0\r\na=X-unknown:\u{e4}\r\n\
    m=audio 49170/2 RTP/AVP 0 96 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\n\
    a=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
    a=ptime:20\r\na=sendonly\r\na=candidate:1 1 UDP 1 10.0.0.5 49170 typ host\r\na=ice-ufrag:x\r\na=rtcp:49999 IN IP4 10.0.0.6\r\n\
    m=image 0 udptl t38\r\n";

fn sdp(text: &str) -> Sdp {
    Sdp::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn text(sdp: &Sdp) -> String {
    String::from_utf8(sdp.write().to_vec()).unwrap()
}

#[test]
fn an_unchanged_description_passes_byte_for_byte() {
    assert_eq!(text(&sdp(OFFER)), OFFER);
}

#[test]
fn bare_line_feeds_and_missing_lines_are_mended() {
    let mut lenient = sdp("v=0\no=- 1 1 IN IP4 1.2.3.4\nc=IN IP4 1.2.3.4\nm=audio 4 RTP/AVP 0\n");
    lenient.complete();
    assert_eq!(
        text(&lenient),
        "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n"
    );
}

#[test]
fn only_address_and_port_change_when_they_are_set() {
    let mut relayed = sdp(OFFER);
    relayed.set_connection("192.0.2.9".parse().unwrap());
    relayed.media_mut()[0].set_port(30000);
    let expected =
        OFFER.replace("c=IN IP4 10.0.0.5", "c=IN IP4 192.0.2.9").replace("audio 49170/2", "audio 30000");
    assert_eq!(text(&relayed), expected);
    assert_eq!(relayed.media()[0].port(), 30000);
    assert_eq!(relayed.media()[0].protocol(), b"RTP/AVP");
}

#[test]
fn an_address_is_added_where_none_counts() {
    let mut without =
        sdp("v=0\r\ns=-\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\nc=IN IP4 1.1.1.1\r\nm=video 6 RTP/AVP 34\r\n");
    assert_eq!(without.connection_of(1), None);
    without.set_connection("2001:db8::1".parse().unwrap());
    assert_eq!(without.connection_of(0), Some("2001:db8::1".parse().unwrap()));
    assert_eq!(without.connection_of(1), Some("2001:db8::1".parse().unwrap()));
    assert!(text(&without).starts_with("v=0\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n"));
}

#[test]
fn codecs_are_read_in_the_offers_order() {
    let offer = sdp(OFFER);
    let codecs = offer.media()[0].codecs();
    let shown: Vec<_> =
        codecs.iter().map(|c| (c.payload, c.clock_rate, c.channels, c.parameters.is_some())).collect();
    assert_eq!(shown, [(0, 8000, 1, false), (96, 48000, 2, true), (101, 8000, 1, true)]);
    let known =
        [Codec::new(8, "PCMA", 8000), Codec::new(0, "pcmu", 8000), Codec::new(97, "telephone-event", 8000)];
    let common: Vec<u8> = Codec::intersect(&codecs, &known).iter().map(|c| c.payload).collect();
    assert_eq!(common, [0, 101]);
}

#[test]
fn the_codecs_that_are_kept_keep_their_lines() {
    let mut answer = sdp(OFFER);
    let codecs = answer.media()[0].codecs();
    answer.media_mut()[0].set_codecs(&codecs[1..2]);
    let text = text(&answer);
    assert!(text.contains("m=audio 49170/2 RTP/AVP 96\r\n"));
    assert!(text.contains("a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"));
    assert!(!text.contains("PCMU") && text.contains("a=ptime:20"));
}

#[test]
fn ice_and_keys_go_away_and_the_rest_stays() {
    let mut relayed = sdp(OFFER);
    relayed.remove_ice();
    assert!(!text(&relayed).contains("candidate") && !text(&relayed).contains("ice-"));
    assert!(text(&relayed).contains("a=X-unknown:ä"));
    assert_eq!(relayed.media()[0].rtcp(), Some((49999, Some("10.0.0.6".parse().unwrap()))));
}

#[test]
fn an_answer_never_sends_what_the_offer_does_not_receive() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    for (offer, wanted, answer) in [
        (SendRecv, SendRecv, SendRecv),
        (SendOnly, SendRecv, RecvOnly),
        (RecvOnly, SendRecv, SendOnly),
        (Inactive, SendRecv, Inactive),
        (SendRecv, SendOnly, SendOnly),
        (SendOnly, SendOnly, Inactive),
    ] {
        assert_eq!(offer.answer(wanted), answer, "{offer:?} {wanted:?}");
        assert_eq!(offer.inverted().inverted(), offer);
    }
}

#[test]
fn a_session_wide_direction_holds_for_sections_without_one() {
    let mut held = sdp(
        "v=0\r\ns=-\r\nt=0 0\r\na=inactive\r\nm=audio 4 RTP/AVP 0\r\nm=video 6 RTP/AVP 34\r\na=sendonly\r\n",
    );
    assert_eq!(held.direction_of(0), Direction::Inactive);
    assert_eq!(held.direction_of(1), Direction::SendOnly);
    held.set_directions(Direction::inverted);
    assert_eq!(held.direction_of(0), Direction::Inactive);
    assert_eq!(held.direction_of(1), Direction::RecvOnly);
}

#[test]
fn a_refused_section_keeps_its_place() {
    let mut answer = sdp(OFFER);
    answer.media_mut()[0].reject();
    assert_eq!(answer.media().len(), 2);
    assert_eq!(answer.media()[0].port(), 0);
    assert!(!text(&answer).contains("sendonly"));
}

#[test]
fn what_is_no_description_is_refused() {
    for bad in
        ["", "hello", "m=audio 1 RTP/AVP 0\r\n", "v=0\r\nm=audio x RTP/AVP 0\r\n", "v=0\r\nm=audio 1\r\n"]
    {
        assert_eq!(Sdp::parse(&Bytes::copy_from_slice(bad.as_bytes())), Err(Error::Sdp), "{bad:?}");
    }
    let many = format!("v=0\r\n{}", "m=audio 1 RTP/AVP 0\r\n".repeat(MEDIA_MAX + 1));
    assert!(Sdp::parse(&Bytes::from(many)).is_err());
}

#[test]
fn a_description_of_our_own_reads_back() {
    let mut own = Sdp::compose(1, 2, "192.0.2.1".parse().unwrap());
    own.push_media(Media::compose("audio", 4000, "RTP/AVP", &[Codec::new(0, "PCMU", 8000)]));
    own.media_mut()[0].set_direction(Direction::SendRecv);
    let back = Sdp::parse(&own.write()).unwrap();
    assert_eq!(back, own);
    assert_eq!(back.origin(), Some((&b"1"[..], &b"2"[..])));
    assert_eq!(back.connection_of(0), Some("192.0.2.1".parse().unwrap()));
}

#[test]
fn a_section_states_its_bandwidth_before_its_attributes() {
    let text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=video 4000 RTP/AVP 97\r\ni=film\r\nc=IN IP4 192.0.2.1\r\nb=TIAS:1000500\r\na=rtpmap:97 H264/90000\r\n";
    let mut sdp = Sdp::parse(&Bytes::from_static(text.as_bytes())).unwrap();
    let media = &mut sdp.media_mut()[0];
    assert_eq!(media.bandwidth_kbits(), Some(1_001), "RFC 3890: bits a second, rounded up");
    media.set_bandwidth_kbits(384);
    assert_eq!(media.bandwidth_kbits(), Some(384));
    let written = String::from_utf8(sdp.write().to_vec()).unwrap();
    assert!(written.contains("c=IN IP4 192.0.2.1\r\nb=AS:384\r\na=rtpmap:97"), "{written}");
    assert!(!written.contains("TIAS"), "{written}");
}
