//! XMPP streams: what the framer accepts rxml accepts too, however the bytes came in, and what is forwarded
//! is what the reference says.

use xmpp::{ContentNamespace, Context, Frame, Framer, Kind, Limits, Stamp, Stanza, StreamError, ns};

use crate::oracle::{Choices, Tree, document, forwarded, from_element, read, read_inside};

const HEADER: &[u8] = b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client' xmlns:o='urn:o'>";
const CONTEXTS: [Context; 5] =
    [Context::Client, Context::Server, Context::Component, Context::Framed, Context::Forwarded];

/// A stream: the first byte says what it is made of, the next ones where it is cut.
pub fn xml_stream(bytes: &[u8]) {
    let [shape, a, b, c, rest @ ..] = bytes else { return };
    let (content, stream) = match shape % 4 {
        0 => (ContentNamespace::Client, rest.to_vec()),
        1 => (ContentNamespace::Client, [HEADER, rest].concat()),
        _ => {
            let document = document(&mut Choices(rest));
            (document.content, format!("{}{}", document.header, document.stanza).into_bytes())
        }
    };
    let whole = frames(content, &[&stream]);
    let mut cuts = [a, b, c].map(|cut| usize::from(*cut) % (stream.len() + 1));
    cuts.sort_unstable();
    let [a, b, c] = cuts;
    let cut = frames(content, &[&stream[..a], &stream[a..b], &stream[b..c], &stream[c..]]);
    assert_eq!(cut.short(), whole.short());
    if stream.len() < 2_000 {
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(frames(content, &single).short(), whole.short());
    }
    judge(&whole, &stream);
}

struct Outcome {
    lang: Option<String>,
    stanzas: Vec<Stanza>,
    other: Vec<String>,
    error: Option<StreamError>,
}

impl Outcome {
    fn short(&self) -> String {
        format!("{:?} {:?} {:?}", self.stanzas, self.other, self.error)
    }
}

fn frames(content: ContentNamespace, pieces: &[&[u8]]) -> Outcome {
    let limits = Limits::signed_in();
    let mut framer = Framer::new(content, limits);
    let mut outcome = Outcome { lang: None, stanzas: Vec::new(), other: Vec::new(), error: None };
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Stanza(stanza))) => outcome.stanzas.push(stanza),
                Ok(Some(Frame::Open(header))) => {
                    outcome.other.push(format!("{header:?}"));
                    outcome.lang = header.lang;
                }
                Ok(Some(Frame::Close)) => outcome.other.push("close".to_owned()),
                Ok(None) => break,
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        assert!(framer.pending_bytes() <= limits.stanza_bytes_max as usize);
    }
    outcome
}

/// Holds each accepted stanza against what rxml read.
fn judge(outcome: &Outcome, stream: &[u8]) {
    if outcome.stanzas.is_empty() {
        return;
    }
    let (trees, fault) = read(stream);
    assert!(!trees.is_empty(), "{fault:?}");
    let trees: Vec<&Tree> = trees[0].children().collect();
    assert!(trees.len() >= outcome.stanzas.len(), "{fault:?}");
    for (stanza, tree) in outcome.stanzas.iter().zip(trees) {
        if stanza.kind() == Kind::Other {
            if !ns::is_content(&stanza.ns()) {
                assert_eq!(from_element(&stanza.element()), *tree);
            }
            continue;
        }
        for context in CONTEXTS {
            let written = stanza.to_bytes(context, &Stamp::default().from("a@b/c"));
            let around = if context.names_content() { "urn:around" } else { context.content() };
            assert_eq!(read_inside(&written, around), forwarded(tree, context, "a@b/c", outcome.lang.as_deref()));
        }
        let _ = (stanza.text(), stanza.attr("x"), stanza.to(), stanza.lang());
        for child in stanza.children() {
            assert!(stanza.has_child(child.name(), &child.ns()));
            assert!(child.element().is(child.name(), &child.ns()));
        }
    }
}
