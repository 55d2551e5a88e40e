//! Which bytes of a file are wanted (RFC 9110 §14), and whether they are wanted at all (§13).

use axum::http::HeaderMap;
use axum::http::header::{self, HeaderName};

/// What identifies a file for conditions: it never changes under its address.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    /// With its quotes; strong.
    pub(crate) etag: String,
    /// In seconds since the epoch.
    pub(crate) modified: u64,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From the first byte to the last, both counted.
    Part(u64, u64),
    /// Bytes that are not there (§15.5.17).
    Unsatisfiable,
    /// The client has it already (§15.4.5).
    NotModified,
    /// The client wants another one (§15.5.13).
    ConditionFailed,
}

/// Decides in the order of §13.2.2.
pub(crate) fn wanted(headers: &HeaderMap, validators: &Validators, size: u64) -> Wanted {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let time = |name| text(name).and_then(http_date);
    if let Some(tags) = text(header::IF_MATCH) {
        if !any_tag(tags, |tag| tag == validators.etag) {
            return Wanted::ConditionFailed;
        }
    } else if time(header::IF_UNMODIFIED_SINCE).is_some_and(|since| validators.modified > since) {
        return Wanted::ConditionFailed;
    }
    if let Some(tags) = text(header::IF_NONE_MATCH) {
        // §13.1.2: the weak comparison.
        if any_tag(tags, |tag| tag.strip_prefix("W/").unwrap_or(tag) == validators.etag) {
            return Wanted::NotModified;
        }
    } else if time(header::IF_MODIFIED_SINCE).is_some_and(|since| validators.modified <= since) {
        return Wanted::NotModified;
    }
    // §13.1.5: a part of another version is of no use; then all of it is sent.
    let same = text(header::IF_RANGE).is_none_or(|validator| {
        validator == validators.etag || http_date(validator) == Some(validators.modified)
    });
    match text(header::RANGE) {
        Some(range) if same => part(range, size),
        _ => Wanted::Whole,
    }
}

/// The part of a `Range` header. What is not understood, and several parts at once, are ignored (§14.2).
fn part(range: &str, size: u64) -> Wanted {
    let Some((unit, set)) = range.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") || size == 0 && first.is_empty() {
        return Wanted::Whole;
    }
    let end = size.saturating_sub(1);
    match (number(first), number(last)) {
        (Number::None, Number::Some(0)) => Wanted::Unsatisfiable,
        (Number::None, Number::Some(suffix)) => Wanted::Part(size.saturating_sub(suffix), end),
        (Number::Some(first), Number::Some(last)) if last < first => Wanted::Whole,
        (Number::Some(first), Number::Some(_) | Number::None) if first >= size => Wanted::Unsatisfiable,
        (Number::Some(first), Number::Some(last)) => Wanted::Part(first, last.min(end)),
        (Number::Some(first), Number::None) => Wanted::Part(first, end),
        _ => Wanted::Whole,
    }
}

enum Number {
    None,
    Some(u64),
    Bad,
}

/// Digits; more of them than fit are as good as infinite.
fn number(text: &str) -> Number {
    if text.is_empty() {
        return Number::None;
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::Bad;
    }
    Number::Some(text.parse().unwrap_or(u64::MAX))
}

fn any_tag(tags: &str, is_same: impl Fn(&str) -> bool) -> bool {
    tags.trim() == "*" || tags.split(',').any(|tag| is_same(tag.trim()))
}

/// A date as §5.6.7 writes it, in seconds since the epoch.
fn http_date(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text).ok()?;
    time.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// Seconds since the epoch as §5.6.7 writes a date.
pub(crate) fn written(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SIZE: u64 = 1_000;
    const MODIFIED: u64 = 784_111_777;

    fn ask(fields: &[(&'static str, &str)]) -> Wanted {
        ask_of(fields, SIZE)
    }

    fn ask_of(fields: &[(&'static str, &str)], size: u64) -> Wanted {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let validators = Validators { etag: "\"a\"".to_owned(), modified: MODIFIED };
        wanted(&fields.iter().map(field).collect(), &validators, size)
    }

    #[test]
    fn a_part_is_taken_at_its_word() {
        let table = [
            ("bytes=0-499", Wanted::Part(0, 499)),
            ("bytes=500-", Wanted::Part(500, 999)),
            ("bytes=-500", Wanted::Part(500, 999)),
            ("bytes=-5000", Wanted::Part(0, 999)),
            ("bytes=999-999", Wanted::Part(999, 999)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0, 999)),
            ("Bytes= 1-2", Wanted::Part(1, 2)),
            ("bytes=1000-", Wanted::Unsatisfiable),
            ("bytes=1000-2000", Wanted::Unsatisfiable),
            ("bytes=99999999999999999999999-", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=5-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=0-1, 2-3", Wanted::Whole),
            ("items=0-5", Wanted::Whole),
            ("bytes", Wanted::Whole),
        ];
        for (range, expected) in table {
            assert_eq!(ask(&[("range", range)]), expected, "{range}");
        }
        assert_eq!(ask_of(&[("range", "bytes=0-0")], 0), Wanted::Unsatisfiable);
        assert_eq!(ask_of(&[("range", "bytes=-1")], 0), Wanted::Whole);
        assert_eq!(ask(&[]), Wanted::Whole);
    }

    #[test]
    fn conditions_are_tried_in_their_order() {
        let date = written(MODIFIED);
        assert_eq!(date, "Sun, 06 Nov 1994 08:49:37 GMT");
        let (before, after) = (written(MODIFIED - 1), written(MODIFIED + 1));
        let table: &[(&[(&'static str, &str)], Wanted)] = &[
            (&[("if-none-match", "\"a\"")], Wanted::NotModified),
            (&[("if-none-match", "\"b\", W/\"a\"")], Wanted::NotModified),
            (&[("if-none-match", "*")], Wanted::NotModified),
            (&[("if-none-match", "\"b\""), ("if-modified-since", &after)], Wanted::Whole),
            (&[("if-modified-since", &date)], Wanted::NotModified),
            (&[("if-modified-since", &before)], Wanted::Whole),
            (&[("if-modified-since", "yesterday")], Wanted::Whole),
            (&[("if-match", "\"b\"")], Wanted::ConditionFailed),
            (&[("if-match", "W/\"a\"")], Wanted::ConditionFailed),
            (&[("if-match", "\"a\"")], Wanted::Whole),
            (&[("if-unmodified-since", &before)], Wanted::ConditionFailed),
            (&[("if-unmodified-since", &date)], Wanted::Whole),
            (&[("range", "bytes=0-0"), ("if-range", "\"a\"")], Wanted::Part(0, 0)),
            (&[("range", "bytes=0-0"), ("if-range", "\"b\"")], Wanted::Whole),
            (&[("range", "bytes=0-0"), ("if-range", "W/\"a\"")], Wanted::Whole),
            (&[("range", "bytes=0-0"), ("if-range", &date)], Wanted::Part(0, 0)),
            (&[("range", "bytes=0-0"), ("if-range", &after)], Wanted::Whole),
            (&[("range", "bytes=0-0"), ("if-none-match", "\"a\"")], Wanted::NotModified),
        ];
        for (fields, expected) in table {
            assert_eq!(ask(fields), *expected, "{fields:?}");
        }
    }
}
