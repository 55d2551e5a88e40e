//! Session descriptions of a phone that speaks µ-law: what it offers, answers and understands.

use std::net::SocketAddr;

use bytes::Bytes;
use sip::sdp::{Codec, Direction, Media, Sdp};

use super::super::audio::{PCMU, TELEPHONE_EVENT};

/// Our side of a session, for its origin line (RFC 8866 §5.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) version: u64,
    /// Where we hear.
    pub(super) address: SocketAddr,
}

/// What the other side says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// Where it hears.
    pub(super) address: SocketAddr,
    /// Its payload type of telephone events.
    pub(super) telephone_event: Option<u8>,
    /// What it sends and receives.
    pub(super) direction: Direction,
}

impl Session {
    /// An offer.
    pub(super) fn offer(&mut self, direction: Direction) -> Bytes {
        let mut sdp = self.begin();
        sdp.push_media(self.audio(TELEPHONE_EVENT, direction));
        sdp.write()
    }

    /// The answer to an offer, and what the offer says (RFC 3264 §6); `None` when there is nothing in common.
    pub(super) fn answer(&mut self, offer: &Bytes, wanted: Direction) -> Option<(Bytes, Remote)> {
        let (offer, place, remote) = read(offer)?;
        let mut sdp = self.begin();
        for (number, media) in offer.media().iter().enumerate() {
            if number == place {
                let events = remote.telephone_event.unwrap_or(TELEPHONE_EVENT);
                sdp.push_media(self.audio(events, remote.direction.answer(wanted)));
            } else {
                let mut refused = media.clone();
                refused.reject();
                sdp.push_media(refused);
            }
        }
        Some((sdp.write(), remote))
    }

    fn begin(&mut self) -> Sdp {
        self.version += 1;
        Sdp::compose(self.id, self.version, self.address.ip())
    }

    fn audio(&self, telephone_event: u8, direction: Direction) -> Media {
        let codecs = [
            Codec::new(PCMU, "PCMU", 8_000),
            Codec {
                parameters: Some(Bytes::from_static(b"0-15")),
                ..Codec::new(telephone_event, "telephone-event", 8_000)
            },
        ];
        let mut media = Media::compose("audio", self.address.port(), "RTP/AVP", &codecs);
        media.set_packet_time_ms(Some(20));
        media.set_direction(direction);
        media
    }
}

/// What an answer says; `None` when it refuses the audio.
pub(super) fn remote(answer: &Bytes) -> Option<Remote> {
    read(answer).map(|(_, _, remote)| remote)
}

/// The description, the place of its first µ-law audio, and what that says.
fn read(body: &Bytes) -> Option<(Sdp, usize, Remote)> {
    let sdp = Sdp::parse(body).ok()?;
    let speaks = |media: &Media| {
        media.kind() == b"audio"
            && media.port() != 0
            && media.codecs().iter().any(|codec| codec.is("PCMU", 8_000))
    };
    let place = sdp.media().iter().position(speaks)?;
    let media = &sdp.media()[place];
    let events = media.codecs().into_iter().find(|codec| codec.is("telephone-event", 8_000));
    let remote = Remote {
        address: SocketAddr::new(sdp.connection_of(place)?, media.port()),
        telephone_event: events.map(|codec| codec.payload),
        direction: sdp.direction_of(place),
    };
    Some((sdp, place, remote))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(port: u16) -> Session {
        Session { id: 1, version: 0, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    #[test]
    fn offer_and_answer_understand_each_other() {
        let offer = session(4000).offer(Direction::SendOnly);
        let (answer, theirs) = session(5000).answer(&offer, Direction::SendRecv).unwrap();
        assert_eq!((theirs.address.port(), theirs.direction), (4000, Direction::SendOnly));
        let ours = remote(&answer).unwrap();
        assert_eq!((ours.address.port(), ours.direction), (5000, Direction::RecvOnly));
        assert_eq!(ours.telephone_event, Some(TELEPHONE_EVENT));
    }

    #[test]
    fn other_media_are_refused_in_their_places_and_their_event_number_is_taken() {
        let offer = Bytes::from_static(
            b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
              m=video 5000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n\
              m=audio 5002 RTP/AVP 8 0 97\r\na=rtpmap:97 telephone-event/8000\r\n",
        );
        let (answer, theirs) = session(4000).answer(&offer, Direction::SendRecv).unwrap();
        assert_eq!((theirs.address.port(), theirs.telephone_event), (5002, Some(97)));
        let answer = Sdp::parse(&answer).unwrap();
        assert_eq!(answer.media().iter().map(Media::port).collect::<Vec<_>>(), [0, 4000]);
    }

    #[test]
    fn without_a_common_codec_there_is_no_answer() {
        let offer = Bytes::from_static(
            b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 5002 RTP/AVP 18\r\n",
        );
        assert!(session(4000).answer(&offer, Direction::SendRecv).is_none());
    }
}
