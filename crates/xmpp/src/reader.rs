//! The state of reading one stream: tokens into stanzas, with namespaces, limits and the facts that
//! decide whether a payload may be forwarded as it is ("payload by context").

use std::sync::Arc;

use crate::bosh::Wrapper;
use crate::bosh::read_wrapper;
use crate::characters::{check_characters, is_space};
use crate::fault::{Fault, fault, malformed, over, restricted, too_big};
use crate::header::read_header;
use crate::lexer::{Lexer, QName, Span, Token, check_declaration};
use crate::parts::{ChildPart, Flags, Parts};
use crate::scope::{Declaration, Scope, Uri, declaration};
use crate::{ContentNamespace, Kind, Limits, StreamCondition, StreamHeader};

/// What the front of the data turned out to be; the count is the bytes to take away.
#[derive(Debug)]
pub(crate) enum Step {
    /// More bytes are needed.
    More,
    /// White space between stanzas.
    Skip(usize),
    Open(usize, StreamHeader),
    /// The tag of BOSH's `<body/>`, and whether it is empty.
    Body(usize, Box<Wrapper>, bool),
    Stanza(usize, Parts),
    Close(usize),
}

/// What stands around the stanzas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    /// `<stream:stream>`
    Stream,
    /// `<body>` (XEP-0124 §6)
    Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// At the very front, where an XML declaration may stand.
    Front,
    /// The same after a restart: white space of the stream before may still come in.
    Restarted,
    /// Before the stream header.
    Header,
    /// Between stanzas.
    Between,
    /// Inside a stanza.
    Inside,
    /// After the stream's end tag.
    Closed,
}

/// The reader's state. Between stanzas it holds no allocation but the shared scope, once [`Reader::release`]d.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) limits: Limits,
    /// The content namespace that the next header must have.
    pub(crate) content: ContentNamespace,
    pub(crate) scope: Arc<Scope>,
    root: Root,
    phase: Phase,
    lexer: Lexer,
    open: Vec<Open>,
    bindings: Vec<Binding>,
    parts: Parts,
}

/// An element that is open.
#[derive(Clone, Copy, Debug)]
struct Open {
    name: Span,
    /// Bindings in force around it.
    bindings: usize,
    default: Default,
    /// It and all around it are in a content namespace.
    chain: bool,
}

/// The default namespace in force.
#[derive(Clone, Copy, Debug)]
struct Default {
    uri: Uri,
    /// Declared on the stanza tag or before.
    outer: bool,
}

/// A prefix in force.
#[derive(Clone, Copy, Debug)]
struct Binding {
    prefix: Span,
    uri: Uri,
}

/// A namespace found for a name.
#[derive(Clone, Copy, Debug)]
struct Resolved {
    uri: Uri,
    outer: bool,
    /// By the default namespace that was already in force around the element.
    inherited: bool,
}

impl Reader {
    pub(crate) fn stream(content: ContentNamespace, limits: Limits) -> Self {
        Self::new(Arc::new(Scope::standalone(content, "")), limits, Phase::Front)
    }

    /// Reads one `<body>` of BOSH.
    pub(crate) fn body(limits: Limits) -> Self {
        let mut reader = Self::stream(ContentNamespace::Client, limits);
        reader.root = Root::Body;
        reader
    }

    /// Reads elements that stand alone.
    pub(crate) fn standalone(scope: Scope, limits: Limits) -> Self {
        Self::new(Arc::new(scope), limits, Phase::Between)
    }

    fn new(scope: Arc<Scope>, limits: Limits, phase: Phase) -> Self {
        Self {
            limits,
            content: scope.content,
            scope,
            root: Root::Stream,
            phase,
            lexer: Lexer::default(),
            open: Vec::new(),
            bindings: Vec::new(),
            parts: Parts::default(),
        }
    }

    pub(crate) fn restart(&mut self) {
        self.phase = Phase::Restarted;
        self.lexer.reset();
        self.open.clear();
        self.bindings.clear();
    }

    /// Gives back all memory if nothing is under way.
    pub(crate) fn release(&mut self) -> bool {
        if self.phase == Phase::Inside || self.lexer.at != 0 {
            return false;
        }
        self.lexer = Lexer::default();
        self.open = Vec::new();
        self.bindings = Vec::new();
        true
    }

    /// Looks at `data`, which begins where the last step ended. After an error there is no further step.
    pub(crate) fn step(&mut self, data: &[u8]) -> Result<Step, Fault> {
        loop {
            match self.phase {
                Phase::Closed if data.is_empty() => return Ok(Step::More),
                Phase::Closed => return Ok(Step::Skip(data.len())),
                Phase::Front | Phase::Restarted => {
                    if !self.read_declaration(data)? {
                        return Ok(Step::More);
                    }
                    self.phase = Phase::Header;
                }
                Phase::Header => return self.read_header(data),
                Phase::Between => {
                    let space = data.iter().position(|b| !is_space(*b)).unwrap_or(data.len());
                    if space > 0 {
                        self.lexer.reset();
                        return Ok(Step::Skip(space));
                    }
                    if data.is_empty() {
                        return Ok(Step::More);
                    }
                    if let Some(step) = self.read_first(data)? {
                        return Ok(step);
                    }
                }
                Phase::Inside => return self.read_inside(data),
            }
        }
    }

    /// True when it is known where the declaration ends, or that there is none.
    fn read_declaration(&mut self, data: &[u8]) -> Result<bool, Fault> {
        if self.phase == Phase::Restarted {
            // COMPAT: clients that end `</response>` or `<auth/>` with a line end, read after the restart.
            self.lexer.at = data.iter().position(|b| !is_space(*b)).unwrap_or(data.len());
        }
        let rest = &data[self.lexer.at..];
        let known = rest.len().min(DECLARATION.len());
        if rest[..known] != DECLARATION[..known] {
            return Ok(true);
        }
        if known < DECLARATION.len() || rest.len() == known {
            return Ok(false);
        }
        if !is_space(rest[known]) {
            return Err(restricted("processing instructions are not allowed"));
        }
        let end = memchr::memmem::find(rest, b"?>");
        if end.unwrap_or(rest.len()) > self.limits.header_bytes_max as usize {
            return Err(too_big());
        }
        let Some(end) = end else { return Ok(false) };
        check_declaration(&rest[..end + 2], &self.limits)?;
        self.lexer.at += end + 2;
        Ok(true)
    }

    fn read_header(&mut self, data: &[u8]) -> Result<Step, Fault> {
        while data.get(self.lexer.at).is_some_and(|b| is_space(*b)) {
            self.lexer.at += 1;
        }
        if data.get(self.lexer.at).is_some_and(|b| *b != b'<') {
            return Err(malformed("not XML"));
        }
        let bytes_max = self.limits.header_bytes_max;
        let (name, empty) = match self.lexer.next(data, bytes_max, &self.limits)? {
            None => return Ok(Step::More),
            Some(Token::Start { name, empty }) => (name, empty),
            Some(_) => return Err(malformed("a stream begins with its header")),
        };
        let end = self.lexer.at;
        check_characters(&data[..end])?;
        self.check_attributes_unique(data)?;
        if self.root == Root::Body {
            let (wrapper, scope) = read_wrapper(data, name, &self.lexer.attributes)?;
            self.scope = Arc::new(scope);
            self.phase = if empty { Phase::Closed } else { Phase::Between };
            self.lexer.reset();
            return Ok(Step::Body(end, Box::new(wrapper), empty));
        }
        let (header, scope) = read_header(data, name, &self.lexer.attributes, self.content)?;
        if empty {
            return Err(fault(StreamCondition::BadFormat, "an empty stream"));
        }
        self.scope = Arc::new(scope);
        self.phase = Phase::Between;
        self.lexer.reset();
        Ok(Step::Open(end, header))
    }

    /// Reads the first token of a stanza, or the stream's end.
    fn read_first(&mut self, data: &[u8]) -> Result<Option<Step>, Fault> {
        if data[0] != b'<' {
            return Err(malformed("text between stanzas"));
        }
        match self.lexer.next(data, self.limits.stanza_bytes_max, &self.limits)? {
            None => Ok(Some(Step::More)),
            Some(Token::Start { name, empty }) => {
                self.begin(data, name)?;
                if empty {
                    return self.finish(data, self.lexer.at).map(Some);
                }
                self.parts.payload.start = self.lexer.at as u32;
                self.phase = Phase::Inside;
                Ok(None)
            }
            Some(Token::End { name })
                if !self.scope.root.is_empty() && *name.of(data) == *self.scope.root =>
            {
                self.phase = Phase::Closed;
                Ok(Some(Step::Close(self.lexer.at)))
            }
            Some(_) => Err(malformed("not the end of the stream")),
        }
    }

    fn read_inside(&mut self, data: &[u8]) -> Result<Step, Fault> {
        loop {
            let before = self.lexer.at;
            let Some(token) = self.lexer.next(data, self.limits.stanza_bytes_max, &self.limits)? else {
                return Ok(Step::More);
            };
            match token {
                Token::Text(_) | Token::Cdata(_) => {}
                Token::Start { name, empty } => {
                    self.start(data, name, before)?;
                    if empty {
                        self.end();
                    }
                }
                Token::End { name } => {
                    let open = self.open.last().map(|o| o.name).unwrap_or_default();
                    if open.of(data) != name.of(data) {
                        return Err(malformed("an end tag that does not fit"));
                    }
                    if self.open.len() == 1 {
                        return self.finish(data, before);
                    }
                    self.end();
                }
            }
        }
    }

    /// Begins a stanza.
    fn begin(&mut self, data: &[u8], name: QName) -> Result<(), Fault> {
        self.open.clear();
        self.bindings.clear();
        self.check_attributes_unique(data)?;
        let mut default = Default { uri: self.scope.default, outer: true };
        self.declare(data, &mut default)?;
        default.outer = true;
        let resolved = self.resolve(data, name, default, 0)?;
        self.check_prefixed_attributes(data)?;
        let in_content = resolved.uri == Uri::Content(self.scope.content);
        let kind = match (in_content, name.local().of(data)) {
            (true, b"message") => Kind::Message,
            (true, b"presence") => Kind::Presence,
            (true, b"iq") => Kind::Iq,
            _ => Kind::Other,
        };
        self.parts = Parts { kind, name: name.local(), uri: resolved.uri, in_content, ..Parts::default() };
        for attribute in &self.lexer.attributes {
            let place = match attribute.name.whole.of(data) {
                b"to" => &mut self.parts.to,
                b"from" => &mut self.parts.from,
                b"id" => &mut self.parts.id,
                b"type" => &mut self.parts.type_,
                b"xml:lang" => &mut self.parts.lang,
                _ => continue,
            };
            *place = attribute.value;
        }
        self.parts.outer_bindings = self.bindings.len();
        self.open.push(Open { name: name.whole, bindings: 0, default, chain: in_content });
        Ok(())
    }

    /// Begins an element inside a stanza; its tag starts at `tag`.
    fn start(&mut self, data: &[u8], name: QName, tag: usize) -> Result<(), Fault> {
        let Some(parent) = self.open.last().copied() else { return Err(malformed("nothing is open")) };
        if self.open.len() >= usize::from(self.limits.depth_max) {
            return Err(over("nested too deeply"));
        }
        self.check_attributes_unique(data)?;
        let bindings = self.bindings.len();
        let mut default = parent.default;
        let declares = self.declare(data, &mut default)?;
        let mut resolved = self.resolve(data, name, default, self.parts.outer_bindings)?;
        resolved.inherited &= !declares;
        self.check_prefixed_attributes(data)?;
        let chain = parent.chain && matches!(resolved.uri, Uri::Content(_));
        self.flag(resolved, parent.chain);
        if self.open.len() == 1 {
            if self.parts.children.len() >= usize::from(self.limits.children_max) {
                return Err(over("too many children"));
            }
            let span = Span { start: tag as u32, end: 0 };
            self.parts.children.push(ChildPart { span, name: name.local(), uri: resolved.uri, cut: false });
        }
        self.open.push(Open { name: name.whole, bindings, default, chain });
        Ok(())
    }

    /// Ends the element opened last.
    fn end(&mut self) {
        if let Some(open) = self.open.pop() {
            self.bindings.truncate(open.bindings);
        }
        if self.open.len() == 1
            && let Some(child) = self.parts.children.last_mut()
        {
            child.span.end = self.lexer.at as u32;
        }
    }

    /// Ends the stanza, whose own end tag starts at `tag`.
    fn finish(&mut self, data: &[u8], tag: usize) -> Result<Step, Fault> {
        let end = self.lexer.at;
        check_characters(&data[..end])?;
        self.parts.payload.end = tag as u32;
        if self.parts.payload.start == 0 {
            self.parts.payload.start = tag as u32;
        }
        self.phase = Phase::Between;
        self.lexer.reset();
        Ok(Step::Stanza(end, std::mem::take(&mut self.parts)))
    }

    /// Whether the payload still means the same under another stanza tag.
    fn flag(&mut self, resolved: Resolved, parent_chain: bool) {
        let own = Uri::Content(self.scope.content);
        let content = matches!(resolved.uri, Uri::Content(_));
        let flag = match (resolved.outer, resolved.inherited) {
            (true, true) if resolved.uri == own && parent_chain => return,
            (true, true) if resolved.uri == own => Flags::INHERITED_IN_FOREIGN,
            (true, _) => Flags::OUTER,
            (false, _) if content && parent_chain && resolved.uri == own => Flags::CONTENT_EXPLICIT,
            (false, _) if content && parent_chain => Flags::OUTER,
            (false, _) => return,
        };
        self.parts.flags.set(flag);
    }

    /// Puts the declarations of the last start tag in force; true if it declares a default namespace.
    fn declare(&mut self, data: &[u8], default: &mut Default) -> Result<bool, Fault> {
        let mut declares = false;
        for attribute in &self.lexer.attributes {
            match declaration(attribute, data)? {
                None => continue,
                Some(Declaration::Default) => {
                    *default = Default { uri: Uri::declared(attribute, data), outer: false };
                    declares = true;
                }
                Some(Declaration::Prefix(prefix)) => {
                    if self.bindings.len() >= usize::from(self.limits.declarations_max) {
                        return Err(over("too many namespace declarations"));
                    }
                    self.bindings.push(Binding { prefix, uri: Uri::declared(attribute, data) });
                }
            }
        }
        Ok(declares)
    }

    /// The namespace of an element; of the bindings the first `outer` stand on the stanza tag.
    fn resolve(&self, data: &[u8], name: QName, default: Default, outer: usize) -> Result<Resolved, Fault> {
        match name.prefix() {
            None => Ok(Resolved { uri: default.uri, outer: default.outer, inherited: true }),
            Some(prefix) => self.resolve_prefix(data, prefix, outer),
        }
    }

    fn resolve_prefix(&self, data: &[u8], prefix: Span, outer: usize) -> Result<Resolved, Fault> {
        let prefix = prefix.of(data);
        let resolved = |uri, outer| Ok(Resolved { uri, outer, inherited: false });
        if let Some(at) = self.bindings.iter().rposition(|b| b.prefix.of(data) == prefix) {
            return resolved(self.bindings[at].uri, at < outer);
        }
        match (prefix, self.scope.prefix(prefix)) {
            (b"xml", _) => resolved(Uri::Xml, false),
            (_, Some(uri)) => resolved(uri, true),
            _ => Err(malformed("a prefix that was not declared")),
        }
    }

    /// No attribute name twice (XML 1.0 §3.1).
    fn check_attributes_unique(&self, data: &[u8]) -> Result<(), Fault> {
        let attributes = &self.lexer.attributes;
        for (at, attribute) in attributes.iter().enumerate() {
            let name = attribute.name.whole.of(data);
            if attributes[..at].iter().any(|a| a.name.whole.of(data) == name) {
                return Err(malformed("an attribute is there twice"));
            }
        }
        Ok(())
    }

    /// Prefixes of attributes are declared, and no two name the same attribute (Namespaces in XML 1.0 §6.3).
    fn check_prefixed_attributes(&mut self, data: &[u8]) -> Result<(), Fault> {
        for at in 0..self.lexer.attributes.len() {
            let name = self.lexer.attributes[at].name;
            let Some(prefix) = name.prefix().filter(|p| p.of(data) != b"xmlns") else { continue };
            let resolved = self.resolve_prefix(data, prefix, self.parts.outer_bindings)?;
            // The stanza's own prefixed attributes are not forwarded, so only those inside count.
            if resolved.outer && !self.open.is_empty() {
                self.parts.flags.set(Flags::OUTER);
            }
            for before in &self.lexer.attributes[..at] {
                let Some(other) = before.name.prefix().filter(|p| p.of(data) != b"xmlns") else { continue };
                if before.name.local().of(data) != name.local().of(data) {
                    continue;
                }
                let other = self.resolve_prefix(data, other, 0)?;
                if resolved.uri.text(data, &self.scope) == other.uri.text(data, &self.scope) {
                    return Err(malformed("an attribute is there twice"));
                }
            }
        }
        Ok(())
    }
}

const DECLARATION: &[u8] = b"<?xml";
