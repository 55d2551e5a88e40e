//! Stanzas as Prosody keeps them, and times.

use model::Timestamp;
use xmpp::{Element, ns};

use crate::migration::lua::{Table, Value};

/// An element from its table. An element that names no namespace is in that of its parent.
pub(super) fn element(table: &Table, parent: &str) -> Option<Element> {
    let name = table.text("name")?.to_owned();
    let none = Table::default();
    let attributes = table.table("attr").unwrap_or(&none);
    let space = attributes.text("xmlns").unwrap_or(parent).to_owned();
    let mut element = Element::new(name, space.clone());
    for (key, value) in attributes.named() {
        let Some(value) = value.text() else { continue };
        match key.split_once('\u{1}').or_else(|| key.split_once('|')) {
            Some((space, name)) => element.set_attr_ns(name.to_owned(), space.to_owned(), value),
            None => match key.strip_prefix("xml:") {
                Some(name) => element.set_attr_ns(name.to_owned(), ns::XML, value),
                None if key == "xmlns" || key.starts_with("xmlns:") => {}
                None => element.set_attr(key.to_owned(), value),
            },
        }
    }
    for child in &table.row {
        match child {
            Value::Table(child) => element.push(self::element(child, &space)?),
            Value::Text(_) => element.push_text(child.text()?),
            _ => {}
        }
    }
    Some(element)
}

/// When an item came: `when` in seconds, or the `stamp` of older versions.
pub(super) fn time(item: &Table) -> Option<Timestamp> {
    if let Some(seconds) = item.field("when").and_then(Value::number) {
        return from_seconds(seconds);
    }
    item.table("attr")?.text("stamp")?.parse().ok()
}

/// Seconds since 1970, with fractions.
pub(super) fn from_seconds(seconds: f64) -> Option<Timestamp> {
    let micros = seconds * 1e6;
    #[allow(clippy::cast_possible_truncation, reason = "bounded before")]
    (micros.is_finite() && micros.abs() < 1e17).then_some(Timestamp(micros as i64))
}
