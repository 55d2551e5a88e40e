//! What a file is served as: a short list of types is shown, all else is saved (RFC 6266), whatever its user called it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What browsers only ever show, never run. Not among them: SVG and HTML (scripts), PDF (scripts and forms), XML
/// (style sheets).
const SHOWN: &[&str] = &[
    "audio/aac",
    "audio/flac",
    "audio/mp4",
    "audio/mpeg",
    "audio/ogg",
    "audio/opus",
    "audio/wav",
    "audio/webm",
    "audio/x-m4a",
    "audio/x-wav",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/webp",
    "video/mp4",
    "video/mpeg",
    "video/ogg",
    "video/quicktime",
    "video/webm",
];
/// Text is text, whatever it looks like.
const TEXT: &str = "text/plain; charset=utf-8";
/// What nobody shows.
const OTHER: &str = "application/octet-stream";
/// What may stand unescaped in an extended value (RFC 8187 §3.2.1).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The `Content-Type` and `Content-Disposition` that a file is served with.
pub(crate) fn served(content_type: &str, name: &str) -> (&'static str, String) {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let shown = match essence.as_str() {
        "text/plain" => Some(TEXT),
        other => SHOWN.iter().copied().find(|shown| *shown == other),
    };
    let disposition = if shown.is_some() { "inline" } else { "attachment" };
    let name = utf8_percent_encode(name, ESCAPED);
    (shown.unwrap_or(OTHER), format!("{disposition}; filename*=UTF-8''{name}"))
}

/// Is it of a type that a small picture can be made of?
pub(crate) fn is_picture(content_type: &str) -> bool {
    matches!(served(content_type, "").0, "image/gif" | "image/jpeg" | "image/png" | "image/webp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_run_is_saved() {
        for type_ in [
            "",
            "text/html",
            "TEXT/HTML; charset=utf-8",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/pdf",
            "text/xml",
            "text/javascript",
            "application/javascript",
            "application/x-shockwave-flash",
            "text/css",
            "message/rfc822",
            "multipart/related",
            "text/plain/html",
            "image/png,text/html",
        ] {
            let (served, disposition) = served(type_, "x.html");
            assert_eq!((served, disposition.split(';').next()), (OTHER, Some("attachment")), "{type_}");
        }
    }

    #[test]
    fn pictures_and_text_are_shown() {
        assert_eq!(served("image/png", "a.png"), ("image/png", "inline; filename*=UTF-8''a.png".to_owned()));
        assert_eq!(served("Image/PNG; x=y", "").0, "image/png");
        assert_eq!(served("text/plain; charset=utf-7", "").0, TEXT);
    }

    #[test]
    fn a_name_cannot_end_the_header() {
        let (_, disposition) = served("image/png", "a\"; x=\r\nSet-Cookie: b\u{e9}.png");
        assert_eq!(disposition, "inline; filename*=UTF-8''a%22%3B%20x%3D%0D%0ASet-Cookie%3A%20b%C3%A9.png");
    }
}
