//! Secrets of a message taken out, before anybody sees it: credentials, media keys, keys that were pressed.

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// Header fields with proofs of passwords (RFC 3261 §20.7, §20.28, §20.6; RFC 7615).
const FIELDS: [&str; 4] =
    ["Authorization", "Proxy-Authorization", "Authentication-Info", "Proxy-Authentication-Info"];
/// Attributes of a description with keys of media (RFC 4568 §4), of ICE (RFC 8839 §5.4), and the like.
const ATTRIBUTES: [&str; 3] = ["a=crypto:", "a=ice-pwd:", "a=key-mgmt:"];

/// The message as text, without its secrets. What is not UTF-8 is shown by a replacement character.
pub fn redacted(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let (head, body) = match text.find("\r\n\r\n") {
        Some(end) => (&text[..end], Some(&text[end + 4..])),
        None => (&*text, None),
    };
    let mut out = redacted_head(head);
    if let Some(body) = body {
        out.push_str("\r\n\r\n");
        if names_keys(head) && !body.is_empty() {
            out.push_str(HIDDEN);
        } else {
            out.push_str(&redacted_body(body));
        }
    }
    out
}

/// Is the body a key that somebody pressed? People give their PINs by them, in one of two ways
/// (`application/dtmf-relay`, `application/dtmf`), and neither is worth reading line by line.
fn names_keys(head: &str) -> bool {
    head.split("\r\n").filter_map(|line| line.split_once(':')).any(|(name, value)| {
        let name = name.trim_end();
        (name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("c"))
            && starts_with(value.trim_start(), "application/dtmf")
    })
}

fn redacted_head(head: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut hides = false;
    for line in head.split("\r\n") {
        // RFC 3261 §7.3.1: a line that begins with white space goes on with the one before.
        if line.starts_with([' ', '\t']) {
            if !hides {
                lines.push(line.to_owned());
            }
            continue;
        }
        let name = line.split(':').next().unwrap_or_default().trim_end();
        hides = FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name));
        lines.push(if hides { format!("{name}: {HIDDEN}") } else { line.to_owned() });
    }
    lines.join("\r\n")
}

fn redacted_body(body: &str) -> String {
    body.split_inclusive('\n').map(redacted_line).collect()
}

fn redacted_line(line: &str) -> String {
    let text = line.trim_end_matches(['\r', '\n']);
    let end = &line[text.len()..];
    for attribute in ATTRIBUTES {
        if starts_with(text, attribute) {
            // The tag and the suite of a=crypto are no secret, and tell what was agreed.
            let shown = match attribute {
                "a=crypto:" => text.find("inline:").map_or(attribute, |at| &text[..at + "inline:".len()]),
                _ => attribute,
            };
            return format!("{shown}{HIDDEN}{end}");
        }
    }
    // RFC 4566 §5.12: the key of old.
    if starts_with(text, "k=") {
        return format!("k={HIDDEN}{end}");
    }
    line.to_owned()
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_with_all_their_lines() {
        let text = "INVITE sip:b@h SIP/2.0\r\nauthorization : Digest username=\"1001\",\r\n response=\"cafe\"\r\n\
             Proxy-Authorization: Digest response=\"beef\"\r\nAuthentication-Info: rspauth=\"dead\"\r\n\
             Subject: a\r\n long one\r\nWWW-Authenticate: Digest nonce=\"n\"\r\n\r\n";
        assert_eq!(
            redacted(text.as_bytes()),
            "INVITE sip:b@h SIP/2.0\r\nauthorization: (hidden)\r\nProxy-Authorization: (hidden)\r\n\
             Authentication-Info: (hidden)\r\nSubject: a\r\n long one\r\nWWW-Authenticate: Digest nonce=\"n\"\r\n\r\n"
        );
    }

    #[test]
    fn keys_of_media_are_hidden_and_what_was_agreed_stays() {
        let text = "SIP/2.0 200 OK\r\n\r\nv=0\r\nk=clear:cafe\r\na=ice-ufrag:u\r\na=ice-pwd:beef\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:dead|2^20\nA=CRYPTO:2 odd\r\na=sendrecv\r\n";
        assert_eq!(
            redacted(text.as_bytes()),
            "SIP/2.0 200 OK\r\n\r\nv=0\r\nk=(hidden)\r\na=ice-ufrag:u\r\na=ice-pwd:(hidden)\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:(hidden)\na=crypto:(hidden)\r\na=sendrecv\r\n"
        );
    }

    #[test]
    fn keys_that_were_pressed_are_hidden() {
        for head in [
            "Content-Type: application/dtmf-relay",
            "c : application/dtmf",
            "CONTENT-TYPE:Application/DTMF;x=y",
        ] {
            for body in ["Signal=5\r\nDuration=160\r\n", " Signal=5", "5"] {
                let text = format!("INFO sip:b@h SIP/2.0\r\n{head}\r\n\r\n{body}");
                assert_eq!(
                    redacted(text.as_bytes()),
                    format!("INFO sip:b@h SIP/2.0\r\n{head}\r\n\r\n(hidden)")
                );
            }
        }
    }

    #[test]
    fn a_message_that_was_cut_in_its_head_or_is_no_text_is_shown_as_far_as_it_goes() {
        assert_eq!(redacted(b"INVITE x\r\nAuthorization: Dig"), "INVITE x\r\nAuthorization: (hidden)");
        assert_eq!(redacted(b"INVITE \xff\r\n\r\n\xfe"), "INVITE \u{fffd}\r\n\r\n\u{fffd}");
    }
}
