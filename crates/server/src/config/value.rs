//! A value as it was written, in the file or in the environment, before a setting takes it.

use std::fmt;

use toml::de::DeValue;

/// A value as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Flag(bool),
    /// A list.
    List(Vec<Value>),
    /// Something that no setting takes: a fraction, a date, a table.
    Other(String),
}

impl Value {
    /// From a parsed file.
    pub fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Self::Integer(number),
                Err(_) => Self::Other(number.as_str().to_owned()),
            },
            DeValue::Boolean(flag) => Self::Flag(*flag),
            DeValue::Array(items) => {
                Self::List(items.iter().map(|item| Self::from_toml(item.get_ref())).collect())
            }
            DeValue::Float(number) => Self::Other(number.as_str().to_owned()),
            DeValue::Datetime(date) => Self::Other(date.to_string()),
            DeValue::Table(_) => Self::Other("a table".to_owned()),
        }
    }

    /// From an environment variable: a number, true or false, a list in brackets, else text.
    pub fn from_environment(text: &str) -> Self {
        match DeValue::parse(text) {
            Ok(value) if !matches!(value.get_ref(), DeValue::Table(_) | DeValue::Datetime(_)) => {
                Self::from_toml(value.get_ref())
            }
            _ => Self::Text(text.to_owned()),
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one and fits.
    pub fn number<T: TryFrom<i64>>(&self) -> Option<T> {
        match self {
            Self::Integer(number) => T::try_from(*number).ok(),
            _ => None,
        }
    }

    /// True or false, if it is one of them.
    pub fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The text parsed.
    pub fn parsed<T: std::str::FromStr>(&self) -> Option<T> {
        self.text()?.parse().ok()
    }

    /// A list of texts parsed, all of them; one text alone counts as a list of one.
    pub fn list<T: std::str::FromStr>(&self) -> Option<Vec<T>> {
        match self {
            Self::List(items) => items.iter().map(Self::parsed).collect(),
            one => one.parsed().map(|item| vec![item]),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Integer(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
            Self::List(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Other(text) => f.write_str(text),
        }
    }
}
