//! Signing in bound to the TLS connection: `tls-exporter` (RFC 9266) and `tls-server-end-point` (RFC 5929 §4), and
//! what a man in the middle, whose two connections have different bindings, would meet.

use im::Transport;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::client::TlsStream;
use xmpp::sasl::scram::ITERATIONS_MIN;
use xmpp::sasl::{ChannelBinding, ClientError, Condition, Mechanism};
use xmpp::stream::{ClientNegotiation, ClientOutput, Login, NegotiationError};
use xmpp::{ContentNamespace, Framer, Limits};

use crate::foundation::{PASSWORD, user};
use crate::house::House;
use crate::tls::shake_hands_by;

/// The two kinds of binding that both sides know.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Exporter,
    ServerEndPoint,
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_bound_to_the_connection_succeeds() {
    let house = house().await;
    for (version, kind) in
        [(&TLS13, Kind::Exporter), (&TLS13, Kind::ServerEndPoint), (&TLS12, Kind::ServerEndPoint)]
    {
        let signed_in = sign_in(&house, version, kind, |_| {}).await;
        assert_eq!(signed_in, Ok("dave@localhost/desk".to_owned()), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_bound_to_another_connection_is_refused() {
    let house = house().await;
    for kind in [Kind::Exporter, Kind::ServerEndPoint] {
        let refused = sign_in(&house, &TLS13, kind, |binding| binding[0] ^= 1).await;
        assert_eq!(refused, Err(NegotiationError::Refused(Condition::NotAuthorized)), "{kind:?}");
    }
}

/// RFC 9266 §4.2: the exporter is for TLS 1.3. Below, the list of bindings (XEP-0440) does not name it, and our
/// client tries no other.
#[tokio::test(start_paused = true)]
async fn the_exporter_is_not_offered_below_tls_1_3() {
    let house = house().await;
    let refused = sign_in(&house, &TLS12, Kind::Exporter, |_| {}).await;
    assert_eq!(refused, Err(NegotiationError::Sasl(ClientError::Mechanism)));
}

async fn house() -> House {
    let house = House::open().await;
    house
        .wait(house.store.users_import(vec![user("dave@localhost", ITERATIONS_MIN)]))
        .await
        .expect("an account");
    house
}

/// Signs dave in by SCRAM-SHA-256-PLUS over a new connection, with its binding as `spoil` leaves it.
async fn sign_in(
    house: &House,
    version: &'static SupportedProtocolVersion,
    kind: Kind,
    spoil: impl Fn(&mut [u8]),
) -> Result<String, NegotiationError> {
    let stream = house.connect_by(Transport::DirectTls);
    let stream = shake_hands_by(house, stream, &[version]).await;
    let (_, connection) = stream.get_ref();
    let binding = match kind {
        Kind::Exporter => {
            let label = b"EXPORTER-Channel-Binding";
            let key =
                connection.export_keying_material([0_u8; 32], label, None).expect("a finished handshake");
            let mut key = key.to_vec();
            spoil(&mut key);
            ChannelBinding { exporter: Some(key), server_end_point: None }
        }
        Kind::ServerEndPoint => {
            let certificate = &connection.peer_certificates().expect("a certificate")[0];
            // The certificate is signed with ECDSA and SHA-256, which is then the hash of the binding.
            let mut hash = Sha256::digest(certificate).to_vec();
            spoil(&mut hash);
            ChannelBinding { exporter: None, server_end_point: Some(hash) }
        }
    };
    let login = Login {
        domain: "localhost".parse().expect("a domain"),
        username: "dave".to_owned(),
        password: PASSWORD.to_owned(),
        resource: Some("desk".parse().expect("a resource")),
        mechanisms: vec![Mechanism::ScramSha256Plus],
        resume: None,
    };
    negotiate(house, stream, ClientNegotiation::direct_tls(login, [9; 32], binding)).await
}

/// Drives the client to its session, or to the reason why there is none.
async fn negotiate(
    house: &House,
    mut stream: TlsStream<DuplexStream>,
    mut negotiation: ClientNegotiation,
) -> Result<String, NegotiationError> {
    let mut framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
    loop {
        while let Some(output) = negotiation.poll_output() {
            match output {
                ClientOutput::Write(bytes) => stream.write_all(&bytes).await.expect("it reads"),
                ClientOutput::Restart => framer.restart(),
                ClientOutput::StartTls => panic!("it is inside TLS"),
                ClientOutput::Established { jid, .. } => return Ok(jid.to_string()),
                ClientOutput::Failed(error) => return Err(error),
            }
        }
        stream.flush().await.expect("it reads");
        match framer.next_frame() {
            Ok(Some(frame)) => negotiation.handle(frame),
            Ok(None) => {
                let count = house.wait(stream.read_buf(framer.buffer())).await.expect("it writes");
                assert!(count > 0, "the connection ended");
            }
            Err(error) => negotiation.fail(error),
        }
    }
}
