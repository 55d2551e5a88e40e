//! Time-based one-time passwords (RFC 6238), the second factor of administrators, and the codes for who has lost it.

use hmac::{Hmac, Mac};
use model::Timestamp;
use runtime::Runtime;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// The length of a secret, in bytes (RFC 4226 §4: 160 bits are recommended).
const SECRET_BYTES: usize = 20;
/// A step, in seconds (RFC 6238 §5.2).
const STEP_SECONDS: i64 = 30;
/// Steps before and after now that a code is taken of: clocks differ (RFC 6238 §6).
const STEPS_AROUND: i64 = 1;
/// Digits of a code.
const DIGITS: usize = 6;
/// Codes for who has lost the device.
pub const RECOVERY_CODES: usize = 10;
/// Characters of base32 (RFC 4648 §6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret, in base32.
pub(crate) fn secret(runtime: &Runtime) -> String {
    let mut bytes = [0; SECRET_BYTES];
    runtime.fill(&mut bytes);
    base32(&bytes)
}

/// What an application for codes reads, as a link or a QR code.
pub(crate) fn uri(domain: &str, name: &str, secret: &str) -> String {
    format!(
        "otpauth://totp/Carillon%20{domain}:{name}?secret={secret}&issuer=Carillon%20{domain}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
    )
}

/// The step of a code that is right now and later than `last`; none is taken twice (RFC 6238 §5.2).
pub(crate) fn step_of(secret: &str, code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let key = from_base32(secret)?;
    let step = now.seconds().div_euclid(STEP_SECONDS);
    let steps = (step - STEPS_AROUND)..=(step + STEPS_AROUND);
    steps.filter(|step| *step > last).find(|step| {
        u64::try_from(*step).is_ok_and(|step| {
            subtle::ConstantTimeEq::ct_eq(code_of(&key, step).as_bytes(), code.trim().as_bytes()).into()
        })
    })
}

/// The code of a secret at a time.
pub(crate) fn code_at(secret: &str, now: Timestamp) -> Option<String> {
    let step = u64::try_from(now.seconds().div_euclid(STEP_SECONDS)).ok()?;
    Some(code_of(&from_base32(secret)?, step))
}

/// RFC 4226 §5.3.
fn code_of(key: &[u8], counter: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&counter.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 0xf);
    let four = [hash[offset] & 0x7f, hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    format!("{:0DIGITS$}", u32::from_be_bytes(four) % 10_u32.pow(DIGITS as u32))
}

/// Codes for who has lost the device, and the hashes of them that are kept.
pub(crate) fn recovery_codes(runtime: &Runtime) -> (Vec<String>, String) {
    let codes: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| {
            let mut bytes = [0; 10];
            runtime.fill(&mut bytes);
            base32(&bytes).to_lowercase()
        })
        .collect();
    let hashes: Vec<String> = codes.iter().map(|code| hash(code)).collect();
    (codes, hashes.join(" "))
}

/// The hashes that are left when a recovery code is used up; nothing when it is none of them.
pub(crate) fn without_code(hashes: &str, code: &str) -> Option<String> {
    let used = hash(&code.trim().to_lowercase());
    let left: Vec<&str> = hashes.split(' ').filter(|kept| *kept != used).collect();
    (left.len() < hashes.split(' ').count()).then(|| left.join(" "))
}

/// What is kept of a text that is random enough.
pub(crate) fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn base32(bytes: &[u8]) -> String {
    let (mut text, mut bits, mut held) = (String::new(), 0_u32, 0_u32);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(BASE32[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(BASE32[(held << (5 - bits) & 31) as usize]));
    }
    text
}

fn from_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0_u32);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|known| *known == letter)?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 255) as u8);
        }
        held &= (1 << bits) - 1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the secret of its tests.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_specification() {
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let now = Timestamp(seconds * 1_000_000);
            assert!(step_of(&base32(SECRET), code, now, 0).is_some(), "{seconds}");
            assert!(step_of(&base32(SECRET), "000000", now, 0).is_none());
        }
    }

    #[test]
    fn a_code_is_taken_once_and_near_its_time() {
        let secret = base32(SECRET);
        let at = |seconds: i64| Timestamp(seconds * 1_000_000);
        let step = step_of(&secret, "287082", at(59), 0).unwrap();
        assert_eq!(step_of(&secret, "287082", at(59), step), None);
        assert_eq!(step_of(&secret, "287082", at(59 + 30), 0), Some(step));
        assert_eq!(step_of(&secret, "287082", at(59 + 90), 0), None);
    }

    #[test]
    fn a_recovery_code_works_once() {
        let runtime = Runtime::simulated(7, Timestamp(0));
        let (codes, hashes) = recovery_codes(&runtime);
        let left = without_code(&hashes, &codes[3].to_uppercase()).unwrap();
        assert_eq!(without_code(&left, &codes[3]), None);
        assert!(without_code(&left, &codes[4]).is_some());
        assert_eq!(without_code(&left, ""), None);
    }

    #[test]
    fn base32_goes_both_ways() {
        for bytes in [&b""[..], b"f", b"fo", b"foo", b"foobar", SECRET] {
            assert_eq!(from_base32(&base32(bytes)).unwrap(), bytes);
        }
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(from_base32("a!"), None);
    }
}
