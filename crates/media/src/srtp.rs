//! SRTP (RFC 3711, RFC 7714): packets made secret and proved genuine, in place and without allocation.
//!
//! Sans-IO. One [`Protector`] per direction of a leg, with the keys of one side and what must be remembered of
//! each source: how often its sequence numbers wrapped, and which of the latest packets came already.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use crate::rtp;
use crate::srtp_source::Sources;

/// Bytes of the index that ends an SRTCP packet, with the bit that says that it is encrypted (RFC 3711 §3.4).
const SRTCP_INDEX_BYTES: usize = 4;
/// Bytes of an RTCP packet that stay in the clear: the header and the SSRC.
const RTCP_CLEAR_BYTES: usize = 8;
/// Bytes of a GCM tag (RFC 7714 §13).
const GCM_TAG_BYTES: usize = 16;
/// The most that protection adds to a packet, in bytes.
#[cfg(test)]
pub(crate) const OVERHEAD_BYTES_MAX: usize = GCM_TAG_BYTES + SRTCP_INDEX_BYTES;
/// The tag of SRTCP under counter mode is always the long one (RFC 4568 §6.2).
const SRTCP_TAG_BYTES: usize = 10;

/// A way to protect, by its names in SDP (RFC 4568 §6.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suite {
    /// AES-128 counter mode, 80-bit HMAC-SHA1 tag.
    AesCm128HmacSha1Tag80,
    /// The same with a 32-bit tag on RTP.
    AesCm128HmacSha1Tag32,
    /// AES-128 in Galois counter mode.
    AeadAes128Gcm,
    /// AES-256 in Galois counter mode.
    AeadAes256Gcm,
}

impl Suite {
    /// All of them, the best first.
    pub const ALL: [Self; 4] =
        [Self::AeadAes256Gcm, Self::AeadAes128Gcm, Self::AesCm128HmacSha1Tag80, Self::AesCm128HmacSha1Tag32];

    /// Its name in an `a=crypto` line.
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1Tag80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1Tag32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "AEAD_AES_256_GCM",
        }
    }

    /// The suite of this name.
    pub fn named(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name().as_bytes() == name)
    }

    /// Bytes of the master key.
    pub fn key_bytes(self) -> usize {
        if self == Self::AeadAes256Gcm { 32 } else { 16 }
    }

    /// Bytes of the master salt.
    pub fn salt_bytes(self) -> usize {
        match self {
            Self::AesCm128HmacSha1Tag80 | Self::AesCm128HmacSha1Tag32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
        }
    }

    /// Bytes of key and salt together, as they stand in `inline:` (RFC 4568 §6.1).
    pub fn secret_bytes(self) -> usize {
        self.key_bytes() + self.salt_bytes()
    }
}

/// A master key with its salt.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    suite: Suite,
    bytes: Vec<u8>,
}

impl Secret {
    /// Key and salt one after the other; `None` when that is not as long as the suite wants.
    pub fn new(suite: Suite, bytes: &[u8]) -> Option<Self> {
        (bytes.len() == suite.secret_bytes()).then(|| Self { suite, bytes: bytes.to_vec() })
    }

    /// The suite that it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Key and salt, to be told to the peer.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("suite", &self.suite).finish_non_exhaustive()
    }
}

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is too short, or no packet at all.
    Malformed,
    /// Its tag is wrong: somebody else's, or damaged.
    Forged,
    /// It came before, or is too old to know.
    Replayed,
}

enum Cipher {
    Counter { key: Box<EncryptingKey>, salt: [u8; 14], auth: Box<hmac::Key>, tag_bytes: usize },
    Gcm { key: Box<LessSafeKey>, salt: [u8; 12] },
}

/// One direction of one leg.
pub(crate) struct Protector {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
}

/// What a session key is for (RFC 3711 §4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// Derives `output` from the master key and salt (RFC 3711 §4.3.1, key derivation rate 0; for GCM the 12-byte
/// salt is followed by two zeros, RFC 7714 §11).
pub(crate) fn derive(secret: &Secret, label: u8, output: &mut [u8]) -> Option<()> {
    let (key, salt) = secret.bytes.split_at(secret.suite.key_bytes());
    let mut counter = [0; 16];
    counter[..salt.len()].copy_from_slice(salt);
    counter[7] ^= label;
    output.fill(0);
    counter_mode(&counter_key(key)?, counter, output)
}

fn counter_key(key: &[u8]) -> Option<EncryptingKey> {
    let algorithm = if key.len() == 32 { &aws_lc_rs::cipher::AES_256 } else { &AES_128 };
    EncryptingKey::ctr(UnboundCipherKey::new(algorithm, key).ok()?).ok()
}

fn counter_mode(key: &EncryptingKey, counter: [u8; 16], bytes: &mut [u8]) -> Option<()> {
    key.less_safe_encrypt(bytes, EncryptionContext::Iv128(FixedLength::from(counter))).ok().map(|_| ())
}

impl Cipher {
    /// The session keys; the labels of SRTCP are three higher (RFC 3711 §4.3.2).
    fn new(secret: &Secret, is_rtcp: bool) -> Option<Self> {
        let label = |label: Label| label as u8 + if is_rtcp { 3 } else { 0 };
        let mut key = [0; 32];
        let key = &mut key[..secret.suite.key_bytes()];
        derive(secret, label(Label::Encryption), key)?;
        let mut salt = [0; 14];
        derive(secret, label(Label::Salt), &mut salt[..secret.suite.salt_bytes()])?;
        let tag_bytes = match secret.suite {
            Suite::AesCm128HmacSha1Tag32 if !is_rtcp => 4,
            Suite::AesCm128HmacSha1Tag32 | Suite::AesCm128HmacSha1Tag80 => SRTCP_TAG_BYTES,
            Suite::AeadAes128Gcm | Suite::AeadAes256Gcm => {
                let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
                let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
                return Some(Self::Gcm { key: Box::new(key), salt: *salt.first_chunk()? });
            }
        };
        let mut auth = [0; 20];
        derive(secret, label(Label::Authentication), &mut auth)?;
        let auth = Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &auth));
        Some(Self::Counter { key: Box::new(counter_key(key)?), salt, auth, tag_bytes })
    }

    fn tag_bytes(&self) -> usize {
        match self {
            Self::Counter { tag_bytes, .. } => *tag_bytes,
            Self::Gcm { .. } => GCM_TAG_BYTES,
        }
    }
}

/// The counter block of a packet (RFC 3711 §4.1.1).
fn counter_block(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut block = [0; 16];
    block[..14].copy_from_slice(salt);
    for (byte, ssrc) in block[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= ssrc;
    }
    for (byte, index) in block[8..14].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= index;
    }
    block
}

/// The initialisation vector of GCM: for RTP of SSRC, rollover counter and sequence number (RFC 7714 §8.1), for
/// RTCP of SSRC and index (§9.1). Both are two zero bytes, the SSRC, and the index in the last 48 bits.
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = *salt;
    for (byte, ssrc) in nonce[2..6].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= ssrc;
    }
    for (byte, index) in nonce[6..12].iter_mut().zip(&index.to_be_bytes()[2..]) {
        *byte ^= index;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// The tag over the packet and what follows it invisibly (RFC 3711 §4.2).
fn tag(auth: &hmac::Key, packet: &[u8], after: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(auth);
    context.update(packet);
    context.update(after);
    context.sign()
}

impl Protector {
    /// The keys of one side. `None` only if the cipher library refuses them, which it does for no suite of ours.
    pub(crate) fn new(secret: &Secret) -> Option<Self> {
        Some(Self {
            rtp: Cipher::new(secret, false)?,
            rtcp: Cipher::new(secret, true)?,
            sources: Sources::default(),
        })
    }

    /// Protects the RTP packet in the first `length` bytes of `buffer`; gives its new length.
    pub(crate) fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let header = rtp::Header::parse(&buffer[..length])?;
        let clear = rtp::header_length(&buffer[..length])?;
        let index = self.sources.outgoing(header.ssrc, header.sequence)?;
        let end = length + self.rtp.tag_bytes();
        let (packet, after) = buffer.get_mut(..end)?.split_at_mut(length);
        let (head, body) = packet.split_at_mut(clear);
        match &self.rtp {
            Cipher::Counter { key, salt, auth, tag_bytes } => {
                counter_mode(key, counter_block(salt, header.ssrc, index), body)?;
                let tag = tag(auth, packet, &((index >> 16) as u32).to_be_bytes());
                after.copy_from_slice(&tag.as_ref()[..*tag_bytes]);
            }
            Cipher::Gcm { key, salt } => {
                let nonce = gcm_nonce(salt, header.ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*head), body).ok()?;
                after.copy_from_slice(tag.as_ref());
            }
        }
        Some(end)
    }

    /// Proves and opens an SRTP packet in place; gives its length without the tag.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let header = rtp::Header::parse(packet).ok_or(Refused::Malformed)?;
        let clear = rtp::header_length(packet).ok_or(Refused::Malformed)?;
        let length = packet.len().checked_sub(self.rtp.tag_bytes()).ok_or(Refused::Malformed)?;
        if length < clear {
            return Err(Refused::Malformed);
        }
        let index = self.sources.incoming(header.ssrc, header.sequence)?;
        match &self.rtp {
            Cipher::Counter { key, salt, auth, tag_bytes } => {
                let (content, claimed) = packet.split_at_mut(length);
                let tag = tag(auth, content, &((index >> 16) as u32).to_be_bytes());
                prove(&tag.as_ref()[..*tag_bytes], claimed)?;
                let block = counter_block(salt, header.ssrc, index);
                counter_mode(key, block, &mut content[clear..]).ok_or(Refused::Forged)?;
            }
            Cipher::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut(clear);
                let nonce = gcm_nonce(salt, header.ssrc, index);
                key.open_in_place(nonce, Aad::from(&*head), body).map_err(|_| Refused::Forged)?;
            }
        }
        self.sources.accept(header.ssrc, index);
        Ok(length)
    }

    /// Protects the RTCP compound in the first `length` bytes of `buffer`; gives its new length.
    pub(crate) fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        let ssrc = u32::from_be_bytes(*buffer.get(4..length)?.first_chunk()?);
        let index = self.sources.next_report(ssrc)?;
        let trailer = (0x8000_0000 | index as u32).to_be_bytes();
        let end = length + SRTCP_INDEX_BYTES + self.rtcp.tag_bytes();
        let whole = buffer.get_mut(..end)?;
        match &self.rtcp {
            Cipher::Counter { key, salt, auth, tag_bytes } => {
                let block = counter_block(salt, ssrc, index);
                counter_mode(key, block, whole.get_mut(RTCP_CLEAR_BYTES..length)?)?;
                let (content, after) = whole.split_at_mut(length);
                let tag = tag(auth, content, &trailer);
                after[..SRTCP_INDEX_BYTES].copy_from_slice(&trailer);
                after[SRTCP_INDEX_BYTES..].copy_from_slice(&tag.as_ref()[..*tag_bytes]);
            }
            Cipher::Gcm { key, salt } => {
                let (content, after) = whole.split_at_mut(length);
                let (head, body) = content.split_at_mut(RTCP_CLEAR_BYTES);
                let tag = key
                    .seal_in_place_separate_tag(
                        gcm_nonce(salt, ssrc, index),
                        Aad::from(gcm_reports_aad(head, trailer)?),
                        body,
                    )
                    .ok()?;
                after[..GCM_TAG_BYTES].copy_from_slice(tag.as_ref());
                after[GCM_TAG_BYTES..].copy_from_slice(&trailer);
            }
        }
        Some(end)
    }

    /// Proves and opens an SRTCP packet in place; gives its length without tag and index.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Refused> {
        let tag_bytes = self.rtcp.tag_bytes();
        let length = packet.len().checked_sub(tag_bytes + SRTCP_INDEX_BYTES).ok_or(Refused::Malformed)?;
        if length < RTCP_CLEAR_BYTES {
            return Err(Refused::Malformed);
        }
        let word = |at: usize| packet.get(at..).and_then(|rest| rest.first_chunk::<4>()).copied();
        let ssrc = u32::from_be_bytes(word(4).ok_or(Refused::Malformed)?);
        let trailer_at = if matches!(self.rtcp, Cipher::Gcm { .. }) { length + tag_bytes } else { length };
        let trailer = word(trailer_at).ok_or(Refused::Malformed)?;
        let trailer_number = u32::from_be_bytes(trailer);
        let (is_encrypted, index) = (trailer_number >> 31 == 1, u64::from(trailer_number & 0x7fff_ffff));
        self.sources.incoming_report(ssrc, index)?;
        match &self.rtcp {
            Cipher::Counter { key, salt, auth, .. } => {
                let (content, after) = packet.split_at_mut(length);
                let tag = tag(auth, content, &trailer);
                prove(&tag.as_ref()[..tag_bytes], &after[SRTCP_INDEX_BYTES..])?;
                if is_encrypted {
                    let block = counter_block(salt, ssrc, index);
                    counter_mode(key, block, &mut content[RTCP_CLEAR_BYTES..]).ok_or(Refused::Forged)?;
                }
            }
            Cipher::Gcm { key, salt } => {
                // Reports in the clear are allowed by RFC 7714 §9.3 and sent by nobody.
                if !is_encrypted {
                    return Err(Refused::Forged);
                }
                let (head, rest) = packet.split_at_mut(RTCP_CLEAR_BYTES);
                let aad = gcm_reports_aad(head, trailer).ok_or(Refused::Malformed)?;
                let body = &mut rest[..length - RTCP_CLEAR_BYTES + tag_bytes];
                key.open_in_place(gcm_nonce(salt, ssrc, index), Aad::from(aad), body)
                    .map_err(|_| Refused::Forged)?;
            }
        }
        self.sources.accept_report(ssrc, index);
        Ok(length)
    }
}

/// What of a report is proved though it stays in the clear: its head and the index (RFC 7714 §9.2).
fn gcm_reports_aad(
    head: &[u8],
    trailer: [u8; SRTCP_INDEX_BYTES],
) -> Option<[u8; RTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES]> {
    let mut aad = [0; RTCP_CLEAR_BYTES + SRTCP_INDEX_BYTES];
    aad[..RTCP_CLEAR_BYTES].copy_from_slice(head.first_chunk::<RTCP_CLEAR_BYTES>()?);
    aad[RTCP_CLEAR_BYTES..].copy_from_slice(&trailer);
    Some(aad)
}

fn prove(tag: &[u8], claimed: &[u8]) -> Result<(), Refused> {
    aws_lc_rs::constant_time::verify_slices_are_equal(tag, claimed).map_err(|_| Refused::Forged)
}

impl std::fmt::Debug for Protector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Protector")
    }
}

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;
