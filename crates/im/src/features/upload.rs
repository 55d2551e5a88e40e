//! HTTP File Upload (XEP-0363) at `upload.` under the domain: who may send a file gets a slot for it. The file itself
//! comes in over HTTP, where `web` knows the slot from the store.

use std::time::Duration;

use model::Jid;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{Upload, UploadId, UploadQuota};
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
pub(crate) use xmpp::xep::upload::NS;
use xmpp::xep::upload::{self, Request};
use xmpp::{Condition, Element, Stanza, StanzaError};

use super::ping;
use crate::acceptance::storage_error;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "upload", specs: &[Spec::xep(363, "1.1.0")], disco: &[], account: &[] };

/// The time that quotas count in.
const QUOTA_TIME: Duration = Duration::from_secs(24 * 3_600);
/// A file's name, in bytes; a longer one loses its middle.
const NAME_BYTES_MAX: usize = 200;
/// A media type, in bytes.
const TYPE_BYTES_MAX: usize = 200;
/// Random bytes of what allows to fill a slot.
const TOKEN_BYTES: usize = 20;
/// What needs no escaping in a part of an address (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The service among what the server offers.
pub(crate) fn service_item(im: &Im) -> Option<Element> {
    let service = im.services.upload()?;
    Some(Element::new("item", ITEMS).with_attr("jid", service.as_str()).with_attr("name", "Files"))
}

/// What is asked of the service.
pub(crate) async fn answer(im: &Im, asker: &Jid, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    match (stanza.type_().as_deref(), payload.ns(), payload.name()) {
        (Some("get"), INFO, "query") => info(im, &payload).map(Some),
        (Some("get"), ITEMS, "query") => Ok(Some(Element::new("query", ITEMS))),
        (Some("get"), ping::NS, "ping") => Ok(None),
        (Some("get"), NS, "request") => {
            let slot = slot(im, asker, &payload).await;
            let outcome = if slot.is_ok() { "given" } else { "refused" };
            metrics::counter!("carillon_upload_slots_total", "outcome" => outcome).increment(1);
            slot.map(Some)
        }
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn info(im: &Im, query: &Element) -> Result<Element, StanzaError> {
    if query.attr("node").is_some_and(|node| !node.is_empty()) {
        return Err(Condition::ItemNotFound.into());
    }
    let identities = vec![Identity::new("store", "file", "Files")];
    let features = [INFO, ITEMS, NS, ping::NS].map(str::to_owned).into();
    // §3: clients ask for nothing larger than this.
    let forms = vec![upload::form(im.limits.load().upload.file_bytes_max).to_element()];
    Ok(Info { identities, features, forms, ..Info::default() }.to_element())
}

async fn slot(im: &Im, asker: &Jid, request: &Element) -> Result<Element, StanzaError> {
    let Some(base) = &im.config.upload_url else { return Err(Condition::ServiceUnavailable.into()) };
    let limits = im.limits.load().upload;
    if asker.domain().as_str() != im.domain() || limits.user_files_a_day == 0 || limits.user_bytes_a_day == 0
    {
        return Err(StanzaError::from(Condition::Forbidden).with_text("only users of this server send files"));
    }
    let wish = Request::from_element(request)?;
    if wish.size > limits.file_bytes_max.min(limits.user_bytes_a_day) {
        return Err(upload::file_too_large(limits.file_bytes_max.min(limits.user_bytes_a_day)));
    }
    let content_type = wish.content_type.unwrap_or_default();
    if !is_media_type(&content_type) {
        return Err(StanzaError::from(Condition::NotAcceptable).with_text("that is no media type"));
    }
    let (id, now) = (UploadId::random(&im.runtime), im.runtime.timestamp());
    let (name, token) = (kept_name(&wish.filename), im.runtime.random_token(TOKEN_BYTES));
    let url = format!("{base}/upload/{id}/{}", utf8_percent_encode(&name, ESCAPED));
    let upload = Upload {
        id,
        owner: asker.to_bare(),
        name,
        content_type,
        size: wish.size,
        token: token.clone(),
        requested: now,
        stored: None,
        expires: Some(now.plus(limits.slot_time)),
    };
    let quota =
        UploadQuota { files: limits.user_files_a_day, bytes: limits.user_bytes_a_day, within: QUOTA_TIME };
    let given = im.store.upload_slot(upload, quota, limits.keep_time).await;
    match given.map_err(|error| storage_error(&error))? {
        store::Slot::Given => {
            let authorization = Some(format!("Bearer {token}"));
            Ok(upload::Slot { put: url.clone(), authorization, get: url }.to_element())
        }
        store::Slot::Exceeded(retry) => {
            let mib = limits.user_bytes_a_day >> 20;
            let text =
                format!("Quota reached. You can send {} files and {mib} MiB a day", limits.user_files_a_day);
            Err(upload::quota_reached(text, &retry.to_string()))
        }
    }
}

/// A type, a slash and a subtype of RFC 9110 §5.6.2's tokens, and anything printable as parameters; or nothing.
fn is_media_type(text: &str) -> bool {
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_printable = parameters.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let parts = essence.trim_end().split_once('/');
    text.is_empty()
        || text.len() <= TYPE_BYTES_MAX
            && is_printable
            && parts.is_some_and(|(type_, subtype)| is_token(type_) && is_token(subtype))
}

/// The name without folders and without what cannot be shown, its ending intact (§4).
fn kept_name(filename: &str) -> String {
    let last = filename.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or_default();
    // Controls, and the marks that turn the reading direction: "exe.jpg" must not read "gpj.exe".
    let is_shown =
        |c: &char| !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut name: String = last.chars().filter(is_shown).collect();
    if name.len() > NAME_BYTES_MAX {
        let ending = name.rfind('.').filter(|dot| name.len() - dot <= NAME_BYTES_MAX / 4);
        let ending = ending.map_or(String::new(), |dot| name.split_off(dot));
        let mut end = NAME_BYTES_MAX - ending.len();
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
        name.push_str(&ending);
    }
    // These are ways to other places, in addresses and in folders.
    if name.trim().is_empty() || name.chars().all(|c| c == '.') { "file".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_ending_and_loses_its_folders() {
        let table = [
            ("my-juliet.jpg", "my-juliet.jpg"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ann\\très été.txt", "très été.txt"),
            ("a/", "a"),
            ("..", "file"),
            (".", "file"),
            ("/", "file"),
            ("\r\n\0", "file"),
            ("x\u{202e}gpj.exe", "xgpj.exe"),
        ];
        for (given, kept) in table {
            assert_eq!(kept_name(given), kept, "{given:?}");
        }
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        let name = kept_name(&format!("{}.tar.gz", "ü".repeat(500)));
        assert!(name.len() <= NAME_BYTES_MAX && name.starts_with('ü') && name.ends_with(".gz"), "{name}");
        assert!(kept_name(&"x".repeat(5_000)).len() <= NAME_BYTES_MAX);
    }

    #[test]
    fn a_media_type_is_told_from_other_things() {
        for good in ["", "image/png", "text/plain; charset=utf-8", "application/vnd.a+xml"] {
            assert!(is_media_type(good), "{good}");
        }
        let long = format!("text/{}", "x".repeat(TYPE_BYTES_MAX));
        for bad in ["image", "/", "image/", "text/html\r\nX: y", "a b/c", "text/plain;\n", &long] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_says_everything_that_is_not_plain_in_percent() {
        let escaped = utf8_percent_encode("a b/?#%.txt", ESCAPED).to_string();
        assert_eq!(escaped, "a%20b%2F%3F%23%25.txt");
    }
}
