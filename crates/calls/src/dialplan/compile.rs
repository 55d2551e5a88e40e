//! Makes a plan and the accounts ready for calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::plan::{Digits, LOCAL_ROUTE_GROUP, Pattern, Place, Plan, RouteTo, SPAN_NUMBERS_MAX, Trunk};
use model::{LineId, Partition};

use super::places::Places;
use super::space::{Partitions, Space};
use super::trie::Builder;
use super::who::Profile;
use super::{Accounts, DialPlan, Entry, Services, Target};

/// A line that can be dialled.
#[derive(Debug)]
pub(super) struct CompiledLine {
    pub(super) line: LineId,
    /// What the plan says of it, by the place there.
    pub(super) said: Option<usize>,
    /// One for each device that shows it; one at least.
    pub(super) profiles: Vec<Profile>,
}

/// What is found by name.
#[derive(Debug)]
pub(super) struct Names {
    trunks: BTreeMap<String, (usize, Profile)>,
    spaces: BTreeMap<String, usize>,
    devices: BTreeMap<String, usize>,
    /// A trunk that is not in the plan reaches nobody.
    pub(super) unknown_trunk: Profile,
}

impl Names {
    pub(super) fn trunk<'a>(&'a self, plan: &'a Plan, name: &str) -> Option<(&'a Trunk, &'a Profile)> {
        self.trunks.get(name).map(|(index, profile)| (&plan.outside.trunks[*index], profile))
    }

    pub(super) fn device(&self, name: &str) -> Option<usize> {
        self.devices.get(name).copied()
    }

    pub(super) fn space(&self, name: &str) -> Option<usize> {
        self.spaces.get(name).copied()
    }
}

/// Makes a plan ready. What in it is wrong ([`Plan::check`]) is left out: nobody reaches anything by a mistake.
/// `services` are the numbers that the server itself answers.
pub fn compile(plan: &Plan, accounts: Accounts, services: impl Into<Services>) -> DialPlan {
    let services = services.into();
    let partitions = Partitions::new(plan, named_partitions(plan, &accounts));
    let mut spaces = Spaces::new(plan, &partitions);
    let lines = lines(plan, &accounts, &mut spaces);
    let entries = entries(plan, &lines, &partitions, &spaces, &services);
    let mut trie = Builder::new();
    for ((pattern, entry), index) in entries.iter().zip(0_u32..) {
        trie.add(pattern, entry.partition, index);
    }
    let nowhere = Arc::new(Place::default());
    let profile = |space, subscribe| Profile {
        device: None,
        space,
        subscribe,
        place: Arc::clone(&nowhere),
        presence_group: None,
    };
    let trunks = plan.outside.trunks.iter().enumerate().map(|(index, trunk)| {
        let space = trunk.search_space.as_deref().and_then(|name| spaces.named.get(name)).copied();
        let subscribe =
            trunk.subscribe_search_space.as_deref().and_then(|name| spaces.named.get(name)).copied();
        let profile = Profile {
            presence_group: trunk.presence_group.clone(),
            place: Arc::new(place(plan, trunk.pool.as_deref(), &trunk.place)),
            // Whoever comes from outside reaches what is said, never what is free to everybody.
            ..profile(space.unwrap_or(spaces.nothing), subscribe)
        };
        (trunk.name.clone(), (index, profile))
    });
    let names = Names {
        trunks: trunks.collect(),
        spaces: spaces.named.iter().map(|(name, space)| ((*name).to_owned(), *space)).collect(),
        devices: plan
            .devices
            .iter()
            .enumerate()
            .map(|(index, device)| (device.name.clone(), index))
            .collect(),
        unknown_trunk: profile(spaces.nothing, None),
    };
    let stranger = profile(spaces.of_settings, spaces.subscribe_of_settings);
    DialPlan {
        plan: plan.clone(),
        accounts,
        everything: spaces.everything,
        spaces: spaces.all,
        trie: trie.finish(),
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        lines,
        names,
        stranger,
        partitions,
        places: Places::new(plan),
        local_way: RouteTo::Group(LOCAL_ROUTE_GROUP.to_owned()),
        receptions: super::reception::Receptions::new(plan),
    }
}

fn named_partitions(plan: &Plan, accounts: &Accounts) -> Vec<Partition> {
    let mut names: Vec<Partition> = plan.partitions.iter().map(|partition| partition.name.clone()).collect();
    names.extend(plan.search_spaces.iter().flat_map(|space| space.partitions.iter().cloned()));
    names.extend(plan.lines.iter().map(|line| line.number.partition().clone()));
    names.extend(plan.hunt_pilots.iter().map(|pilot| pilot.partition.clone()));
    names.extend(plan.reception.attendants.iter().map(|attendant| attendant.partition.clone()));
    names.extend(plan.reception.queues.iter().map(|queue| queue.partition.clone()));
    names.extend(plan.outside.route_points.iter().map(|point| point.partition.clone()));
    names.extend(plan.feature_codes.iter().map(|code| code.partition.clone()));
    names.extend(plan.translations.iter().map(|translation| translation.partition.clone()));
    names.extend(plan.routes.iter().map(|route| route.partition.clone()));
    names.extend(plan.outside.sip_routes.iter().map(|route| route.partition.clone()));
    names.extend(accounts.lines().map(|line| line.partition.clone()));
    names
}

/// Search spaces, each made once.
struct Spaces<'a> {
    partitions: &'a Partitions,
    all: Vec<Space>,
    named: BTreeMap<&'a str, usize>,
    /// A line's space followed by a device's.
    joined: BTreeMap<(usize, usize), usize>,
    everything: usize,
    nothing: usize,
    of_settings: usize,
    subscribe_of_settings: Option<usize>,
}

impl<'a> Spaces<'a> {
    fn new(plan: &'a Plan, partitions: &'a Partitions) -> Self {
        let every = (0..u16::try_from(partitions.len()).unwrap_or(u16::MAX)).collect::<Vec<_>>();
        let internal = partitions.number(&Partition::default());
        let all = vec![
            Space::new("every partition".to_owned(), partitions, every),
            Space::new("nothing".to_owned(), partitions, []),
            Space::new("internal only".to_owned(), partitions, internal),
        ];
        let mut spaces = Self {
            partitions,
            all,
            named: BTreeMap::new(),
            joined: BTreeMap::new(),
            everything: 0,
            nothing: 1,
            of_settings: if plan.has_classes() { 2 } else { 0 },
            // Before there is a search space, everybody may watch everybody.
            subscribe_of_settings: (!plan.has_classes()).then_some(0),
        };
        for space in &plan.search_spaces {
            let listed = space.partitions.iter().filter_map(|name| partitions.number(name));
            let compiled = Space::new(space.name.clone(), partitions, listed);
            spaces.named.insert(&space.name, spaces.all.len());
            spaces.all.push(compiled);
        }
        let find = |name: &Option<String>| name.as_deref().and_then(|name| spaces.named.get(name)).copied();
        let (settings, subscribe) =
            (find(&plan.settings.search_space), find(&plan.settings.subscribe_search_space));
        spaces.of_settings = settings.unwrap_or(spaces.of_settings);
        spaces.subscribe_of_settings = subscribe.or(spaces.subscribe_of_settings);
        spaces
    }

    /// A space by name. A name that is not there is a mistake: it reaches nothing.
    fn find(&self, name: Option<&str>) -> Option<usize> {
        name.map(|name| self.named.get(name).copied().unwrap_or(self.nothing))
    }

    /// The line's space, then the device's (`CC-04`).
    fn join(&mut self, line: Option<usize>, device: Option<usize>) -> usize {
        let (line, device) = match (line, device) {
            (None, None) => return self.of_settings,
            (Some(one), None) | (None, Some(one)) => return one,
            (Some(line), Some(device)) if line == device => return line,
            (Some(line), Some(device)) => (line, device),
        };
        if let Some(known) = self.joined.get(&(line, device)) {
            return *known;
        }
        let (first, second) = (&self.all[line], &self.all[device]);
        let name = format!("{} then {}", first.name, second.name);
        let order: Vec<u16> = first.order.iter().chain(&second.order).copied().collect();
        let space = Space::new(name, self.partitions, order);
        self.all.push(space);
        self.joined.insert((line, device), self.all.len() - 1);
        self.all.len() - 1
    }
}

/// The lines of the plan and of the accounts; those of users who are disabled are out of service (`PS-15`).
fn lines(plan: &Plan, accounts: &Accounts, spaces: &mut Spaces<'_>) -> Vec<CompiledLine> {
    let mut said: BTreeMap<LineId, Option<usize>> =
        accounts.lines().map(|line| (line.clone(), None)).collect();
    for (index, line) in plan.lines.iter().enumerate() {
        for one in line.number.lines() {
            said.entry(one).or_default().get_or_insert(index);
        }
    }
    let mut devices: BTreeMap<LineId, Vec<usize>> = BTreeMap::new();
    for (index, device) in plan.devices.iter().enumerate() {
        for line in device.lines.iter().flat_map(model::plan::LineSpan::lines).take(SPAN_NUMBERS_MAX as usize)
        {
            devices.entry(line).or_default().push(index);
        }
    }
    let places: Vec<Arc<Place>> = plan
        .devices
        .iter()
        .map(|device| Arc::new(place(plan, device.pool.as_deref(), &device.place)))
        .collect();
    let nowhere = Arc::new(Place::default());
    let in_service =
        said.into_iter().filter(|(line, _)| accounts.owner(line).is_none() || accounts.is_in_service(line));
    in_service
        .map(|(line, said)| {
            let of_line = said.map(|said| &plan.lines[said]);
            let space = spaces.find(of_line.and_then(|line| line.search_space.as_deref()));
            let group = of_line.and_then(|line| line.presence_group.clone());
            let shown_on = devices.remove(&line).unwrap_or_default();
            let mut profiles: Vec<Profile> = shown_on
                .into_iter()
                .map(|index| {
                    let device = &plan.devices[index];
                    let of_device = spaces.find(device.search_space.as_deref());
                    Profile {
                        device: Some(index),
                        space: spaces.join(space, of_device),
                        subscribe: spaces
                            .find(device.subscribe_search_space.as_deref())
                            .or(spaces.subscribe_of_settings),
                        place: Arc::clone(&places[index]),
                        presence_group: group.clone().or_else(|| device.presence_group.clone()),
                    }
                })
                .collect();
            if profiles.is_empty() {
                let (device, subscribe) = (None, spaces.subscribe_of_settings);
                let (space, place) = (spaces.join(space, None), Arc::clone(&nowhere));
                profiles.push(Profile { device, space, subscribe, place, presence_group: group });
            }
            CompiledLine { line, said, profiles }
        })
        .collect()
}

/// Where a device or trunk stands: what it says itself, else what its pool says.
fn place(plan: &Plan, pool: Option<&str>, own: &Place) -> Place {
    let pool = pool.and_then(|name| plan.device_pools.iter().find(|pool| pool.name == name));
    pool.map_or_else(|| own.clone(), |pool| own.or(&pool.place))
}

/// All patterns, in the order that decides the last ties.
fn entries(
    plan: &Plan,
    lines: &[CompiledLine],
    partitions: &Partitions,
    spaces: &Spaces<'_>,
    services: &Services,
) -> Vec<(Pattern, Entry)> {
    let mut all: Vec<(Pattern, Entry)> = Vec::new();
    let mut add = |pattern: Pattern, partition: &Partition, target: Target, urgent: bool| {
        if let Some(partition) = partitions.number(partition) {
            all.push((pattern.clone(), entry(&pattern, partition, target, urgent)));
        }
    };
    let exact = |number: &str| Digits::parse(number).ok().map(Pattern::from);
    let house = Partition::default();
    if let Some(pattern) = services.echo.as_deref().and_then(exact) {
        add(pattern, &house, Target::Echo, false);
    }
    for pattern in services.conferences.iter().filter_map(|number| exact(number)) {
        add(pattern, &house, Target::Conference, false);
    }
    for (index, line) in lines.iter().enumerate() {
        if let Some(pattern) = exact(line.line.number.as_str()) {
            add(pattern, &line.line.partition, Target::Line(index), false);
        }
    }
    for (index, pilot) in plan.hunt_pilots.iter().enumerate() {
        if let Some(pattern) = exact(pilot.number.as_str()) {
            add(pattern, &pilot.partition, Target::HuntPilot(index), false);
        }
    }
    for (index, attendant) in plan.reception.attendants.iter().enumerate() {
        if let Some(pattern) = attendant.number.as_ref().and_then(|number| exact(number.as_str())) {
            add(pattern, &attendant.partition, Target::Attendant(index), false);
        }
    }
    for (index, queue) in plan.reception.queues.iter().enumerate() {
        if let Some(pattern) = exact(queue.number.as_str()) {
            add(pattern, &queue.partition, Target::Queue(index), false);
        }
    }
    for (index, point) in plan.outside.route_points.iter().enumerate() {
        add(point.pattern.clone(), &point.partition, Target::RoutePoint(index), false);
    }
    for (index, translation) in plan.translations.iter().enumerate() {
        let space = spaces.find(translation.search_space.as_deref());
        let target = Target::Translation(index, space);
        add(translation.pattern.clone(), &translation.partition, target, translation.urgent);
    }
    for (index, route) in plan.routes.iter().enumerate() {
        add(route.pattern.clone(), &route.partition, Target::Route(index), route.urgent);
    }
    for (index, code) in plan.feature_codes.iter().enumerate() {
        add(code.pattern.clone(), &code.partition, Target::Feature(index), false);
    }
    for pattern in services.slots.iter().filter_map(|number| exact(number)) {
        add(pattern, &house, Target::Slot, false);
    }
    // Stable: of equal texts, services come first, then lines, then what is written in the plan, then slots.
    all.sort_by(|(a, one), (b, other)| (a, one.partition).cmp(&(b, other.partition)));
    all
}

fn entry(pattern: &Pattern, partition: u16, target: Target, urgent: bool) -> Entry {
    let length = pattern.elements().len();
    let (product, fixed_of_open) = match pattern.many() {
        None => (pattern.breadth(length), None),
        // As short as it can be, the open place matches ten.
        Some(_) => (pattern.breadth(length) / 10, u8::try_from(length - 1).ok()),
    };
    let pre_dot = u8::try_from(pattern.pre_dot()).unwrap_or(0);
    Entry { text: pattern.to_string(), partition, pre_dot, urgent, product, fixed_of_open, target }
}
