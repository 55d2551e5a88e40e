//! What answers callers before people do: attendants, queues, announcements.

use serde::{Deserialize, Serialize};

use super::{Attendant, Plan, Queue, SoundName};

/// Attendants, queues and announcements.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reception {
    /// Automatic attendants.
    #[serde(rename = "attendant", skip_serializing_if = "Vec::is_empty")]
    pub attendants: Vec<Attendant>,
    /// Queues.
    #[serde(rename = "queue", skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<Queue>,
    /// What callers hear whose calls cannot be placed.
    #[serde(skip_serializing_if = "Announcements::is_none")]
    pub announcements: Announcements,
}

/// What is heard before a call is refused, by the reason (`CC-36`). Without a sound it is refused at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Announcements {
    /// There is no such number.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unallocated: Vec<SoundName>,
    /// It may not be called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_allowed: Vec<SoundName>,
    /// It is busy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub busy: Vec<SoundName>,
    /// Nobody answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_answer: Vec<SoundName>,
    /// No phone is there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub out_of_service: Vec<SoundName>,
    /// There is no way, or no bandwidth, left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub congestion: Vec<SoundName>,
}

impl Announcements {
    /// Is there none?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn all(&self) -> impl Iterator<Item = &SoundName> {
        let refused = self.unallocated.iter().chain(&self.not_allowed).chain(&self.busy);
        refused.chain(&self.no_answer).chain(&self.out_of_service).chain(&self.congestion)
    }
}

impl Plan {
    /// All sounds that the plan names, each with where it is named: whether they are there, only the server knows.
    pub fn sounds(&self) -> Vec<(String, &SoundName)> {
        fn at<'a>(
            path: String,
            sounds: impl Iterator<Item = &'a SoundName>,
        ) -> impl Iterator<Item = (String, &'a SoundName)> {
            sounds.map(move |sound| (path.clone(), sound))
        }
        let reception = &self.reception;
        let attendants = reception.attendants.iter();
        let attendants =
            attendants.flat_map(|one| at(format!("reception.attendant {}", one.name), one.sounds()));
        let queues = reception.queues.iter();
        let queues = queues.flat_map(|one| at(format!("reception.queue {}", one.name), one.sounds.all()));
        let announcements = at("reception.announcements".to_owned(), reception.announcements.all());
        let lines = self.lines.iter().flat_map(|line| at(format!("line {}", line.number), line.music.iter()));
        let pools = self.device_pools.iter();
        let pools = pools.flat_map(|pool| at(format!("device_pool {}", pool.name), pool.place.music.iter()));
        let devices = self.devices.iter();
        let devices = devices.flat_map(|one| at(format!("device {}", one.name), one.place.music.iter()));
        let groups = self.resources.groups.iter();
        let groups = groups.flat_map(|one| at(format!("resources.group {}", one.name), one.music.iter()));
        let reception = attendants.chain(queues).chain(announcements);
        reception.chain(lines).chain(pools).chain(devices).chain(groups).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sound_is_told_with_where_it_is_named() {
        let document = "[[line]]\nnumber = \"1001\"\nmusic = \"a\"\n[[device_pool]]\nname = \"p\"\nplace.music = \"b\"\n[[device]]\nname = \"d\"\nplace.music = \"c\"\n[reception.announcements]\nbusy = [\"d\", \"e\"]\n[[resources.group]]\nname = \"g\"\nmusic = \"f\"";
        let plan = Plan::read(document).unwrap();
        let told: Vec<String> =
            plan.sounds().iter().map(|(path, sound)| format!("{path}: {sound}")).collect();
        assert_eq!(
            told,
            [
                "reception.announcements: d",
                "reception.announcements: e",
                "line 1001: a",
                "device_pool p: b",
                "device d: c",
                "resources.group g: f"
            ]
        );
        assert!(Plan::default().sounds().is_empty());
    }
}
