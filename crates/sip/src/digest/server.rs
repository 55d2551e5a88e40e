//! The server's side: stateless nonces, and a bounded table of the nonce counts that were used.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::digest::{Algorithm, Challenge, Credentials, Inputs, response};

/// Nonces whose counts one table keeps; the oldest give way, and their users get a new nonce by `stale`.
pub const NONCES_COUNTED_MAX: usize = 65_536;
/// Length of the keyed hash in a nonce, in bytes.
const MAC_BYTES: usize = 16;
/// What stands before the keyed hash in a nonce, in bytes: its time, and a number.
const STAMP_BYTES: usize = 12;
/// How far behind the highest count a late request may be, in counts.
const WINDOW: u32 = 64;

/// Writes and checks nonces. Two with the same secret understand each other. Times are counted from 1970.
#[derive(Clone)]
pub struct Server {
    mac: Hmac<Sha256>,
    realm: String,
    algorithms: Vec<Algorithm>,
    lifetime: Duration,
    /// Tells nonces of the same moment apart: their counts must not be mixed.
    written: Arc<AtomicU32>,
}

/// What credentials are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are right.
    Valid,
    /// They are right, but the nonce is too old, not ours, or was used: challenge anew with `stale=true`.
    Stale,
    /// They are wrong, or there is no such account.
    Invalid,
}

impl Server {
    /// A server for `realm` that offers `algorithms` in this order; nonces live for `lifetime`.
    pub fn new(secret: &[u8; 32], realm: &str, algorithms: &[Algorithm], lifetime: Duration) -> Self {
        // RFC 2104: the key may have any length; 32 bytes never fail.
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self {
            mac,
            realm: realm.to_owned(),
            algorithms: algorithms.to_vec(),
            lifetime,
            written: Arc::default(),
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The algorithms in the order in which they are offered.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The challenges for a request from `address`, one an algorithm, most wanted first (RFC 8760 §2.3).
    pub fn challenges(&self, now: Duration, address: IpAddr, stale: bool) -> impl Iterator<Item = Challenge> {
        let nonce = self.nonce(now, address);
        self.algorithms.iter().map(move |algorithm| Challenge {
            realm: self.realm.clone(),
            nonce: nonce.clone(),
            opaque: None,
            algorithm: Some(*algorithm),
            qop_auth: true,
            stale,
        })
    }

    /// A nonce: its time, a number, and a keyed hash over both and the address.
    fn nonce(&self, now: Duration, address: IpAddr) -> String {
        let mut nonce = [0; STAMP_BYTES + MAC_BYTES];
        nonce[..8].copy_from_slice(&micros(now).to_be_bytes());
        nonce[8..STAMP_BYTES].copy_from_slice(&self.written.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let mac = self.mac_of(&nonce[..STAMP_BYTES], address);
        nonce[STAMP_BYTES..].copy_from_slice(&mac);
        URL_SAFE_NO_PAD.encode(nonce)
    }

    fn mac_of(&self, stamp: &[u8], address: IpAddr) -> [u8; MAC_BYTES] {
        let mut mac = self.mac.clone();
        mac.update(stamp);
        match address.to_canonical() {
            IpAddr::V4(v4) => mac.update(&v4.octets()),
            IpAddr::V6(v6) => mac.update(&v6.octets()),
        }
        mac.update(self.realm.as_bytes());
        let sum = mac.finalize().into_bytes();
        let mut short = [0; MAC_BYTES];
        short.copy_from_slice(&sum[..MAC_BYTES]);
        short
    }

    /// When the nonce was written; `None` when it is not one of ours for `address`.
    fn written_at(&self, nonce: &[u8], address: IpAddr) -> Option<(Duration, [u8; MAC_BYTES])> {
        let mut plain = [0; STAMP_BYTES + MAC_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(nonce, &mut plain).ok()?;
        if length != plain.len() {
            return None;
        }
        let mut time = [0; 8];
        time.copy_from_slice(&plain[..8]);
        let mac = self.mac_of(&plain[..STAMP_BYTES], address);
        let ours = bool::from(mac.ct_eq(&plain[STAMP_BYTES..]));
        ours.then(|| (Duration::from_micros(u64::from_be_bytes(time)), mac))
    }

    /// Checks credentials for a request with `method` from `address`. `ha1` is that of the account for the
    /// credentials' algorithm, `None` when there is no such account or it has none: the work is the same.
    /// The digest URI is not compared with the Request-URI: middle boxes rewrite the one and not the other, and
    /// the nonce count keeps credentials from being used for a second request.
    pub fn verify(
        &self,
        credentials: &Credentials,
        method: &[u8],
        ha1: Option<&str>,
        sender: (IpAddr, Duration),
        counts: &mut NonceCounts,
    ) -> Verdict {
        let (address, now) = sender;
        let Some(algorithm) = credentials.algorithm().filter(|a| self.algorithms.contains(a)) else {
            return Verdict::Invalid;
        };
        let (cnonce, count) = (credentials.cnonce(), credentials.nonce_count());
        let counted = match credentials.qop() {
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => match (&count, &cnonce) {
                (Some(count), Some(cnonce)) => Some((count.as_ref(), cnonce.as_ref())),
                _ => return Verdict::Invalid,
            },
            Some(_) => return Verdict::Invalid,
            None => None,
        };
        let nonce = credentials.nonce();
        let uri = credentials.uri();
        let inputs = Inputs { nonce: &nonce, uri: &uri, counted };
        let known = ha1.unwrap_or("0123456789abcdef0123456789abcdef");
        let expected = response(algorithm, known.as_bytes(), method, &inputs);
        let given = credentials.response().to_ascii_lowercase();
        let right = bool::from(expected.as_bytes().ct_eq(&given)) && ha1.is_some();
        let written = self.written_at(&nonce, address);
        if !right {
            return Verdict::Invalid;
        }
        // Without qop there is no count (RFC 2069): such a nonce serves once.
        let number = match counted {
            Some((digits, _)) => match hexadecimal(digits) {
                Some(number) if number > 0 => number,
                _ => return Verdict::Invalid,
            },
            None => 1,
        };
        match written {
            Some((time, mac)) if time <= now && now - time <= self.lifetime => {
                if counts.use_count(mac, time, number) { Verdict::Valid } else { Verdict::Stale }
            }
            _ => Verdict::Stale,
        }
    }

    /// Which of `tables` tables of counts these credentials belong to, so that several can be locked apart.
    pub fn table_of(credentials: &Credentials, tables: usize) -> usize {
        credentials
            .nonce()
            .iter()
            .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)))
            % tables.max(1)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// Microseconds of a time since 1970: 64 bits last for 580,000 years.
fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `nc-value = 8LHEX`.
fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.len() != 8 {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Which counts of which nonces were used: nobody's request works twice (RFC 7616 §3.4.5).
#[derive(Debug, Default)]
pub struct NonceCounts {
    /// By time of writing, so that the oldest give way first.
    used: BTreeMap<(Duration, [u8; MAC_BYTES]), Counted>,
}

#[derive(Debug)]
struct Counted {
    highest: u32,
    /// Bit n: the count `highest - n` was used.
    seen: u64,
}

impl NonceCounts {
    /// Notes that `number` was used with a nonce; false when it was before, is too far behind, or when the nonce
    /// is not in the table and this is not its first use.
    fn use_count(&mut self, mac: [u8; MAC_BYTES], written: Duration, number: u32) -> bool {
        let key = (written, mac);
        if let Some(counted) = self.used.get_mut(&key) {
            return counted.take(number);
        }
        if number > WINDOW {
            return false;
        }
        let full = self.used.len() >= NONCES_COUNTED_MAX;
        if full && let Some((oldest, _)) = self.used.first_key_value() {
            // A nonce older than all that are kept gave way before: its counts are no longer known.
            if written < oldest.0 {
                return false;
            }
            self.used.pop_first();
        }
        self.used.insert(key, Counted { highest: number, seen: 1 });
        true
    }

    /// Forgets nonces written before `time`: they are stale anyway.
    pub fn forget_before(&mut self, time: Duration) {
        self.used = self.used.split_off(&(time, [0; MAC_BYTES]));
    }

    /// Nonces in the table.
    pub fn len(&self) -> usize {
        self.used.len()
    }

    /// Is the table empty?
    pub fn is_empty(&self) -> bool {
        self.used.is_empty()
    }
}

impl Counted {
    fn take(&mut self, number: u32) -> bool {
        if number > self.highest {
            let step = number - self.highest;
            self.seen = if step >= WINDOW { 0 } else { self.seen << step };
            self.seen |= 1;
            self.highest = number;
            return true;
        }
        let behind = self.highest - number;
        let free = behind < WINDOW && self.seen & (1 << behind) == 0;
        if free {
            self.seen |= 1 << behind;
        }
        free
    }
}

/// The value of a challenge as a header line, for those who need bytes.
impl From<&Challenge> for Bytes {
    fn from(challenge: &Challenge) -> Self {
        let mut out = bytes::BytesMut::with_capacity(160);
        crate::message::HeaderValue::write(challenge, &mut out);
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Account, answer, ha1};

    const NOW: Duration = Duration::from_secs(1_000);
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn server() -> Server {
        Server::new(&[7; 32], "example.org", &[Algorithm::Md5, Algorithm::Sha256], Duration::from_secs(300))
    }

    fn sign(password: &str, count: u32, written: Duration) -> Credentials {
        let account = Account { username: "bob".to_owned(), password: password.to_owned() };
        let challenges = server().challenges(written, HERE, false).collect::<Vec<_>>();
        Credentials::parse(answer(challenges, &account, b"REGISTER", b"sip:example.org", "c", count).unwrap())
            .unwrap()
    }

    fn verify(credentials: &Credentials, from: (IpAddr, Duration), counts: &mut NonceCounts) -> Verdict {
        let ha1 = ha1(Algorithm::Md5, "bob", "example.org", "secret");
        server().verify(credentials, b"REGISTER", Some(&ha1), from, counts)
    }

    #[test]
    fn right_credentials_are_valid_once_a_count() {
        let mut counts = NonceCounts::default();
        assert_eq!(verify(&sign("secret", 1, NOW), (HERE, NOW), &mut counts), Verdict::Valid);
        assert_eq!(verify(&sign("secret", 1, NOW), (HERE, NOW), &mut counts), Verdict::Stale);
        assert_eq!(verify(&sign("secret", 3, NOW), (HERE, NOW), &mut counts), Verdict::Valid);
        assert_eq!(verify(&sign("secret", 2, NOW), (HERE, NOW), &mut counts), Verdict::Valid);
        assert_eq!(verify(&sign("secret", 2, NOW), (HERE, NOW), &mut counts), Verdict::Stale);
    }

    #[test]
    fn a_wrong_password_is_invalid_even_with_an_old_nonce() {
        let mut counts = NonceCounts::default();
        let later = NOW + Duration::from_secs(400);
        assert_eq!(verify(&sign("wrong", 1, NOW), (HERE, later), &mut counts), Verdict::Invalid);
        assert_eq!(verify(&sign("secret", 1, NOW), (HERE, later), &mut counts), Verdict::Stale);
        assert!(counts.is_empty());
    }

    #[test]
    fn a_nonce_serves_one_address_and_is_never_from_the_future() {
        let mut counts = NonceCounts::default();
        let elsewhere = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
        assert_eq!(verify(&sign("secret", 1, NOW), (elsewhere, NOW), &mut counts), Verdict::Stale);
        assert_eq!(verify(&sign("secret", 1, NOW), (HERE, Duration::ZERO), &mut counts), Verdict::Stale);
    }

    #[test]
    fn nonces_of_the_same_moment_are_counted_apart() {
        let server = server();
        let nonce = |_| server.challenges(NOW, HERE, false).next().unwrap().nonce;
        let [first, second] = [1, 2].map(nonce);
        assert_ne!(first, second);
    }

    #[test]
    fn an_unknown_account_is_invalid() {
        let mut counts = NonceCounts::default();
        let credentials = sign("secret", 1, NOW);
        assert_eq!(
            server().verify(&credentials, b"REGISTER", None, (HERE, NOW), &mut counts),
            Verdict::Invalid
        );
    }

    #[test]
    fn a_full_table_lets_the_oldest_go_and_does_not_take_them_again() {
        let mut counts = NonceCounts::default();
        for number in 0..=NONCES_COUNTED_MAX as u64 {
            assert!(counts.use_count([0; MAC_BYTES], Duration::from_secs(number), 1));
        }
        assert_eq!(counts.len(), NONCES_COUNTED_MAX);
        assert!(!counts.use_count([0; MAC_BYTES], Duration::ZERO, 1));
    }
}
