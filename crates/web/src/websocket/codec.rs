//! Frames of the WebSocket protocol, a client's read and ours written (RFC 6455 §5). No I/O.

use bytes::{Buf, Bytes, BytesMut};

/// The payload of a control frame at most, in bytes (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: usize = 125;
/// The header of one of our frames at most, in bytes: servers do not mask (RFC 6455 §5.1).
pub(crate) const HEADER_BYTES_MAX: usize = 10;

/// Why a connection ends (RFC 6455 §7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseCode {
    /// All is said.
    Normal,
    /// The server stops.
    GoingAway,
    /// The peer broke the protocol.
    ProtocolError,
    /// Not text.
    UnsupportedData,
    /// Text that is no XML, or not UTF-8.
    InvalidPayload,
    /// What the client does, or may not do, ends it.
    PolicyViolation,
    /// A message over the limit.
    MessageTooBig,
    /// A limit of this server is reached.
    TryAgainLater,
}

impl CloseCode {
    /// The code on the wire.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::GoingAway => 1001,
            Self::ProtocolError => 1002,
            Self::UnsupportedData => 1003,
            Self::InvalidPayload => 1007,
            Self::PolicyViolation => 1008,
            Self::MessageTooBig => 1009,
            Self::TryAgainLater => 1013,
        }
    }
}

/// What the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// A whole message, of text unless binary ones are taken too; whether it is UTF-8 is for its reader to find out.
    Text(Bytes),
    /// It wants to know whether we are there; the answer repeats these bytes (RFC 6455 §5.5.3).
    Ping(Bytes),
    /// It is there.
    Pong,
    /// It closes, or answers our close.
    Close,
}

/// What one of our frames is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    fn of(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }
}

/// The header of a client's frame.
#[derive(Clone, Copy, Debug)]
struct Header {
    is_final: bool,
    opcode: Opcode,
    /// Of the header with its mask.
    bytes: usize,
    payload_bytes: usize,
    mask: [u8; 4],
}

/// Reads a client's frames. Between messages it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Codec {
    buffer: BytesMut,
    /// The message so far, of which more fragments come (RFC 6455 §5.4).
    partial: Option<BytesMut>,
    takes_binary: bool,
}

impl Codec {
    /// From now on, messages may be binary.
    pub(crate) fn take_binary(&mut self) {
        self.takes_binary = true;
    }

    /// Takes bytes that were read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Memory that nothing is in goes back.
    pub(crate) fn release(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// The next message of at most `bytes_max`, or none until more bytes came. After an error nothing can be read.
    pub(crate) fn next(&mut self, bytes_max: usize) -> Result<Option<Message>, CloseCode> {
        while let Some(header) = self.header(bytes_max)? {
            if self.buffer.len() < header.bytes + header.payload_bytes {
                return Ok(None);
            }
            self.buffer.advance(header.bytes);
            let mut payload = self.buffer.split_to(header.payload_bytes);
            unmask(&mut payload, header.mask);
            match header.opcode {
                Opcode::Ping => return Ok(Some(Message::Ping(payload.freeze()))),
                Opcode::Pong => return Ok(Some(Message::Pong)),
                Opcode::Close => return close(&payload).map(Some),
                Opcode::Text | Opcode::Binary if header.is_final => {
                    return Ok(Some(Message::Text(payload.freeze())));
                }
                Opcode::Text | Opcode::Binary => self.partial = Some(payload),
                Opcode::Continuation => {
                    let Some(mut whole) = self.partial.take() else { return Err(CloseCode::ProtocolError) };
                    whole.unsplit(payload);
                    if header.is_final {
                        return Ok(Some(Message::Text(whole.freeze())));
                    }
                    self.partial = Some(whole);
                }
            }
        }
        Ok(None)
    }

    /// The next frame's header, checked before its payload is there.
    fn header(&self, bytes_max: usize) -> Result<Option<Header>, CloseCode> {
        let [first, second, rest @ ..] = &self.buffer[..] else { return Ok(None) };
        // RFC 6455 §5.2: the reserved bits belong to extensions, of which there are none.
        let opcode =
            Opcode::of(first & 0x0f).filter(|_| first & 0x70 == 0).ok_or(CloseCode::ProtocolError)?;
        let is_final = first & 0x80 != 0;
        // RFC 6455 §5.1: a client masks every frame.
        if second & 0x80 == 0 {
            return Err(CloseCode::ProtocolError);
        }
        let (length_bytes, length) = match (second & 0x7f, rest) {
            (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b]))),
            (127, [a, b, c, d, e, f, g, h, ..]) => (8, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
            (126 | 127, _) => return Ok(None),
            (short, _) => (0, u64::from(short)),
        };
        // RFC 6455 §5.2: the shortest form must be used.
        if (length_bytes == 2 && length < 126) || (length_bytes == 8 && length <= u64::from(u16::MAX)) {
            return Err(CloseCode::ProtocolError);
        }
        let before = self.partial.as_ref().map_or(0, BytesMut::len);
        match opcode {
            _ if opcode.is_control() && (!is_final || length > CONTROL_BYTES_MAX as u64) => {
                return Err(CloseCode::ProtocolError);
            }
            _ if opcode.is_control() => {}
            Opcode::Continuation if self.partial.is_none() => return Err(CloseCode::ProtocolError),
            Opcode::Binary if !self.takes_binary => return Err(CloseCode::UnsupportedData),
            Opcode::Text | Opcode::Binary if self.partial.is_some() => return Err(CloseCode::ProtocolError),
            _ if length > bytes_max.saturating_sub(before) as u64 => return Err(CloseCode::MessageTooBig),
            _ => {}
        }
        let Some([a, b, c, d, ..]) = rest.get(length_bytes..) else { return Ok(None) };
        let (bytes, mask) = (2 + length_bytes + 4, [*a, *b, *c, *d]);
        Ok(Some(Header { is_final, opcode, bytes, payload_bytes: length as usize, mask }))
    }
}

/// RFC 6455 §5.5.1: nothing, or a code and words.
fn close(payload: &[u8]) -> Result<Message, CloseCode> {
    if payload.len() == 1 { Err(CloseCode::ProtocolError) } else { Ok(Message::Close) }
}

/// RFC 6455 §5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let whole = u32::from_ne_bytes(mask);
    let mut words = payload.chunks_exact_mut(4);
    for word in words.by_ref() {
        let value = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]) ^ whole;
        word.copy_from_slice(&value.to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(mask) {
        *byte ^= key;
    }
}

/// The header of one of our frames: how long it is, and its bytes.
pub(crate) fn header(opcode: Opcode, payload_bytes: usize) -> (usize, [u8; HEADER_BYTES_MAX]) {
    let mut header = [0; HEADER_BYTES_MAX];
    header[0] = 0x80 | opcode as u8;
    if payload_bytes < 126 {
        header[1] = payload_bytes as u8;
        return (2, header);
    }
    if let Ok(length) = u16::try_from(payload_bytes) {
        header[1] = 126;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        return (4, header);
    }
    header[1] = 127;
    header[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
    (HEADER_BYTES_MAX, header)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// A frame as a client sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let (length, header) = header(Opcode::Text, payload.len());
        let mut bytes = header[..length].to_vec();
        bytes[0] = first;
        bytes[1] |= 0x80;
        bytes.extend_from_slice(&MASK);
        let start = bytes.len();
        bytes.extend_from_slice(payload);
        unmask(&mut bytes[start..], MASK);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Option<Message>, CloseCode> {
        let mut codec = Codec::default();
        codec.push(bytes);
        codec.next(1_000)
    }

    /// RFC 6455 §5.7: the examples.
    #[test]
    fn the_examples_of_the_specification_are_read() {
        let hello = Message::Text(Bytes::from_static(b"Hello"));
        let masked = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read(&masked), Ok(Some(hello.clone())));
        assert_eq!(masked[..], frame(0x81, b"Hello"));
        let ping = [0x89, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read(&ping), Ok(Some(Message::Ping(Bytes::from_static(b"Hello")))));
        assert_eq!(
            read(&[0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]),
            Err(CloseCode::ProtocolError),
            "not masked"
        );
        let fragments = [frame(0x01, b"Hel"), frame(0x8a, b""), frame(0x80, b"lo")].concat();
        let mut codec = Codec::default();
        codec.push(&fragments);
        assert_eq!(codec.next(5), Ok(Some(Message::Pong)));
        assert_eq!(codec.next(5), Ok(Some(hello)));
        assert_eq!(codec.next(5), Ok(None));
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        for (bytes, code) in [
            (frame(0xc1, b"x"), CloseCode::ProtocolError),
            (frame(0x83, b"x"), CloseCode::ProtocolError),
            (frame(0x80, b"x"), CloseCode::ProtocolError),
            (frame(0x09, b"x"), CloseCode::ProtocolError),
            (frame(0x89, &[b'x'; 126]), CloseCode::ProtocolError),
            (frame(0x88, b"x"), CloseCode::ProtocolError),
            ([frame(0x01, b"x"), frame(0x81, b"y")].concat(), CloseCode::ProtocolError),
            (vec![0x81, 0xfe, 0, 5, 0, 0, 0, 0], CloseCode::ProtocolError),
            (vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 255, 255], CloseCode::ProtocolError),
            (frame(0x82, b"x"), CloseCode::UnsupportedData),
            (vec![0x81, 0xfe, 0x04, 0x00], CloseCode::MessageTooBig),
            (vec![0x81, 0xff, 255, 255, 255, 255, 255, 255, 255, 255], CloseCode::MessageTooBig),
            ([frame(0x01, &[b'x'; 600]), frame(0x80, &[b'y'; 600])].concat(), CloseCode::MessageTooBig),
        ] {
            assert_eq!(read(&bytes), Err(code), "{:x?}", &bytes[..2]);
        }
    }

    #[test]
    fn binary_messages_are_read_where_they_are_taken() {
        let mut codec = Codec::default();
        codec.take_binary();
        codec.push(&[frame(0x82, b"\xff"), frame(0x02, b"a"), frame(0x80, b"b"), frame(0x02, b"")].concat());
        assert_eq!(codec.next(9), Ok(Some(Message::Text(Bytes::from_static(b"\xff")))));
        assert_eq!(codec.next(9), Ok(Some(Message::Text(Bytes::from_static(b"ab")))));
        codec.push(&frame(0x82, b"x"));
        assert_eq!(codec.next(9), Err(CloseCode::ProtocolError), "another one is not at its end");
    }

    #[test]
    fn an_empty_close_and_one_with_words_are_closes() {
        assert_eq!(read(&frame(0x88, b"")), Ok(Some(Message::Close)));
        assert_eq!(read(&frame(0x88, b"\x03\xe8bye")), Ok(Some(Message::Close)));
    }

    proptest! {
        /// However a message is cut into fragments and bytes, it is read as it was.
        #[test]
        fn a_message_survives_fragments_and_reads(
            payload in proptest::collection::vec(any::<u8>(), 0..70_000),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
            read_bytes in 1_usize..5_000,
        ) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(payload.len() + 1)).collect();
            places.extend([0, payload.len()]);
            places.sort_unstable();
            let fragments = places.len() - 1;
            let mut bytes = Vec::new();
            for at in 0..fragments {
                let opcode = if at == 0 { 1 } else { 0 };
                let last = if at + 1 == fragments { 0x80 } else { 0 };
                bytes.extend(frame(opcode | last, &payload[places[at]..places[at + 1]]));
            }
            let mut codec = Codec::default();
            let mut messages = Vec::new();
            for part in bytes.chunks(read_bytes) {
                codec.push(part);
                while let Some(message) = codec.next(payload.len()).unwrap() {
                    messages.push(message);
                }
            }
            prop_assert_eq!(messages, [Message::Text(payload.into())]);
        }

        /// Whatever comes: no panic, and no message over the limit.
        #[test]
        fn noise_breaks_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut codec = Codec::default();
            codec.push(&bytes);
            while let Ok(Some(message)) = codec.next(100) {
                if let Message::Text(text) = message {
                    prop_assert!(text.len() <= 100);
                }
            }
        }
    }
}
