//! Invitations to make an account (XEP-0401, XEP-0445): their links, and how a link's token is shown to the server.

use crate::{Element, Stanza};

/// The namespace of a token that is shown (XEP-0379, XEP-0445 §4).
pub const NS: &str = "urn:xmpp:pars:0";
/// The stream feature of a server that takes them (XEP-0445 §3).
pub const FEATURE: &str = "<register xmlns='urn:xmpp:ibr-token:0'/>";
/// The command that invites a contact (XEP-0401 §3).
pub const INVITE: &str = "urn:xmpp:invite#invite";
/// The command that invites to an account.
pub const CREATE_ACCOUNT: &str = "urn:xmpp:invite#create-account";
/// The kind of the form with the link (XEP-0401 §5.1).
pub const RESULT: &str = "urn:xmpp:invite#invitation";
/// The longest token that is looked at, in bytes.
pub const TOKEN_BYTES_MAX: usize = 256;

/// The token in a `<preauth/>`.
pub fn token(preauth: &Element) -> Option<&str> {
    preauth.attr("token").filter(|token| (1..=TOKEN_BYTES_MAX).contains(&token.len()))
}

/// Does the stanza show a token?
pub fn is_shown(stanza: &Stanza) -> bool {
    stanza.first_child().is_some_and(|child| child.name() == "preauth" && child.ns() == NS)
}

/// A link to make an account, of a chosen name or of any (XEP-0445 §2.1, §2.2).
pub fn account_link(username: Option<&str>, domain: &str, token: &str) -> String {
    let domain = escaped(domain);
    let address = username.map_or(domain.clone(), |username| format!("{}@{domain}", escaped(username)));
    format!("xmpp:{address}?register;preauth={}", escaped(token))
}

/// A link to become a contact of `inviter`, by an account that may be made with it (XEP-0401 §5.1).
pub fn contact_link(username: &str, domain: &str, token: &str) -> String {
    let (username, domain) = (escaped(username), escaped(domain));
    format!("xmpp:{username}@{domain}?roster;preauth={};ibr=y", escaped(token))
}

/// RFC 5122 §2.7: what is not unreserved is escaped.
fn escaped(part: &str) -> String {
    let mut text = String::with_capacity(part.len());
    for byte in part.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// XEP-0445 §2, XEP-0401 §5.1.
    #[test]
    fn links_have_the_forms_of_the_specifications() {
        assert_eq!(
            account_link(Some("juliet"), "example.com", "TOKEN"),
            "xmpp:juliet@example.com?register;preauth=TOKEN"
        );
        assert_eq!(account_link(None, "example.com", "TOKEN"), "xmpp:example.com?register;preauth=TOKEN");
        assert_eq!(
            contact_link("inviter", "example.com", "TOKEN"),
            "xmpp:inviter@example.com?roster;preauth=TOKEN;ibr=y"
        );
    }

    #[test]
    fn a_name_cannot_add_to_a_link() {
        let link = contact_link("a;b?c#d", "example.com", "T");
        assert_eq!(link, "xmpp:a%3Bb%3Fc%23d@example.com?roster;preauth=T;ibr=y");
        assert_eq!(
            account_link(Some("jörg"), "example.com", "T"),
            "xmpp:j%C3%B6rg@example.com?register;preauth=T"
        );
    }

    #[test]
    fn a_token_has_a_length() {
        let preauth = |token: &str| Element::new("preauth", NS).with_attr("token", token);
        assert_eq!(token(&preauth("TOKEN")), Some("TOKEN"));
        assert_eq!(token(&preauth("")), None);
        assert_eq!(token(&preauth(&"x".repeat(TOKEN_BYTES_MAX + 1))), None);
        assert_eq!(token(&Element::new("preauth", NS)), None);
    }
}
