//! The server's side of SOCKS5 (RFC 1928) as far as bytestreams need it (XEP-0065 §5.3.1): no sign-in, CONNECT to a name that
//! is no host but the hash of who talks to whom. Bytes in, events out; no I/O.

/// The version that every message begins with.
const VERSION: u8 = 5;
/// The method that asks for no sign-in (§3).
const NO_SIGN_IN: u8 = 0;
/// CONNECT (§4).
const CONNECT: u8 = 1;
/// An address that is a name (§5).
const NAME: u8 = 3;
/// The most bytes of a message: a request with the longest name.
const MESSAGE_BYTES_MAX: usize = 4 + 1 + 255 + 2;

/// What we answer to a greeting that we take.
pub const CHOSEN: [u8; 2] = [VERSION, NO_SIGN_IN];
/// What we answer to a greeting without a method of ours (§3).
pub const NONE_ACCEPTABLE: [u8; 2] = [VERSION, 0xff];

/// How a request is answered (§6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Succeeded = 0,
    /// By our rules it is not.
    NotAllowed = 2,
    /// We know CONNECT alone.
    CommandNotSupported = 7,
    /// We know names alone.
    AddressNotSupported = 8,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It greets; [`CHOSEN`] is the answer.
    Greeting,
    /// It wants to be connected to a name.
    Connect(String),
}

/// Why a client is sent away. All are its own fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This is something else.
    #[error("not SOCKS5")]
    NotSocks,
    /// It wants to sign in; [`NONE_ACCEPTABLE`] is the answer.
    #[error("no acceptable method")]
    Method,
    /// The request cannot be served, and this is the answer.
    #[error("a request that is not served")]
    Request(Reply),
}

/// One client's negotiation.
#[derive(Debug, Default)]
pub struct Server {
    buffer: Vec<u8>,
    greeted: bool,
}

impl Server {
    /// Takes what came in.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next thing that is wanted; `None` when more must come in.
    ///
    /// # Errors
    /// The client is to be sent away.
    pub fn event(&mut self) -> Result<Option<Event>, Refusal> {
        let event = if self.greeted { self.request()? } else { self.greeting()? };
        if event.is_none() && self.buffer.len() >= MESSAGE_BYTES_MAX {
            return Err(Refusal::NotSocks);
        }
        Ok(event)
    }

    /// What came in behind the last event: the first bytes of the stream.
    pub fn into_rest(self) -> Vec<u8> {
        self.buffer
    }

    /// §3: version, number of methods, methods.
    fn greeting(&mut self) -> Result<Option<Event>, Refusal> {
        let (count, methods) = match self.buffer.as_slice() {
            [] | [VERSION] => return Ok(None),
            [VERSION, count, methods @ ..] => (usize::from(*count), methods),
            _ => return Err(Refusal::NotSocks),
        };
        let Some(methods) = methods.get(..count) else { return Ok(None) };
        if !methods.contains(&NO_SIGN_IN) {
            return Err(Refusal::Method);
        }
        self.buffer.drain(..2 + count);
        self.greeted = true;
        Ok(Some(Event::Greeting))
    }

    /// §4: version, command, reserved, kind of address, address, port.
    fn request(&mut self) -> Result<Option<Event>, Refusal> {
        let (command, kind) = match self.buffer.as_slice() {
            [version, ..] if *version != VERSION => return Err(Refusal::NotSocks),
            [_, command, _, kind, _, ..] => (*command, *kind),
            _ => return Ok(None),
        };
        if command != CONNECT {
            return Err(Refusal::Request(Reply::CommandNotSupported));
        }
        if kind != NAME {
            return Err(Refusal::Request(Reply::AddressNotSupported));
        }
        let end = 5 + usize::from(self.buffer[4]);
        let (Some(name), Some(_port)) = (self.buffer.get(5..end), self.buffer.get(end..end + 2)) else {
            return Ok(None);
        };
        let not_allowed = Refusal::Request(Reply::NotAllowed);
        let name = std::str::from_utf8(name).map_err(|_| not_allowed)?.to_owned();
        self.buffer.drain(..end + 2);
        Ok(Some(Event::Connect(name)))
    }
}

/// The answer to a request; it repeats the name (XEP-0065 §5.3.1), with port 0.
pub fn reply(reply: Reply, name: &str) -> Vec<u8> {
    let name = &name.as_bytes()[..name.len().min(255)];
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    [&[VERSION, reply as u8, 0, NAME, length], name, &[0, 0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "972b7bf47291ca609517f67f86b5081086052dad";

    fn request(name: &str) -> Vec<u8> {
        [&[5, 1, 0, 3, u8::try_from(name.len()).unwrap()], name.as_bytes(), &[0, 0]].concat()
    }

    fn events(bytes: &[u8], step: usize) -> (Vec<Event>, Option<Refusal>, Vec<u8>) {
        let (mut server, mut events) = (Server::default(), Vec::new());
        for part in bytes.chunks(step) {
            server.receive(part);
            loop {
                match server.event() {
                    Ok(Some(event)) => events.push(event),
                    Ok(None) => break,
                    Err(refusal) => return (events, Some(refusal), server.into_rest()),
                }
                if matches!(events.last(), Some(Event::Connect(_))) {
                    return (events, None, server.into_rest());
                }
            }
        }
        (events, None, server.into_rest())
    }

    #[test]
    fn a_client_greets_and_connects_however_its_bytes_come() {
        let bytes = [&[5, 2, 2, 0][..], &request(HASH)].concat();
        for step in [1, 2, 3, 7, bytes.len()] {
            let expected = vec![Event::Greeting, Event::Connect(HASH.to_owned())];
            assert_eq!(events(&bytes, step), (expected, None, Vec::new()), "{step}");
        }
    }

    #[test]
    fn what_comes_behind_is_kept_for_the_stream() {
        let bytes = [&[5, 1, 0][..], &request(HASH), b"hello"].concat();
        assert_eq!(events(&bytes, bytes.len()).2, b"hello");
    }

    #[test]
    fn what_we_do_not_do_is_refused() {
        let table: &[(&[u8], Refusal)] = &[
            (b"GET / HTTP/1.1", Refusal::NotSocks),
            (&[4, 1, 0, 80], Refusal::NotSocks),
            (&[5, 1, 2], Refusal::Method),
            (&[5, 0], Refusal::Method),
            (&[5, 1, 0, 4, 1, 0, 3, 1], Refusal::NotSocks),
            (&[5, 1, 0, 5, 2, 0, 3, 1], Refusal::Request(Reply::CommandNotSupported)),
            (&[5, 1, 0, 5, 3, 0, 3, 1], Refusal::Request(Reply::CommandNotSupported)),
            (&[5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80], Refusal::Request(Reply::AddressNotSupported)),
            (&[5, 1, 0, 5, 1, 0, 3, 1, 0xff, 0, 0], Refusal::Request(Reply::NotAllowed)),
        ];
        for (bytes, refusal) in table {
            for step in [1, bytes.len()] {
                assert_eq!(events(bytes, step).1, Some(*refusal), "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_reply_repeats_the_name() {
        assert_eq!(reply(Reply::Succeeded, "ab"), [5, 0, 0, 3, 2, b'a', b'b', 0, 0]);
        assert_eq!(reply(Reply::NotAllowed, ""), [5, 2, 0, 3, 0, 0, 0]);
    }
}
