//! The header fields of a message: names and values by place in the buffer.

use bytes::Bytes;

use crate::message::Name;
use crate::scan;

/// The header fields of a message, in order, as places in its buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    pub(crate) bytes: Bytes,
    pub(crate) places: Vec<Place>,
}

/// Where one header line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: Name,
    /// Start of the line, that is of the name.
    pub(crate) line: u32,
    pub(crate) name_end: u32,
    pub(crate) value: u32,
    pub(crate) value_end: u32,
}

/// One header line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name, if known.
    pub name: Name,
    /// Its name as it stands.
    pub name_bytes: &'a [u8],
    /// Its value, trimmed, in one line.
    pub value: &'a [u8],
}

impl Headers {
    /// All header lines in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'_>> {
        self.places.iter().map(|place| Field {
            name: place.name,
            name_bytes: &self.bytes[place.line as usize..place.name_end as usize],
            value: self.value(place),
        })
    }

    /// The names of all header lines in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = Name> {
        self.places.iter().map(|place| place.name)
    }

    /// The values of all lines called `name`, each possibly a comma-separated list.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.places.iter().filter(move |place| place.name == name).map(|place| self.value(place))
    }

    /// The value of the first line called `name`.
    pub fn first(&self, name: Name) -> Option<&[u8]> {
        self.places.iter().find(|place| place.name == name).map(|place| self.value(place))
    }

    /// Is there a header field called `name`?
    pub fn has(&self, name: Name) -> bool {
        self.places.iter().any(|place| place.name == name)
    }

    /// The value of the first line whose name is spelled `name`, for names that are not known here.
    pub fn named(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|field| field.name_bytes.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// All elements of all lines called `name`: comma-joined ones are many (RFC 3261 §7.3.1). Empty ones are left out.
    pub fn elements(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        self.all(name).flat_map(scan::elements).filter(|element| !element.is_empty())
    }

    /// Does the list called `name` (Supported, Require, Allow, Event packages...) have `token`, in any case?
    pub fn has_token(&self, name: Name, token: &[u8]) -> bool {
        self.elements(name).any(|element| element.eq_ignore_ascii_case(token))
    }

    /// The bytes of `part`, shared with the message; `part` must come from this message.
    pub fn share(&self, part: &[u8]) -> Bytes {
        if part.is_empty() { Bytes::new() } else { self.bytes.slice_ref(part) }
    }

    fn value(&self, place: &Place) -> &[u8] {
        &self.bytes[place.value as usize..place.value_end as usize]
    }
}
