//! Attendants and queues of a plan, made ready: what a menu is at this hour, what is heard where.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::plan::{Announcements, Attendant, AttendantHours, Choice, Hours, Key, Plan, Queue, SoundName};
use model::{LineId, Timestamp};

use super::DialPlan;

/// All attendants and queues, by name.
#[derive(Debug, Default)]
pub(super) struct Receptions {
    attendants: BTreeMap<String, (Arc<Attendant>, Vec<Option<Hours>>)>,
    queues: BTreeMap<String, Arc<Queue>>,
}

/// A menu as it is at one moment.
#[derive(Clone, Debug)]
pub struct Menu {
    /// The attendant.
    pub attendant: Arc<Attendant>,
    /// Which of its hours hold.
    hours: Option<usize>,
}

impl Receptions {
    pub(super) fn new(plan: &Plan) -> Self {
        let attendants = plan.reception.attendants.iter().map(|attendant| {
            let hours = |hours: &AttendantHours| match Hours::of(plan, &hours.schedule) {
                Ok(hours) => Some(hours),
                Err(error) => {
                    tracing::error!(attendant = attendant.name, %error, "hours of an attendant never hold");
                    None
                }
            };
            let hours = attendant.hours.iter().map(hours).collect();
            (attendant.name.clone(), (Arc::new(attendant.clone()), hours))
        });
        let queues = plan.reception.queues.iter();
        let queues = queues.map(|queue| (queue.name.clone(), Arc::new(queue.clone())));
        Self { attendants: attendants.collect(), queues: queues.collect() }
    }
}

impl DialPlan {
    /// A menu as it is now.
    pub fn menu(&self, name: &str, when: Timestamp) -> Option<Menu> {
        let (attendant, hours) = self.receptions.attendants.get(name)?;
        let holds = |(said, hours): (&AttendantHours, &Option<Hours>)| {
            hours.as_ref().is_some_and(|hours| hours.is_open(when) != said.while_closed)
        };
        let hours = attendant.hours.iter().zip(hours).position(holds);
        Some(Menu { attendant: Arc::clone(attendant), hours })
    }

    /// A queue.
    pub fn queue(&self, name: &str) -> Option<&Arc<Queue>> {
        self.receptions.queues.get(name)
    }

    /// All queues.
    pub fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        self.receptions.queues.values()
    }

    /// What whoever is put on hold by a line hears, when the plan says it: of the line, else of its device's place,
    /// else of the media resources there.
    pub fn music_of(&self, line: &LineId) -> Option<&SoundName> {
        let line = &self.lines[self.line_index(line)?];
        let of_line = line.said.and_then(|said| self.plan.lines[said].music.as_ref());
        of_line.or_else(|| self.plan.music_at(&line.profiles.first()?.place))
    }

    /// What callers hear whose calls cannot be placed.
    pub fn announcements(&self) -> &Announcements {
        &self.plan.reception.announcements
    }
}

impl Menu {
    fn said(&self) -> Option<&AttendantHours> {
        self.attendant.hours.get(self.hours?)
    }

    /// What is heard first.
    pub fn greeting(&self) -> &[SoundName] {
        self.said().and_then(|said| said.greeting.as_deref()).unwrap_or(&self.attendant.greeting)
    }

    /// What is heard whenever a key is awaited.
    pub fn prompt(&self) -> &[SoundName] {
        self.said().and_then(|said| said.menu.as_deref()).unwrap_or(&self.attendant.menu)
    }

    /// What a key does.
    pub fn choice(&self, key: Key) -> Option<&Choice> {
        self.said().and_then(|said| said.keys.as_ref()).unwrap_or(&self.attendant.keys).get(&key)
    }

    /// What is done after the greeting, without waiting for a key.
    pub fn then(&self) -> Option<&Choice> {
        self.said()?.then.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Accounts, compile};
    use super::*;

    const DOCUMENT: &str = r#"
        settings.time_zone = "Europe/Berlin"
        [[time.period]]
        name = "day"
        days = "mon-fri"
        from = "08:00"
        to = "18:00"
        [[time.period]]
        name = "christmas"
        dates = ["12-25"]
        [[time.schedule]]
        name = "office"
        open = ["day"]
        [[time.schedule]]
        name = "holidays"
        open = ["christmas"]
        [[reception.attendant]]
        name = "main"
        number = "1000"
        greeting = ["welcome"]
        menu = ["choose"]
        keys = { 1 = { dial = "1001" } }
        hours = [
            { schedule = "holidays", greeting = ["holiday"], then = "hang-up" },
            { schedule = "office", while_closed = true, greeting = ["closed"], keys = { 0 = "repeat" } },
        ]
    "#;

    fn greeting(at: &str) -> String {
        let plan = compile(&Plan::read(DOCUMENT).unwrap(), Accounts::default(), None);
        let menu = plan.menu("main", at.parse().unwrap()).unwrap();
        let key = |sign| menu.choice(Key::of(sign).unwrap()).is_some();
        let greeting: Vec<&str> = menu.greeting().iter().map(SoundName::as_str).collect();
        format!("{} {:?} {} {}", greeting.join(" "), menu.then(), key('1'), key('0'))
    }

    #[test]
    fn a_menu_is_another_one_when_closed_and_on_holidays() {
        // A Monday; Berlin is an hour ahead of UTC in winter.
        assert_eq!(greeting("2026-11-23T07:30:00Z"), "welcome None true false");
        assert_eq!(greeting("2026-11-23T17:30:00Z"), "closed None false true");
        assert_eq!(greeting("2026-11-22T10:00:00Z"), "closed None false true");
        assert_eq!(greeting("2026-12-25T10:00:00Z"), "holiday Some(HangUp) true false");
    }

    #[test]
    fn music_is_said_by_the_line_else_by_where_its_device_stands() {
        let document = "[[line]]\nnumber = \"1001\"\nmusic = \"waltz\"\n[[device]]\nname = \"d\"\nlines = [\"1001\", \"1002\"]\npool = \"p\"\n[[device_pool]]\nname = \"p\"\nplace.music = \"march\"\n[[line]]\nnumber = \"1002\"\n[[line]]\nnumber = \"1003\"";
        let plan = compile(&Plan::read(document).unwrap(), Accounts::default(), None);
        let music = |number: &str| {
            let line = LineId::from(number.parse::<model::Number>().unwrap());
            plan.music_of(&line).map(|sound| sound.as_str().to_owned())
        };
        assert_eq!(music("1001").as_deref(), Some("waltz"));
        assert_eq!(music("1002").as_deref(), Some("march"));
        assert_eq!(music("1003"), None);
    }
}
