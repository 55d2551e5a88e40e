//! Properties: nothing panics, what is written reads back, a stream may be split anywhere.

use bytes::Bytes;
use proptest::prelude::*;
use sip::framing::{Frame, StreamDecoder};
use sip::message::Edit;
use sip::sdp::Sdp;
use sip::{Message, Method, Name, Request, RequestBuilder, Response, Uri};

/// Pieces that SIP parsers trip over, glued in any order.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"Via: SIP/2.0/UDP h;branch=z9hG4bK",
        b"From: \"A\" <sip:a@b>;tag=1\r\n",
        b"To: sip:b@c",
        b"Contact: *",
        b"Call-ID: x\r\n",
        b"CSeq: 1 INVITE\r\n",
        b"Content-Length: 3\r\n",
        b"Authorization: Digest username=\"a\", nonce=b, realm=c, uri=d, response=e\r\n",
        b"\r\n",
        b"\r\n ",
        b"\r\n\r\n",
        b";",
        b",",
        b"<",
        b">",
        b"\"",
        b"\\",
        b"=",
        b"%4",
        b"\xff",
        b"\0",
        b"[::1]:99999",
    ];
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|parts| parts.concat())
}

/// Asks a message for everything it could be asked.
fn ask(message: &Message) {
    let headers = message.headers();
    let _ = (
        headers.from(),
        headers.to(),
        headers.cseq(),
        headers.call_id(),
        headers.contacts(),
        headers.routes(),
    );
    let _ = (
        headers.event(),
        headers.replaces(),
        headers.session_expires(),
        headers.rack(),
        headers.content_type(),
    );
    headers.vias().for_each(drop);
    headers
        .credentials(Name::Authorization)
        .for_each(|c| assert!(c.username().len() <= c.nonce_count().map_or(65_535, |n| n.len() + 65_535)));
    headers.challenges(Name::WwwAuthenticate).for_each(drop);
    match message {
        Message::Request(request) => {
            let _ = request.refusal(&[]);
            let response = Response::to(request, 400, Some(b"t")).finish();
            assert!(Message::parse(response.bytes().clone()).is_ok(), "our own response reads back");
            let edited = Edit::request(request).pop_front(Name::Via).push(Name::Subject, "x").finish();
            assert_eq!(Message::parse(edited.bytes().clone()).as_ref(), Ok(&edited));
        }
        Message::Response(response) => drop(response.check()),
    }
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.!%*_+`'~-]{1,20}"
}

fn sound_request() -> impl Strategy<Value = Request> {
    (token(), token(), "[ -~]{0,40}", prop::collection::vec(any::<u8>(), 0..200), 0_u32..0x7fff_ffff)
        .prop_map(|(method, branch, subject, body, number)| {
            let method = Method::parse(&Bytes::from(method)).expect("a method of letters parses");
            RequestBuilder::new(method.clone(), b"sip:b@h")
                .via("TCP", "h:5060", branch.as_bytes())
                .header(Name::CSeq, &sip::CSeq { number, method })
                .header(Name::Subject, subject.trim())
                .body("text/plain", &body)
        })
}

proptest! {
    #[test]
    fn no_bytes_make_the_message_parser_panic(bytes in prop_oneof![pieces(), prop::collection::vec(any::<u8>(), 0..300)]) {
        match Message::parse(Bytes::from(bytes)) {
            Ok(message) => ask(&message),
            Err(malformed) => if let Some(request) = malformed.answerable { ask(&Message::Request(*request)) },
        }
    }

    #[test]
    fn a_built_request_reads_back(request in sound_request()) {
        prop_assert_eq!(Message::parse(request.bytes().clone()), Ok(Message::Request(request)));
    }

    #[test]
    fn a_stream_split_anywhere_gives_the_same_messages(
        requests in prop::collection::vec(sound_request(), 1..4),
        noise in pieces(),
        cuts in prop::collection::vec(1_usize..90, 1..200),
    ) {
        let mut stream: Vec<u8> = requests.iter().flat_map(|r| r.bytes().to_vec()).collect();
        stream.extend_from_slice(&noise);
        let run = |sizes: &mut dyn Iterator<Item = usize>| {
            let mut decoder = StreamDecoder::new();
            let mut frames = Vec::new();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let (part, tail) = rest.split_at(sizes.next().unwrap_or(rest.len()).min(rest.len()));
                decoder.buffer().extend_from_slice(part);
                rest = tail;
                frames.extend(std::iter::from_fn(|| decoder.next_frame()));
            }
            frames
        };
        let whole = run(&mut std::iter::empty());
        prop_assert_eq!(&run(&mut cuts.iter().copied().cycle()), &whole);
        for (frame, request) in whole.iter().zip(requests) {
            prop_assert_eq!(frame, &Frame::Message(Message::Request(request)));
        }
    }

    #[test]
    fn a_uri_matches_itself_and_never_panics(text in "(sip|sips|tel|x):[ -~]{0,40}") {
        if let Ok(uri) = text.parse::<Uri>() {
            prop_assert!(uri.matches(&uri.detached()));
            let _ = (uri.user_decoded().is_some(), uri.headers().count(), uri.params().iter().count());
        }
    }

    #[test]
    fn a_description_that_is_read_is_written_the_same(lines in prop::collection::vec("[a-z]=[ -~]{0,30}", 0..20)) {
        let text = format!("v=0\r\n{}", lines.iter().map(|l| format!("{l}\r\n")).collect::<String>());
        if let Ok(mut sdp) = Sdp::parse(&Bytes::from(text.clone())) {
            prop_assert_eq!(sdp.write(), text.as_bytes());
            sdp.set_connection("192.0.2.1".parse().unwrap());
            sdp.remove_ice();
            sdp.complete();
            sdp.media_mut().iter_mut().for_each(|media| { let codecs = media.codecs(); media.set_codecs(&codecs); media.set_port(9); });
            prop_assert!(Sdp::parse(&sdp.write()).is_ok());
        }
    }
}
