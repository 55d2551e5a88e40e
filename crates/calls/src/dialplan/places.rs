//! What regions and locations say of two ends of a call (`CC-25`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::plan::{Allowance, Place, Plan};

use super::explanation::Step;
use super::{DialPlan, Route, Who};
use crate::admission::{Between, PoolName, Stand};

/// Regions and locations by name.
#[derive(Debug, Default)]
pub(super) struct Places {
    regions: BTreeMap<String, Arc<Allowance>>,
    /// By both names, in their order.
    pairs: BTreeMap<(String, String), Arc<Allowance>>,
    others: Arc<Allowance>,
    locations: BTreeMap<String, Arc<str>>,
    /// Lists of media resources that places name, without a transcoder.
    without_transcoder: BTreeSet<String>,
}

impl Places {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut places = Self { others: Arc::new(plan.settings.between_regions.clone()), ..Self::default() };
        for region in &plan.outside.regions {
            places.regions.insert(region.name.clone(), Arc::new(region.within.clone()));
            for to in &region.to {
                let pair = ordered(&region.name, &to.region);
                places.pairs.insert(pair, Arc::new(to.allows.clone()));
            }
        }
        let named = plan.outside.locations.iter().map(|location| location.name.as_str());
        places.locations = named.map(|name| (name.to_owned(), Arc::from(name))).collect();
        let (devices, pools) = (plan.devices.iter(), plan.device_pools.iter());
        let (devices, pools) = (devices.map(|one| &one.place), pools.map(|one| &one.place));
        let all = devices.chain(pools).chain(plan.outside.trunks.iter().map(|one| &one.place));
        let without = all.filter(|place| !plan.has_transcoding(place));
        places.without_transcoder = without.filter_map(|place| place.media_resources.clone()).collect();
        places
    }

    fn is_empty(&self) -> bool {
        self.regions.is_empty() && self.locations.is_empty() && self.without_transcoder.is_empty()
    }

    fn allowance(&self, one: &Place, other: &Place) -> Option<&Arc<Allowance>> {
        let (one, other) = (one.region.as_ref()?, other.region.as_ref()?);
        if one == other {
            return self.regions.get(one);
        }
        Some(self.pairs.get(&ordered(one, other)).unwrap_or(&self.others))
    }

    fn bars_transcoding(&self, place: &Place) -> bool {
        place.media_resources.as_ref().is_some_and(|list| self.without_transcoder.contains(list))
    }

    fn location(&self, place: &Place) -> Option<&Arc<str>> {
        self.locations.get(place.location.as_ref()?)
    }
}

fn ordered(one: &str, other: &str) -> (String, String) {
    (one.min(other).to_owned(), one.max(other).to_owned())
}

impl DialPlan {
    /// Does it say anything of places?
    pub fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// What holds between two ends of a call: what their regions allow, and the pools that the call takes from. An end
    /// of which no place is known is where everything is allowed.
    pub fn between(&self, one: Stand<'_>, other: Stand<'_>) -> Between {
        if self.places.is_empty() {
            return Between::default();
        }
        let nowhere = Place::default();
        let (one, other) = (self.place_of(one).unwrap_or(&nowhere), self.place_of(other).unwrap_or(&nowhere));
        let allowance = self.places.allowance(one, other).filter(|allowance| !allowance.is_none()).cloned();
        Between {
            allowance,
            pools: PoolName::of(self.places.location(one), self.places.location(other)),
            bars_transcoding: self.places.bars_transcoding(one) || self.places.bars_transcoding(other),
        }
    }

    /// May who stands there have conferences (`CC-24`)? Who stands nowhere may.
    pub fn has_conferences(&self, stand: Stand<'_>) -> bool {
        self.place_of(stand).is_none_or(|place| self.plan.has_conferences(place))
    }

    /// Where an end of a call stands.
    fn place_of(&self, stand: Stand<'_>) -> Option<&Place> {
        if let Some(trunk) = stand.trunk {
            return Some(&self.names.trunk(&self.plan, trunk)?.1.place);
        }
        let profiles = &self.lines[self.line_index(stand.line?)?].profiles;
        let named = |profile: &&super::Profile| {
            profile.device.is_some_and(|at| Some(self.plan.devices[at].name.as_str()) == stand.device)
        };
        Some(&profiles.iter().find(named).or(profiles.first())?.place)
    }

    /// What the regions of a caller and of the line that is reached allow, in words; of several devices, the first.
    pub fn allows(&self, who: &Who<'_>, route: &Route<'_>) -> String {
        let callee = Stand { line: route.line(), ..Stand::default() };
        let allowance = self.between(who.stand(), callee).allowance;
        allowance.as_deref().map_or_else(|| "everything".to_owned(), words)
    }

    /// What a call to another end would be held to, in words.
    pub(super) fn place_steps(&self, caller: Stand<'_>, callee: Stand<'_>, who: &str) -> Vec<Step> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let name = |of: Option<&Place>, field: fn(&Place) -> Option<&String>| {
            of.and_then(field).map_or_else(|| "none".to_owned(), String::clone)
        };
        let (one, other) = (self.place_of(caller), self.place_of(callee));
        let region = |of| name(of, |place| place.region.as_ref());
        let location = |of| name(of, |place| place.location.as_ref());
        let between = self.between(caller, callee);
        let allows = between.allowance.as_deref().map_or_else(|| "everything".to_owned(), words);
        let pools: Vec<String> = between.pools.iter().map(ToString::to_string).collect();
        let pools = if pools.is_empty() { "none".to_owned() } else { pools.join(", ") };
        let mut steps = vec![
            Step::new(format!("to {who}: region {} to {} allows {allows}", region(one), region(other))),
            Step::new(format!(
                "to {who}: location {} to {} takes from these pools: {pools}",
                location(one),
                location(other)
            )),
        ];
        for (end, place) in [("who calls", one), (who, other)] {
            let list = place.filter(|place| self.places.bars_transcoding(place));
            if let Some(list) = list.and_then(|place| place.media_resources.as_ref()) {
                steps.push(Step::new(format!(
                    "to {who}: the media resources of {end} (list {list}) have no transcoder: both must speak one codec"
                )));
            }
        }
        steps
    }
}

fn words(allowance: &Allowance) -> String {
    let mut words = match allowance.codecs.is_empty() {
        true => "all codecs".to_owned(),
        false => allowance.codecs.join(", "),
    };
    if let Some(kbits) = allowance.audio_kbits {
        words += &format!("; sound at most {kbits} kbit/s");
    }
    match allowance.video_kbits() {
        Some(0) => words += "; no pictures",
        Some(kbits) => words += &format!("; pictures at most {kbits} kbit/s"),
        None => {}
    }
    words
}

#[cfg(test)]
mod tests {
    use model::LineId;

    use super::super::{Accounts, Ask, compile};
    use super::*;

    const PLAN: &str = r#"
        settings.between_regions = { codecs = ["G729"] }
        [[line]]
        number = "1001-1003"
        [[device]]
        name = "berlin"
        lines = ["1001"]
        pool = "berlin"
        [[device]]
        name = "london"
        lines = ["1001-1002"]
        place = { region = "london", location = "london" }
        [[device_pool]]
        name = "berlin"
        place = { region = "berlin", location = "berlin" }
        [[outside.region]]
        name = "berlin"
        within = { codecs = ["opus", "G722"], audio_kbits = 64, video_call_kbits = 2064 }
        to = [{ region = "london", allows = { audio_kbits = 8, video_call_kbits = 0 } }]
        [[outside.region]]
        name = "london"
        [[outside.region]]
        name = "paris"
        [[outside.location]]
        name = "berlin"
        [[outside.location]]
        name = "london"
        [[outside.trunk]]
        name = "t"
        place = { region = "paris", location = "london" }
    "#;

    fn plan() -> DialPlan {
        compile(&Plan::read(PLAN).unwrap(), Accounts::default(), None)
    }

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<model::Number>().unwrap())
    }

    fn shown(one: Stand<'_>, other: Stand<'_>) -> (String, String) {
        let between = plan().between(one, other);
        let pools: Vec<String> = between.pools.iter().map(ToString::to_string).collect();
        (between.allowance.as_deref().map(words).unwrap_or_default(), pools.join(", "))
    }

    #[test]
    fn each_device_of_a_line_stands_where_it_is() {
        let (one, two, three) = (line("1001"), line("1002"), line("1003"));
        let on = |device| Stand { line: Some(&one), device: Some(device), trunk: None };
        let other = Stand { line: Some(&two), ..Stand::default() };
        let wan = "all codecs; sound at most 8 kbit/s; no pictures";
        assert_eq!(
            shown(on("berlin"), other),
            (wan.to_owned(), "berlin, london, berlin to london".to_owned())
        );
        assert_eq!(
            shown(on("london"), other),
            (String::new(), String::new()),
            "london says nothing of itself"
        );
        let within = "opus, G722; sound at most 64 kbit/s; pictures at most 2000 kbit/s";
        assert_eq!(shown(on("berlin"), on("berlin")), (within.to_owned(), String::new()));
        let nowhere = Stand { line: Some(&three), ..Stand::default() };
        assert_eq!(shown(on("berlin"), nowhere), (String::new(), "berlin".to_owned()));
        let trunk = Stand { trunk: Some("t"), ..Stand::default() };
        assert_eq!(
            shown(on("berlin"), trunk),
            ("G729".to_owned(), "berlin, london, berlin to london".to_owned())
        );
        assert_eq!(shown(other, trunk), ("G729".to_owned(), String::new()));
    }

    #[test]
    fn a_list_without_transcoder_or_conferences_holds_for_its_places() {
        let document = r#"
            [[line]]
            number = "1001-1002"
            [[device]]
            name = "a"
            lines = ["1001"]
            pool = "p"
            [[device_pool]]
            name = "p"
            place.media_resources = "poor"
            [[resources.group]]
            name = "music"
            music = "waltz"
            [[resources.list]]
            name = "poor"
            groups = ["music"]
        "#;
        let services = super::super::Services { conferences: vec!["800".to_owned()], ..Default::default() };
        let plan = compile(&Plan::read(document).unwrap(), Accounts::default(), services);
        let (one, two) = (line("1001"), line("1002"));
        let stand = |line| Stand { line: Some(line), ..Stand::default() };
        assert!(plan.has_places());
        assert!(plan.between(stand(&one), stand(&two)).bars_transcoding);
        assert!(plan.between(stand(&two), stand(&one)).bars_transcoding);
        assert!(!plan.between(stand(&two), stand(&two)).bars_transcoding);
        assert!(!plan.has_conferences(stand(&one)) && plan.has_conferences(stand(&two)));
        assert_eq!(plan.music_of(&one).map(|sound| sound.as_str()), Some("waltz"));
        let explained = |from: &LineId, to: &str| {
            plan.explain(&Ask::new(to, Who::Line(from, None), model::Timestamp(0))).0.to_string()
        };
        let told = explained(&one, "800");
        assert!(
            told.contains("(list poor) have no conferences: refused") && told.contains("result: blocked")
        );
        assert!(explained(&two, "800").contains("result: conference 800"));
        let told = explained(&two, "1001");
        assert!(told.contains("of a (list poor) have no transcoder"), "{told}");
    }

    #[test]
    fn an_explanation_tells_what_the_places_allow() {
        let (plan, line) = (plan(), line("1001"));
        let ask = Ask::new("1002", Who::Line(&line, Some("berlin")), model::Timestamp(0));
        let text = plan.explain(&ask).0.to_string();
        assert!(
            text.contains("to london: region berlin to london allows all codecs; sound at most 8 kbit/s"),
            "{text}"
        );
        assert!(text.contains("takes from these pools: berlin, london, berlin to london"), "{text}");
    }
}
