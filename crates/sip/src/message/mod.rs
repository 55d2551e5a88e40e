//! A SIP message: one buffer, the start line, the places of the header fields, the body.

mod build;
mod check;
mod edit;
mod headers;
mod name;
pub(crate) mod parse;
mod typed;

use std::net::SocketAddr;

use bytes::Bytes;

use crate::error::Error;
use crate::method::Method;
use crate::uri::Uri;

pub use build::{HeaderValue, RequestBuilder, ResponseBuilder, put_number, reason_phrase};
pub use check::EXTENSIONS_KNOWN;
pub use edit::Edit;
pub use headers::{Field, Headers};
pub use name::Name;
pub use parse::{HEADERS_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX};
pub(crate) use typed::seconds;

/// A request or a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Bytes,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    /// Where it came from, for `received` and `rport` of its responses.
    pub(crate) source: Option<SocketAddr>,
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) reason: Bytes,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// A message that could not be read; with what a stateless answer needs when it is a request that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What is wrong.
    pub error: Error,
    /// The request as far as it could be read, when it can be answered: [`Response::to`] takes it. Never an ACK.
    pub answerable: Option<Box<Request>>,
}

impl Message {
    /// Reads the message in a datagram (RFC 3261 §18.3): bytes behind Content-Length are discarded, and a body
    /// shorter than it is an error.
    ///
    /// # Errors
    /// [`Malformed`], which keeps a request that can still be answered.
    pub fn parse(bytes: Bytes) -> Result<Self, Malformed> {
        parse::datagram(bytes)
    }

    /// The request, if it is one.
    pub fn into_request(self) -> Option<Request> {
        match self {
            Self::Request(request) => Some(request),
            Self::Response(_) => None,
        }
    }

    /// The response, if it is one.
    pub fn into_response(self) -> Option<Response> {
        match self {
            Self::Request(_) => None,
            Self::Response(response) => Some(response),
        }
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }

    /// The message as it stands on the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.headers().bytes
    }
}

impl Request {
    /// Notes where the request came from: responses built by [`Response::to`] then carry `received` and `rport`
    /// in their topmost Via (RFC 3261 §18.2.1), without the request being written anew.
    pub fn set_source(&mut self, source: SocketAddr) {
        self.source = Some(source);
    }

    /// Where the request came from, when it was noted.
    pub fn source(&self) -> Option<SocketAddr> {
        self.source
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The Request-URI.
    ///
    /// # Errors
    /// [`Error::Uri`] when it does not follow its grammar.
    pub fn uri(&self) -> Result<Uri, Error> {
        Uri::parse(self.uri.clone())
    }

    /// The Request-URI as it stands.
    pub fn uri_bytes(&self) -> &Bytes {
        &self.uri
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The request as it stands on the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.headers.bytes
    }
}

impl Response {
    /// The status code, 100 to 699.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase.
    pub fn reason(&self) -> &Bytes {
        &self.reason
    }

    /// 100 to 199.
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The header fields.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The response as it stands on the wire.
    pub fn bytes(&self) -> &Bytes {
        &self.headers.bytes
    }

    /// Begins the response to `request` with its Via, From, To, Call-ID and CSeq (RFC 3261 §8.2.6.2); with 100
    /// also its Timestamp. `to_tag` is added to the To field when it has none and the response is not 100.
    pub fn to(request: &Request, status: u16, to_tag: Option<&[u8]>) -> ResponseBuilder {
        ResponseBuilder::to(request, status, reason_phrase(status), to_tag)
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

#[cfg(test)]
mod tests;
