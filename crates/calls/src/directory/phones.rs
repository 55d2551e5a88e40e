//! Where the phones of lines are.

use std::sync::Arc;

use model::{LineId, Timestamp};
use runtime::Runtime;

use crate::place::Branch;
use crate::registrar::Registrar;

/// Where the phones of lines are.
pub trait Phones: Send + Sync {
    /// The phones of a line that are registered at this moment.
    fn of(&self, line: &LineId, when: Timestamp) -> Vec<Branch>;
    /// The moment.
    fn now(&self) -> Timestamp;
}

/// The phones that the registrar knows.
pub(crate) struct RegisteredPhones {
    pub registrar: Arc<Registrar>,
    pub runtime: Runtime,
}

impl Phones for RegisteredPhones {
    fn of(&self, line: &LineId, when: Timestamp) -> Vec<Branch> {
        let contacts = self.registrar.contacts(line, when);
        contacts
            .iter()
            .map(|binding| Branch {
                contact: binding.contact.clone(),
                target: binding.target(),
                path: binding.path.clone(),
                line: Some(line.clone()),
                owner: binding.owner.clone(),
                trunk: None,
                is_silent: false,
                device: binding.device.clone(),
            })
            .collect()
    }

    fn now(&self) -> Timestamp {
        self.runtime.timestamp()
    }
}
