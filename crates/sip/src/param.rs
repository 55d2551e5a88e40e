//! Parameters behind a value: `;name=value;flag` (RFC 3261 §25.1 `generic-param`).

use std::borrow::Cow;

use crate::scan;

/// The parameters of one value, as a view over `;name=value;...`; the text before the first semicolon is not part of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a>(&'a [u8]);

impl<'a> Params<'a> {
    /// A view over `bytes`, which are empty or begin with a semicolon (white space allowed).
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All parameters in order: name, and the value as it stands (quotes included) if there is one.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            loop {
                let at = scan::find_outside(rest, b';')?;
                rest = &rest[at + 1..];
                let end = scan::find_outside(rest, b';').unwrap_or(rest.len());
                let item = &rest[..end];
                if scan::trim(item).is_empty() {
                    continue;
                }
                return Some(match memchr::memchr(b'=', item) {
                    Some(equals) => (scan::trim(&item[..equals]), Some(scan::trim(&item[equals + 1..]))),
                    None => (scan::trim(item), None),
                });
            }
        })
    }

    /// The raw value of the first parameter called `name` (in any case); `Some(None)` for a bare flag.
    pub fn find(self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The raw value of the parameter called `name`; `None` when it is absent or has none.
    pub fn value(self, name: &[u8]) -> Option<&'a [u8]> {
        self.find(name).flatten()
    }

    /// The value of `name` without quotes and escapes.
    pub fn unquoted(self, name: &[u8]) -> Option<Cow<'a, [u8]>> {
        self.value(name).map(scan::unquote)
    }

    /// Is there a parameter called `name`, with or without a value?
    pub fn has(self, name: &[u8]) -> bool {
        self.find(name).is_some()
    }

    /// The value of `name` as a number; `None` when it is absent or not a number.
    pub fn number<T: TryFrom<u64>>(self, name: &[u8]) -> Option<T> {
        self.value(name).and_then(scan::number)
    }

    /// The parameters as they stand, from the first semicolon on.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Does every parameter follow the grammar: `;token` or `;token=value`, nothing empty between?
    pub fn is_well_formed(self) -> bool {
        let mut rest = scan::trim(self.0);
        while !rest.is_empty() {
            let [b';', tail @ ..] = rest else { return false };
            let end = scan::find_outside(tail, b';').unwrap_or(tail.len());
            let item = scan::trim(&tail[..end]);
            let (name, value) = match memchr::memchr(b'=', item) {
                Some(equals) => (scan::trim(&item[..equals]), Some(scan::trim(&item[equals + 1..]))),
                None => (item, None),
            };
            if !scan::is_token(name) || value.is_some_and(|v| !is_value(v)) {
                return false;
            }
            rest = &tail[end..];
        }
        true
    }
}

/// `gen-value = token / host / quoted-string`; a host may be an IPv6 reference.
fn is_value(value: &[u8]) -> bool {
    match value {
        [b'"', ..] => scan::quoted_end(value) == Some(value.len()),
        // COMPAT: many phones put unquoted text such as `a/b` or `x:y` here. White space, quotes and angle brackets
        // are not it: an open one would hide what is written behind it.
        [_, ..] => value.iter().all(|b| !matches!(b, b' ' | b'\t' | b'"' | b',' | b'<' | b'>')),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_and_values_lose_their_quotes() {
        let params = Params::new(b" ; Tag = abc;lr;x=\"a;b\"");
        assert_eq!(params.value(b"tag"), Some(&b"abc"[..]));
        assert_eq!(params.find(b"LR"), Some(None));
        assert_eq!(params.unquoted(b"x").unwrap().as_ref(), b"a;b");
        assert!(!params.has(b"b\""));
    }

    #[test]
    fn empty_parameters_are_not_well_formed() {
        assert!(Params::new(b";a=b ;c").is_well_formed());
        assert!(Params::new(b"").is_well_formed());
        for bad in [&b";;a"[..], b";a=", b"a", b";a b", b";a=\"x", b";a=1<2"] {
            assert!(!Params::new(bad).is_well_formed(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
