//! Why a request of an application was not carried out, as the application is told.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::command::Refusal;

/// See the module. In JSON `{"code": …, "text": …}`: the code is for programs, the text for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The application's fault: not JSON, no `id`, no `op`, a field missing or of another kind.
    #[error("{0}")]
    BadRequest(String),
    /// There is no such operation here (yet).
    #[error("{0:?} is not an operation of this server")]
    NotSupported(String),
    /// No such line, or not one that this session may use.
    #[error("there is no such line")]
    NoSuchDevice,
    /// No such route point, or not one whose calls this user's applications may route.
    #[error("there is no such route point")]
    NoSuchRoutePoint,
    /// The user may not do that on any line.
    #[error("the user may not do that")]
    NotAllowed,
    /// Call control refused.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// The storage's fault.
    #[error("the storage cannot be read")]
    Storage,
}

impl Fault {
    /// The code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "badRequest",
            Self::NotSupported(_) => "notSupported",
            Self::NoSuchDevice | Self::NoSuchRoutePoint => "noSuchDevice",
            Self::NotAllowed => "notAllowed",
            Self::Storage => "storage",
            Self::Refused(refusal) => match refusal {
                Refusal::NoSuchLine => "noSuchDevice",
                Refusal::NoSuchCall => "noSuchCall",
                Refusal::NoSuchConnection => "noSuchConnection",
                Refusal::WrongState => "wrongState",
                Refusal::Busy => "busy",
                Refusal::PhoneCannot => "phoneCannot",
                Refusal::NotAllowed => "notAllowed",
                Refusal::Unplaceable(_) => "unplaceable",
                Refusal::NoSlot => "noSlot",
                Refusal::Resources => "resources",
            },
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code())?;
        if let Self::Refused(Refusal::Unplaceable(cause)) = self {
            map.serialize_entry("cause", cause)?;
            map.serialize_entry("text", "the call cannot be placed")?;
        } else {
            map.serialize_entry("text", &self.to_string())?;
        }
        map.end()
    }
}
