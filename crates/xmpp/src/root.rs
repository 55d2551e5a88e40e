//! The namespaces that a root tag puts in force for all inside it: a stream header, or the body of BOSH.

use crate::ContentNamespace;
use crate::escape::unescape_attribute;
use crate::fault::{Fault, malformed};
use crate::lexer::{QName, RawAttribute, Span};
use crate::ns;
use crate::scope::{Declaration, Scope, declaration};

/// A root tag, as far as its namespaces go.
pub(crate) struct Root {
    /// The prefixes; the default namespace is for whoever knows what it means there.
    pub(crate) scope: Scope,
    /// The default namespace.
    pub(crate) default_ns: String,
}

impl Root {
    /// Reads the declarations of a tag whose attribute names are unique, and looks whether they still are once
    /// their prefixes mean something (Namespaces in XML 1.0 §6.3).
    pub(crate) fn read(
        data: &[u8],
        name: QName,
        attributes: &[RawAttribute],
        content: ContentNamespace,
    ) -> Result<Self, Fault> {
        let mut scope = Scope::standalone(content, "");
        scope.root = name.whole.of(data).into();
        let mut default_ns = String::new();
        for attribute in attributes {
            let Some(declared) = declaration(attribute, data)? else { continue };
            let value = unescape_attribute(attribute.value.text(data)).into_owned();
            match declared {
                Declaration::Default => default_ns = value,
                Declaration::Prefix(prefix) => scope.prefixes.push((prefix.text(data).into(), value.into())),
            }
        }
        check_prefixes(data, attributes, &scope)?;
        Ok(Self { scope, default_ns })
    }

    /// The namespace of the tag itself; `None` when its prefix was not declared.
    pub(crate) fn uri(&self, data: &[u8], name: QName) -> Option<&str> {
        match name.prefix() {
            None => Some(&self.default_ns),
            Some(prefix) => prefix_uri(data, prefix, &self.scope),
        }
    }
}

fn check_prefixes(data: &[u8], attributes: &[RawAttribute], scope: &Scope) -> Result<(), Fault> {
    let mut seen: Vec<(&str, &[u8])> = Vec::new();
    for attribute in attributes {
        let Some(prefix) = attribute.name.prefix().filter(|p| p.of(data) != b"xmlns") else { continue };
        let uri = prefix_uri(data, prefix, scope).ok_or_else(undeclared)?;
        let expanded = (uri, attribute.name.local().of(data));
        if seen.contains(&expanded) {
            return Err(malformed("an attribute is there twice"));
        }
        seen.push(expanded);
    }
    Ok(())
}

/// The namespace of a prefix.
pub(crate) fn prefix_uri<'a>(data: &[u8], prefix: Span, scope: &'a Scope) -> Option<&'a str> {
    let prefix = prefix.of(data);
    if prefix == b"xml" {
        return Some(ns::XML);
    }
    scope.prefixes.iter().find(|(p, _)| p.as_bytes() == prefix).map(|(_, uri)| &**uri)
}

pub(crate) fn undeclared() -> Fault {
    malformed("a prefix that was not declared")
}
