//! Cards: what vCard4 (RFC 6351) says in the words of the older one (XEP-0054), which clients ask for.

use xmpp::Element;

/// The namespace of XEP-0054.
pub(super) const NS: &str = "vcard-temp";

/// Properties with one text.
const TEXTS: &[(&str, &str, Option<&str>)] = &[
    ("fn", "FN", None),
    ("nickname", "NICKNAME", None),
    ("title", "TITLE", None),
    ("role", "ROLE", None),
    ("note", "DESC", None),
    ("bday", "BDAY", None),
    ("url", "URL", None),
    ("email", "EMAIL", Some("USERID")),
    ("tel", "TEL", Some("NUMBER")),
    ("org", "ORG", Some("ORGNAME")),
    ("impp", "JABBERID", None),
];
/// A property with several texts: its two names, and those of its parts.
type Structured = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Properties with several.
const STRUCTURED: &[Structured] = &[
    (
        "n",
        "N",
        &[
            ("surname", "FAMILY"),
            ("given", "GIVEN"),
            ("additional", "MIDDLE"),
            ("prefix", "PREFIX"),
            ("suffix", "SUFFIX"),
        ],
    ),
    (
        "adr",
        "ADR",
        &[
            ("pobox", "POBOX"),
            ("ext", "EXTADD"),
            ("street", "STREET"),
            ("locality", "LOCALITY"),
            ("region", "REGION"),
            ("code", "PCODE"),
            ("country", "CTRY"),
        ],
    ),
];

/// The card in the older words.
pub(super) fn from_vcard4(card: &Element) -> Element {
    let mut older = Element::new("vCard", NS);
    for property in card.children() {
        if let Some((_, name, inner)) = TEXTS.iter().find(|(from, ..)| *from == property.name()) {
            let text = property.children().find(|child| child.name() != "parameters").map(Element::text);
            let text = text.unwrap_or_else(|| property.text());
            let text = text.strip_prefix("tel:").or_else(|| text.strip_prefix("xmpp:")).unwrap_or(&text);
            if text.is_empty() {
                continue;
            }
            let element = Element::new(*name, NS);
            older.push(match inner {
                Some(inner) => element.with_child(Element::new(*inner, NS).with_text(text)),
                None => element.with_text(text),
            });
        } else if let Some((_, name, parts)) = STRUCTURED.iter().find(|(from, ..)| *from == property.name()) {
            let mut element = Element::new(*name, NS);
            for (from, to) in *parts {
                let text = property.children().find(|child| child.name() == *from).map(Element::text);
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    element.push(Element::new(*to, NS).with_text(text));
                }
            }
            if element.children().next().is_some() {
                older.push(element);
            }
        }
    }
    older
}

/// The card with a picture in base64, if it has none.
pub(super) fn with_picture(mut card: Element, picture: &str) -> Element {
    if card.child("PHOTO", NS).is_none() {
        let binary = Element::new("BINVAL", NS).with_text(picture);
        card.push(Element::new("PHOTO", NS).with_child(binary));
    }
    card
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_words_become_the_older() {
        let card = "<vcard xmlns='urn:ietf:params:xml:ns:vcard-4.0'><fn><text>Ann M</text></fn>\
            <n><surname>M</surname><given>Ann</given><suffix/></n><tel><uri>tel:+49</uri></tel>\
            <email><text>a@x</text></email><note/></vcard>";
        let older = from_vcard4(&Element::parse(card.as_bytes(), "").unwrap());
        assert_eq!(
            older.to_bytes(),
            "<vCard xmlns='vcard-temp'><FN>Ann M</FN><N><FAMILY>M</FAMILY><GIVEN>Ann</GIVEN></N>\
             <TEL><NUMBER>+49</NUMBER></TEL><EMAIL><USERID>a@x</USERID></EMAIL></vCard>"
        );
        let with = with_picture(older, "QQ==");
        assert_eq!(with.child("PHOTO", NS).unwrap().child("BINVAL", NS).unwrap().text(), "QQ==");
    }
}
