//! Keys by DTLS-SRTP (RFC 5764): the handshake over the media port whose certificates the session descriptions vouch for.
//!
//! Sans-IO around `dimpl`, which does DTLS 1.2 and 1.3 with ECDSA certificates only. The certificate of this server is made
//! anew at each start; nobody has to trust it, for its fingerprint goes out with every description.

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest;
use dimpl::{Config, Dtls, DtlsCertificate, Output, SrtpProfile};

use crate::ice::IceCredentials;
use crate::{Secret, SrtpKeys, Suite};

/// Fingerprints of one peer that are looked at.
pub const FINGERPRINTS_MAX: usize = 8;
/// The longest record that goes out, in bytes.
const RECORD_BYTES_MAX: usize = 2_048;
/// The longest datagram of a handshake, in bytes: below what every path of the Internet carries.
const DATAGRAM_BYTES_MAX: usize = 1_150;
/// Records taken out of a handshake at one go.
const OUTPUTS_MAX: usize = 64;

/// A hash function of fingerprints (RFC 8122 §5). SHA-1 and older ones are none any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// What a certificate is known by: `a=fingerprint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    hash: Hash,
    digest: Vec<u8>,
}

/// How a leg gets its keys: what both descriptions have said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The certificates that the peer may show.
    pub fingerprints: Vec<Fingerprint>,
    /// We begin (`a=setup:active` of ours); else the peer does.
    pub is_client: bool,
    /// The peer finds its way by ICE (RFC 8445): our side of it. Without, packets go where its description says.
    pub ice: Option<IceCredentials>,
}

/// Who this server is in handshakes.
#[derive(Clone)]
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    fingerprint: Fingerprint,
    config: Arc<Config>,
}

/// One handshake, and what is kept after it to answer what the peer repeats.
#[derive(Debug)]
pub(crate) struct Session {
    dtls: Dtls,
    is_client: bool,
    fingerprints: Vec<Fingerprint>,
    is_proved: bool,
    keys: Option<SrtpKeys>,
    /// When it wants to be woken.
    due: Option<Instant>,
}

/// Why a handshake is over without keys.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The peer shows a certificate that its description does not name.
    #[error("the certificate is not the one of the description")]
    Certificate,
    /// The handshake itself fails: no common suite, an RSA certificate, silence.
    #[error("{0}")]
    Handshake(String),
}

impl Hash {
    /// Its name in SDP (RFC 8122 §5, in any case).
    pub fn named(name: &[u8]) -> Option<Self> {
        let all = [(Self::Sha256, "sha-256"), (Self::Sha384, "sha-384"), (Self::Sha512, "sha-512")];
        all.into_iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(hash, _)| hash)
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }
}

impl Fingerprint {
    /// Reads the value of `a=fingerprint`: `sha-256 4A:AD:...` (RFC 8122 §5). `None`: a hash that we do not take, or none.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let hash = Hash::named(words.next()?)?;
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
            u8::from_str_radix(text, 16).ok()
        };
        let digest: Option<Vec<u8>> = words.next()?.split(|byte| *byte == b':').map(byte).collect();
        let digest = digest.filter(|digest| digest.len() == hash.algorithm().output_len())?;
        words.next().is_none().then_some(Self { hash, digest })
    }

    fn of(hash: Hash, certificate: &[u8]) -> Self {
        let digest = digest::digest(hash.algorithm(), certificate).as_ref().to_vec();
        Self { hash, digest }
    }

    fn is_of(&self, certificate: &[u8]) -> bool {
        Self::of(self.hash, certificate) == *self
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.hash.name())?;
        for (at, byte) in self.digest.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl Identity {
    /// Makes a key and a certificate for it.
    ///
    /// # Errors
    /// The cipher library has no randomness, in words.
    pub(crate) fn new() -> Result<Self, String> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(|e| e.to_string())?;
        let mut params = rcgen::CertificateParams::new(Vec::new()).map_err(|e| e.to_string())?;
        // RFC 8827 §6.5 leaves the name open; it shall tell nothing.
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "WebRTC");
        let certificate = params.self_signed(&key).map_err(|e| e.to_string())?.der().to_vec();
        // The way to the peer is proved by its checks, or named by its signalling: a cookie would only cost a round trip.
        let config = Config::builder().mtu(DATAGRAM_BYTES_MAX).use_server_cookie(false).build();
        Ok(Self {
            fingerprint: Fingerprint::of(Hash::Sha256, &certificate),
            certificate: DtlsCertificate { certificate, private_key: key.serialize_der() },
            config: Arc::new(config.map_err(|e| e.to_string())?),
        })
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Session {
    /// Waits for the peer's handshake, or is ready to begin ours.
    pub(crate) fn new(identity: &Identity, handshake: &Handshake, now: Instant) -> Self {
        let mut dtls = Dtls::new_auto(Arc::clone(&identity.config), identity.certificate.clone(), now);
        dtls.set_active(handshake.is_client);
        Self {
            dtls,
            is_client: handshake.is_client,
            fingerprints: handshake.fingerprints.clone(),
            is_proved: false,
            keys: None,
            due: None,
        }
    }

    /// Is this still the association that the descriptions speak of (RFC 8842 §5.5)?
    pub(crate) fn is_of(&self, handshake: &Handshake) -> bool {
        self.is_client == handshake.is_client && self.fingerprints == handshake.fingerprints
    }

    /// When it wants to be woken, if it does.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes a datagram of the peer, or the passing of time, and has its records sent. Gives the keys once.
    ///
    /// # Errors
    /// The handshake is over, and so is this session.
    pub(crate) fn turn(
        &mut self,
        datagram: Option<&[u8]>,
        now: Instant,
        mut send: impl FnMut(&[u8]),
    ) -> Result<Option<SrtpKeys>, Failure> {
        let over = |error: dimpl::Error| Failure::Handshake(error.to_string());
        self.dtls.handle_timeout(now).map_err(over)?;
        if let Some(datagram) = datagram {
            self.dtls.handle_packet(datagram).map_err(over)?;
        }
        let mut buffer = [0; RECORD_BYTES_MAX];
        for _ in 0..OUTPUTS_MAX {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(record) => send(record),
                Output::Timeout(due) => {
                    self.due = Some(due);
                    break;
                }
                Output::PeerCert(certificate) => {
                    // RFC 8122 §6.2: one of the fingerprints must be the certificate's.
                    if !self.fingerprints.iter().any(|fingerprint| fingerprint.is_of(certificate)) {
                        return Err(Failure::Certificate);
                    }
                    self.is_proved = true;
                }
                Output::KeyingMaterial(material, profile) => {
                    self.keys = keys(&material, profile, self.is_client);
                }
                Output::BufferTooSmall { .. } => {
                    return Err(Failure::Handshake("a record is too long".to_owned()));
                }
                // Data beside media is not for us, and a leg ends by its signalling.
                _ => {}
            }
        }
        Ok(self.keys.take_if(|_| self.is_proved))
    }
}

/// The keys of both directions out of what the handshake exports (RFC 5764 §4.2): the client's key, the server's, the
/// client's salt, the server's.
fn keys(material: &[u8], profile: SrtpProfile, is_client: bool) -> Option<SrtpKeys> {
    let suite = match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Suite::AesCm128HmacSha1Tag80,
        SrtpProfile::AEAD_AES_128_GCM => Suite::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Suite::AeadAes256Gcm,
        _ => return None,
    };
    let (key, salt) = (suite.key_bytes(), suite.salt_bytes());
    let part = |from: usize, length: usize| material.get(from..from + length);
    let of_client = [part(0, key)?, part(2 * key, salt)?].concat();
    let of_server = [part(key, key)?, part(2 * key + salt, salt)?].concat();
    let (of_client, of_server) = (Secret::new(suite, &of_client)?, Secret::new(suite, &of_server)?);
    Some(match is_client {
        true => SrtpKeys { receive: of_server, send: of_client },
        false => SrtpKeys { receive: of_client, send: of_server },
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn handshake(peer: &Identity, is_client: bool) -> Handshake {
        Handshake { fingerprints: vec![peer.fingerprint().clone()], is_client, ice: None }
    }

    /// Both ends of a handshake whose datagrams may get lost, until both have keys, or one fails.
    fn shake(
        mut client: Session,
        mut server: Session,
        loses: impl Fn(usize) -> bool,
    ) -> [Result<Option<SrtpKeys>, Failure>; 2] {
        let mut now = start();
        let mut keys = [Ok(None), Ok(None)];
        let (mut to_server, mut to_client): (Vec<Vec<u8>>, Vec<Vec<u8>>) = (Vec::new(), Vec::new());
        let mut sent = 0;
        for _ in 0..60 {
            for got in [0, 1] {
                let (session, inbox) = match got {
                    0 => (&mut client, std::mem::take(&mut to_client)),
                    _ => (&mut server, std::mem::take(&mut to_server)),
                };
                let outbox = if got == 0 { &mut to_server } else { &mut to_client };
                let datagrams =
                    if inbox.is_empty() { vec![None] } else { inbox.into_iter().map(Some).collect() };
                for datagram in datagrams {
                    let turned = session.turn(datagram.as_deref(), now, |record| {
                        sent += 1;
                        if !loses(sent) {
                            outbox.push(record.to_vec());
                        }
                    });
                    match turned {
                        Ok(None) => {}
                        Ok(new) => keys[got] = Ok(new),
                        Err(failure) => {
                            keys[got] = Err(failure);
                            return keys;
                        }
                    }
                }
            }
            if keys.iter().all(|keys| matches!(keys, Ok(Some(_)))) {
                break;
            }
            if to_client.is_empty() && to_server.is_empty() {
                let due = [client.due(), server.due()].into_iter().flatten().min();
                now = due.unwrap_or(now).max(now + Duration::from_millis(1));
            }
        }
        keys
    }

    #[test]
    fn both_ends_have_the_same_keys_crosswise() {
        let (one, two) = (Identity::new().unwrap(), Identity::new().unwrap());
        let client = Session::new(&one, &handshake(&two, true), start());
        let server = Session::new(&two, &handshake(&one, false), start());
        let [Ok(Some(of_client)), Ok(Some(of_server))] = shake(client, server, |_| false) else { panic!() };
        assert_eq!((of_client.send, of_client.receive), (of_server.receive, of_server.send));
    }

    #[test]
    fn lost_datagrams_are_repeated() {
        let (one, two) = (Identity::new().unwrap(), Identity::new().unwrap());
        let client = Session::new(&one, &handshake(&two, true), start());
        let server = Session::new(&two, &handshake(&one, false), start());
        let keys = shake(client, server, |sent| sent % 3 == 1);
        assert!(keys.iter().all(|keys| matches!(keys, Ok(Some(_)))), "{keys:?}");
    }

    #[test]
    fn a_certificate_that_the_description_does_not_name_is_refused() {
        let (one, two, other) =
            (Identity::new().unwrap(), Identity::new().unwrap(), Identity::new().unwrap());
        let client = Session::new(&one, &handshake(&two, true), start());
        let server = Session::new(&two, &handshake(&other, false), start());
        let keys = shake(client, server, |_| false);
        assert_eq!(keys[1].as_ref().err(), Some(&Failure::Certificate));
        let client = Session::new(&one, &handshake(&other, true), start());
        let server = Session::new(&two, &handshake(&one, false), start());
        assert_eq!(shake(client, server, |_| false)[0].as_ref().err(), Some(&Failure::Certificate));
    }

    #[test]
    fn silence_ends_the_handshake() {
        let (one, two) = (Identity::new().unwrap(), Identity::new().unwrap());
        let mut client = Session::new(&one, &handshake(&two, true), start());
        let mut now = start();
        let failed = (0..40).find_map(|_| {
            let turned = client.turn(None, now, |_| {});
            now = client.due().unwrap_or(now).max(now + Duration::from_secs(1));
            turned.err()
        });
        assert!(matches!(failed, Some(Failure::Handshake(_))), "{failed:?}");
    }

    #[test]
    fn fingerprints_are_read_as_they_are_written() {
        let one = Identity::new().unwrap().fingerprint().clone();
        let text = one.to_string();
        assert_eq!(Fingerprint::parse(text.as_bytes()), Some(one.clone()));
        assert_eq!(Fingerprint::parse(text.to_lowercase().as_bytes()), Some(one));
        for bad in [
            "",
            "sha-256",
            "sha-256 00:11",
            "sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
        ] {
            assert_eq!(Fingerprint::parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(Fingerprint::parse(format!("{text}:00").as_bytes()), None);
    }

    #[test]
    fn keys_and_salts_are_cut_as_rfc_5764_lays_them_out() {
        let material: Vec<u8> = (0..60).collect();
        let ours = keys(&material, SrtpProfile::AES128_CM_SHA1_80, true).unwrap();
        let expected: Vec<u8> = (0..16).chain(32..46).collect();
        assert_eq!(ours.send.bytes(), expected);
        let expected: Vec<u8> = (16..32).chain(46..60).collect();
        assert_eq!(ours.receive.bytes(), expected);
    }
}
