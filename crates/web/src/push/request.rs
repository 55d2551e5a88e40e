//! One request to a receiver's push service: found, connected to, sent, answered; each within its time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use runtime::{Runtime, SocketOptions};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::endpoint::{Endpoint, is_public};

/// From the look-up of the name to the head of the answer.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(20);
/// One address of those that the name has.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Addresses of one push service that are tried.
const ADDRESSES_MAX: usize = 3;
/// How long the push service keeps a notice for a device that is away (RFC 8030 §5.2), in seconds.
const TIME_TO_LIVE_SECONDS: &str = "86400";
/// The longest that a push service may make us wait (RFC 9110 §10.2.3).
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

/// What is sent.
pub(super) struct Parcel {
    pub(super) body: Bytes,
    /// It is encrypted (RFC 8291); else it is JSON.
    pub(super) encrypted: bool,
    pub(super) authorization: String,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The push service has it.
    Taken,
    /// The device is gone (RFC 8030 §7.3): the registration goes, too.
    Gone,
    /// Try again, not before so long.
    Later(Option<Duration>),
    /// It will never be taken.
    Refused(StatusCode),
}

impl Outcome {
    fn of(status: StatusCode, retry_after: Option<&str>) -> Self {
        let after = || {
            let seconds = retry_after?.trim().parse().ok()?;
            Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
        };
        match status {
            status if status.is_success() => Self::Taken,
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::Gone,
            StatusCode::TOO_MANY_REQUESTS => Self::Later(after()),
            status if status.is_server_error() => Self::Later(after()),
            status => Self::Refused(status),
        }
    }
}

/// Sends a parcel. An error of the network is one to try again.
pub(super) async fn post(
    runtime: &Runtime,
    tls: &Arc<ClientConfig>,
    endpoint: &Endpoint,
    private: bool,
    parcel: Parcel,
) -> Outcome {
    let exchange = exchange(runtime, tls, endpoint, private, parcel);
    match tokio::time::timeout(REQUEST_TIME_MAX, exchange).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => {
            tracing::debug!(%error, host = %endpoint.host, "a push service cannot be reached");
            Outcome::Later(None)
        }
        Err(_) => Outcome::Later(None),
    }
}

async fn exchange(
    runtime: &Runtime,
    tls: &Arc<ClientConfig>,
    endpoint: &Endpoint,
    private: bool,
    parcel: Parcel,
) -> io::Result<Outcome> {
    let stream = connect(runtime, endpoint, private).await?;
    if !endpoint.tls {
        return send(runtime, stream, endpoint, parcel).await;
    }
    let name = ServerName::try_from(endpoint.host.clone()).map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
    send(runtime, stream, endpoint, parcel).await
}

/// Connects to the first address that answers: one family may be broken here or there.
async fn connect(runtime: &Runtime, endpoint: &Endpoint, private: bool) -> io::Result<TcpStream> {
    let addresses = runtime.resolve(&endpoint.host, endpoint.port).await?;
    // Looked at after the name was looked up: a public name may lead inside.
    let allowed = addresses.into_iter().filter(|address| private || is_public(address.ip()));
    let mut last = io::Error::other("no public address");
    for address in allowed.take(ADDRESSES_MAX) {
        let connected = runtime.connect_tcp(address, SocketOptions::default());
        match tokio::time::timeout(CONNECT_TIME_MAX, connected).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn send<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    runtime: &Runtime,
    stream: S,
    endpoint: &Endpoint,
    parcel: Parcel,
) -> io::Result<Outcome> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let driver = runtime.spawn_session(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a push service ended");
        }
    });
    let mut request = Request::post(&endpoint.path)
        .header(HOST, endpoint.authority())
        .header(AUTHORIZATION, parcel.authorization)
        .header("ttl", TIME_TO_LIVE_SECONDS)
        .header("urgency", "high")
        // RFC 8030 §5.4: a newer notice takes the place of one that still waits.
        .header("topic", "messages");
    request = if parcel.encrypted {
        request.header(CONTENT_ENCODING, "aes128gcm").header(CONTENT_TYPE, "application/octet-stream")
    } else {
        request.header(CONTENT_TYPE, "application/json")
    };
    let request = request.body(Whole(Some(parcel.body))).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let outcome = Outcome::of(answer.status(), retry_after);
    // What else the push service says is not read: the connection ends with the sender.
    drop(sender);
    drop(driver);
    Ok(outcome)
}

/// A body that is there at once.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_say_whether_to_try_again() {
        let of = |code: u16, after| Outcome::of(StatusCode::from_u16(code).unwrap(), after);
        assert_eq!(of(201, None), Outcome::Taken);
        assert_eq!((of(404, None), of(410, None)), (Outcome::Gone, Outcome::Gone));
        assert_eq!(of(429, Some("7")), Outcome::Later(Some(Duration::from_secs(7))));
        assert_eq!(of(503, Some("99999")), Outcome::Later(Some(RETRY_AFTER_MAX)));
        assert_eq!(of(500, Some("soon")), Outcome::Later(None));
        assert_eq!(of(413, None), Outcome::Refused(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
