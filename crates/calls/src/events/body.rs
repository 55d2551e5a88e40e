//! A document that many watchers are told: written once, with its version put in for each of them.

use super::xml::push_escaped;

/// A document as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Body {
    text: String,
    /// Where its version stands, when it has one.
    version_at: Option<usize>,
}

impl Body {
    /// A document without a version.
    pub(super) fn plain(text: String) -> Self {
        Self { text, version_at: None }
    }

    /// Begins a document whose version comes after `head`; [`Body::plain`] is one that has none.
    pub(super) fn versioned(head: &str) -> Self {
        let mut text = String::with_capacity(512);
        text.push_str(head);
        let version_at = Some(text.len());
        Self { text, version_at }
    }

    /// Adds what is XML already.
    pub(super) fn push(&mut self, xml: &str) {
        self.text.push_str(xml);
    }

    /// Adds text.
    pub(super) fn push_escaped(&mut self, text: &str) {
        push_escaped(&mut self.text, text);
    }

    /// Writes it out with this version.
    pub(super) fn write(&self, version: u32, out: &mut Vec<u8>) {
        let (head, tail) = self.text.split_at(self.version_at.unwrap_or(self.text.len()));
        out.extend_from_slice(head.as_bytes());
        if self.version_at.is_some() {
            out.extend_from_slice(version.to_string().as_bytes());
        }
        out.extend_from_slice(tail.as_bytes());
    }

    /// How many bytes it has, with room for the version.
    pub(super) fn len(&self) -> usize {
        self.text.len() + VERSION_BYTES_MAX
    }
}

/// Digits of a version at most.
const VERSION_BYTES_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_put_in_for_each_watcher() {
        let mut body = Body::versioned("<a version=\"");
        body.push("\">");
        body.push_escaped("<");
        body.push("</a>");
        for (version, text) in
            [(0, "<a version=\"0\">&lt;</a>"), (4_000_000_000, "<a version=\"4000000000\">&lt;</a>")]
        {
            let mut out = Vec::new();
            body.write(version, &mut out);
            assert_eq!(out, text.as_bytes());
            assert!(out.len() <= body.len());
        }
        let mut out = Vec::new();
        Body::plain("<b/>".to_owned()).write(7, &mut out);
        assert_eq!(out, b"<b/>");
    }
}
