//! The lexical rules of RFC 3261 §25.1 over bytes: tokens, white space, quoted strings, comma lists.

/// For each byte, whether it is a token character: one look-up where a dozen comparisons would stand.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};

/// Is `byte` a token character (RFC 3261 §25.1 `token`)?
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// Is `bytes` a token of at least one character?
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| is_token_byte(*b))
}

/// `bytes` without spaces and tabs at either end.
pub fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Reads a decimal number that fills all of `bytes` (white space around it allowed); `None` on anything else or overflow.
pub fn number<T: TryFrom<u64>>(bytes: &[u8]) -> Option<T> {
    let digits = trim(bytes);
    if digits.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    T::try_from(value).ok()
}

/// Where the quoted string at the start of `bytes` ends (index behind the closing quote); `None` when it never does.
pub fn quoted_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The content of a quoted string without its quotes and escapes; other bytes as they are.
pub fn unquote(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let [b'"', inner @ .., b'"'] = bytes else {
        return bytes.into();
    };
    if !inner.contains(&b'\\') {
        return inner.into();
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for byte in inner {
        if *byte == b'\\' && !escaped {
            escaped = true;
        } else {
            escaped = false;
            plain.push(*byte);
        }
    }
    plain.into()
}

/// The first place of `wanted` that is outside of quoted strings and of `<...>`.
pub fn find_outside(bytes: &[u8], wanted: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(wanted, b'"', b'<', &bytes[at..])?;
        match bytes[at] {
            byte if byte == wanted => return Some(at),
            b'"' => at += quoted_end(&bytes[at..])?,
            _ => at += memchr::memchr(b'>', &bytes[at..])? + 1,
        }
    }
}

/// The elements of a comma-separated list (RFC 3261 §7.3.1), trimmed; commas in quotes and `<...>` do not separate.
pub fn elements(bytes: &[u8]) -> Elements<'_> {
    Elements { rest: Some(bytes) }
}

/// See [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        match find_outside(rest, b',') {
            Some(at) => {
                self.rest = Some(&rest[at + 1..]);
                Some(trim(&rest[..at]))
            }
            None => {
                self.rest = None;
                Some(trim(rest))
            }
        }
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quotes_and_angles_do_not_separate() {
        let value = b"\"a, \\\"b\" <sip:x;p=1,2>;q=1 , <sip:y>";
        let parts: Vec<&[u8]> = elements(value).collect();
        assert_eq!(parts, [&b"\"a, \\\"b\" <sip:x;p=1,2>;q=1"[..], b"<sip:y>"]);
    }

    #[test]
    fn a_number_is_digits_only_and_never_wraps() {
        assert_eq!(number::<u32>(b" 0009 "), Some(9));
        assert_eq!(number::<u32>(b"4294967296"), None);
        assert_eq!(number::<u32>(b"-1"), None);
        assert_eq!(number::<u64>(b"99999999999999999999999"), None);
    }

    #[test]
    fn a_quoted_string_loses_its_escapes() {
        assert_eq!(unquote(br#""a\"b\\c""#).as_ref(), br#"a"b\c"#);
        assert_eq!(quoted_end(br#""open\""#), None);
    }
}
