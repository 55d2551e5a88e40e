//! Reading XML in a stream: XEP-0227 documents step by step, and single elements, both bounded.
//!
//! The parser knows no document types, no entities of documents' own and no processing instructions: there is nothing
//! external that it could fetch. XInclude is done here, and only for files beside the document (XEP-0227 §5).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rxml::parser::CommentMode;
use rxml::{Event, Options, Reader};
use xmpp::Element;

use super::{AccountHead, Broken, DEPTH_MAX, MAM, PART_BYTES_MAX, PIE, PIE_EARLY, Place, Step};

/// The namespace of XInclude.
const INCLUDE: &str = "http://www.w3.org/2001/XInclude";
/// PubSub (XEP-0060).
const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// Files that include each other.
const INCLUDES_MAX: usize = 4;
/// One name or attribute value, in bytes; text comes in pieces of at most this.
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// Bytes that are read from a file at once.
const BUFFER_BYTES: usize = 64 << 10;

/// A reader that knows the line. What stands in its buffer is not counted yet.
struct Lines<R> {
    inner: BufReader<R>,
    line: u64,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.line += newlines(&into[..read]);
        Ok(read)
    }
}

impl<R: Read> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let buffer = self.inner.buffer();
        self.line += newlines(&buffer[..amount.min(buffer.len())]);
        self.inner.consume(amount);
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn reader<R: Read>(from: R) -> Reader<Lines<R>> {
    let options =
        Options { max_token_length: TOKEN_BYTES_MAX, comments: CommentMode::Discard, ..Options::default() };
    Reader::with_options(Lines { inner: BufReader::with_capacity(BUFFER_BYTES, from), line: 1 }, options)
}

/// Reads one element that stands alone.
///
/// # Errors
/// It is not well-formed, or too large.
pub fn element(text: &str) -> Result<Element, String> {
    let mut reader = reader(text.as_bytes());
    let mut growing = Growing::default();
    loop {
        match reader.read().map_err(|error| error.to_string())? {
            Some(event) => {
                if let Some(done) = growing.take(event)? {
                    return Ok(done);
                }
            }
            None => return Err("the element has no end".to_owned()),
        }
    }
}

/// An element that grows event by event.
#[derive(Default)]
struct Growing {
    open: Vec<Element>,
    bytes: usize,
}

impl Growing {
    fn take(&mut self, event: Event) -> Result<Option<Element>, String> {
        self.bytes += event.metrics().len();
        if self.bytes > PART_BYTES_MAX {
            return Err(format!("one element is larger than {} MiB", PART_BYTES_MAX >> 20));
        }
        match event {
            Event::StartElement(_, name, attributes) => {
                if self.open.len() >= DEPTH_MAX {
                    return Err(format!("more than {DEPTH_MAX} elements are inside each other"));
                }
                self.open.push(started(&name, &attributes));
            }
            Event::Text(_, text) => {
                if let Some(element) = self.open.last_mut() {
                    element.push_text(text);
                }
            }
            Event::EndElement(_) => {
                let Some(done) = self.open.pop() else { return Ok(None) };
                match self.open.last_mut() {
                    Some(parent) => parent.push(done),
                    None => {
                        self.bytes = 0;
                        return Ok(Some(done));
                    }
                }
            }
            Event::XmlDeclaration(..) => {}
        }
        Ok(None)
    }
}

fn started(name: &rxml::QName, attributes: &rxml::AttrMap) -> Element {
    let mut element = Element::new(name.1.to_string(), name.0.to_string());
    for ((space, name), value) in attributes {
        element.set_attr_ns(name.to_string(), space.to_string(), value.as_str());
    }
    element
}

/// Where in a document we are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    /// `<server-data/>`.
    Server,
    /// `<host/>`.
    Host,
    /// `<user/>`.
    User,
    /// An element whose children are taken one by one; the name of what is put around each again.
    Container(Option<(&'static str, &'static str)>),
}

struct Source {
    path: Arc<Path>,
    reader: Reader<Lines<File>>,
}

/// A document with what it includes.
pub struct Document {
    base: PathBuf,
    sources: Vec<Source>,
    levels: Vec<Level>,
    host: String,
    growing: Growing,
    /// Where the growing element began.
    began: u64,
    /// Elements inside one that is left out.
    skipped: usize,
    /// What is read when the `<include/>` has ended.
    included: Option<PathBuf>,
}

impl Document {
    /// Opens a document.
    ///
    /// # Errors
    /// There is no such file.
    pub fn open(path: &Path) -> Result<Self, Broken> {
        let base = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut document = Self {
            base,
            sources: Vec::new(),
            levels: Vec::new(),
            host: String::new(),
            growing: Growing::default(),
            began: 0,
            skipped: 0,
            included: None,
        };
        document.push(path)?;
        Ok(document)
    }

    fn push(&mut self, path: &Path) -> Result<(), Broken> {
        let place = Place::file(path);
        let file = File::open(path).map_err(|error| place.clone().broken(error.to_string()))?;
        if file.metadata().is_ok_and(|about| about.is_dir()) {
            return Err(place.broken("this is a folder; name the main file in it"));
        }
        self.sources.push(Source { path: path.into(), reader: reader(file) });
        Ok(())
    }

    fn place(&self, line: u64) -> Place {
        let file =
            self.sources.last().map_or_else(|| Path::new("").into(), |source| Arc::clone(&source.path));
        Place { file, line }
    }

    fn line(&self) -> u64 {
        self.sources.last().map_or(0, |source| source.reader.inner().line)
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// The document is not well-formed, or is something else.
    pub fn step(&mut self) -> Result<Option<(Place, Step)>, Broken> {
        loop {
            let Some(source) = self.sources.last_mut() else { return Ok(None) };
            let event = source.reader.read();
            let line = self.line();
            match event {
                Err(error) => return Err(self.place(line).broken(unreadable(&error))),
                Ok(None) => drop(self.sources.pop()),
                Ok(Some(event)) => {
                    if let Some((began, step)) = self.event(event, line)? {
                        return Ok(Some((self.place(began), step)));
                    }
                }
            }
        }
    }

    fn event(&mut self, event: Event, line: u64) -> Result<Option<(u64, Step)>, Broken> {
        if self.skipped > 0 {
            match event {
                Event::StartElement(..) => self.skipped += 1,
                Event::EndElement(_) => self.skipped -= 1,
                _ => {}
            }
            if self.skipped == 0
                && let Some(path) = self.included.take()
            {
                self.push(&path)?;
            }
            return Ok(None);
        }
        match &event {
            Event::StartElement(_, name, attributes) if name.0.as_str() == INCLUDE => {
                if name.1.as_str() == "include" {
                    let attributes = started(name, attributes);
                    self.include(&attributes, line)?;
                }
                self.skipped = 1;
                Ok(None)
            }
            _ if !self.growing.open.is_empty() => self.grow(event, line),
            Event::StartElement(_, name, attributes) => {
                let started = started(name, attributes);
                self.start(started, event, line)
            }
            Event::EndElement(_) => Ok(self.end(line)),
            _ => Ok(None),
        }
    }

    fn start(&mut self, element: Element, event: Event, line: u64) -> Result<Option<(u64, Step)>, Broken> {
        let pie = matches!(element.ns(), PIE | PIE_EARLY);
        let entered = match (self.levels.last(), element.name()) {
            (None, "server-data") if pie => Some(Level::Server),
            (None | Some(Level::Server), "host") if pie => Some(Level::Host),
            (None, "user") if pie => {
                let message = "this file is one user's: import the file of the host or of the server";
                return Err(self.place(line).broken(message));
            }
            (None, _) => {
                let message =
                    "this is no XEP-0227 document: its first element is not <server-data/> or <host/>";
                return Err(self.place(line).broken(message));
            }
            (Some(Level::Host), "user") if pie => Some(Level::User),
            (Some(Level::User), "offline-messages") => Some(Level::Container(None)),
            (Some(Level::User), "archive") if element.ns() == MAM => Some(Level::Container(None)),
            (Some(Level::User), "pubsub") if element.ns() == PUBSUB => {
                Some(Level::Container(Some(("pubsub", PUBSUB))))
            }
            _ => None,
        };
        match entered {
            Some(level) => {
                self.levels.push(level.clone());
                match level {
                    Level::Host => {
                        self.host = element.attr("jid").unwrap_or_default().to_owned();
                        Ok(None)
                    }
                    Level::User => {
                        let head = AccountHead {
                            name: element.attr("name").unwrap_or_default().to_owned(),
                            host: self.host.clone(),
                            password: element.attr("password").map(str::to_owned),
                            again: false,
                        };
                        Ok(Some((line, Step::Account(head))))
                    }
                    _ => Ok(None),
                }
            }
            None if matches!(self.levels.last(), Some(Level::User | Level::Container(_))) => {
                self.began = line;
                self.grow(event, line)
            }
            None => {
                self.skipped = 1;
                let text = format!("<{} xmlns='{}'/> is not known here", element.name(), element.ns());
                Ok(Some((line, Step::LeftOut(text))))
            }
        }
    }

    fn grow(&mut self, event: Event, line: u64) -> Result<Option<(u64, Step)>, Broken> {
        match self.growing.take(event) {
            Ok(None) => Ok(None),
            Ok(Some(done)) => {
                let part = match self.levels.last() {
                    Some(Level::Container(Some((name, ns)))) => Element::new(*name, *ns).with_child(done),
                    _ => done,
                };
                Ok(Some((self.began, Step::Part(part))))
            }
            Err(message) => Err(self.place(line).broken(message)),
        }
    }

    fn end(&mut self, line: u64) -> Option<(u64, Step)> {
        let left = self.levels.pop()?;
        (left == Level::User).then_some((line, Step::End))
    }

    /// XEP-0227 §5: relative files, without `parse` and `xpointer`. None outside of the document's own folder.
    fn include(&mut self, include: &Element, line: u64) -> Result<(), Broken> {
        let refuse = |message: String| Err(self.place(line).broken(message));
        let Some(href) = include.attr("href") else {
            return refuse("an <include/> names no file".to_owned());
        };
        if include.attr("parse").is_some_and(|parse| parse != "xml") || include.attr("xpointer").is_some() {
            return refuse("an <include/> asks for more than a whole file".to_owned());
        }
        let relative = Path::new(href);
        let inside =
            relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if href.is_empty() || href.contains(':') || !inside {
            return refuse(format!("{href:?} is not a file in the document's own folder: it is not opened"));
        }
        if self.sources.len() > INCLUDES_MAX || self.growing.open.len() > DEPTH_MAX / 2 {
            return refuse(format!("more than {INCLUDES_MAX} files include each other"));
        }
        // XInclude resolves against the including file.
        let folder = self.sources.last().and_then(|source| source.path.parent()).unwrap_or(&self.base);
        let path = folder.join(relative);
        let real = |path: &Path| path.canonicalize().map_err(|error| format!("{}: {error}", path.display()));
        let base = if self.base.as_os_str().is_empty() { Path::new(".") } else { &self.base };
        match (real(&path), real(base)) {
            (Ok(path), Ok(base)) if path.starts_with(&base) => {}
            (Ok(_), Ok(_)) => return refuse(format!("{href:?} leads out of the document's own folder")),
            (Err(error), _) | (_, Err(error)) => return refuse(error),
        }
        self.included = Some(path);
        Ok(())
    }
}

fn unreadable(error: &std::io::Error) -> String {
    format!("this cannot be read on: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(text: &[u8]) -> Result<Vec<(u64, Step)>, Broken> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.xml");
        std::fs::write(&path, text).unwrap();
        let mut document = Document::open(&path)?;
        let mut steps = Vec::new();
        while let Some((place, step)) = document.step()? {
            steps.push((place.line, step));
        }
        Ok(steps)
    }

    #[test]
    fn a_document_is_told_step_by_step_with_lines() {
        let text = b"<server-data xmlns='http://www.xmpp.org/extensions/xep-0227.html#ns'>\n<host jid='x'>\n\
            <user name='a' password='p'>\n<vCard xmlns='vcard-temp'>\n<FN>A<![CDATA[<]]></FN></vCard>\n<offline-messages>\n\
            <message xmlns='jabber:client'/></offline-messages></user></host></server-data>";
        let steps = steps(text).unwrap();
        let lines: Vec<u64> = steps.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 7, 7]);
        let Step::Part(card) = &steps[1].1 else { panic!("{steps:?}") };
        assert_eq!(card.to_bytes(), "<vCard xmlns='vcard-temp'>\n<FN>A&lt;</FN></vCard>");
    }

    #[test]
    fn what_a_document_can_bring_is_bounded() {
        let deep = format!("{}{}", "<a>".repeat(DEPTH_MAX + 1), "</a>".repeat(DEPTH_MAX + 1));
        assert!(element(&deep).unwrap_err().contains("inside each other"));
        let large = format!("<a>{}</a>", "x".repeat(PART_BYTES_MAX));
        assert!(element(&large).unwrap_err().contains("MiB"));
        let attribute = format!("<a b='{}'/>", "x".repeat(TOKEN_BYTES_MAX + 1));
        assert!(element(&attribute).is_err());
        for text in ["<a>&x;</a>", "<?pi x?><a/>", "<!DOCTYPE a><a/>", "<a", "<b:a/>", "<a></b>"] {
            assert!(element(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = steps(&bytes);
        }

        #[test]
        fn nothing_like_a_document_makes_it_panic(
            text in "<server-data xmlns='urn:xmpp:pie:0'>(</?(host|user|archive|offline-messages|message|a)( jid='x')?/?>|x|&lt;|\n){0,20}"
        ) {
            let _read = steps(text.as_bytes());
        }
    }
}
