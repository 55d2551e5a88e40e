//! The ways out: trunks, route groups, route lists with the standard local route group (`CC-10` … `CC-12`).

use serde::{Deserialize, Serialize};

use super::{
    AlternateGroup, Costs, Location, Place, Region, RoutePoint, SecurityProfile, SipRoute, Transformation,
    TrunkSip,
};

/// The name that stands for the local route group of whoever calls (`CC-11`).
pub const LOCAL_ROUTE_GROUP: &str = "local";

/// All ways out, and what lies between places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outside {
    /// Trunks.
    #[serde(rename = "trunk", skip_serializing_if = "Vec::is_empty")]
    pub trunks: Vec<Trunk>,
    /// Security profiles of trunks.
    #[serde(rename = "security_profile", skip_serializing_if = "Vec::is_empty")]
    pub security_profiles: Vec<SecurityProfile>,
    /// Route groups.
    #[serde(rename = "route_group", skip_serializing_if = "Vec::is_empty")]
    pub route_groups: Vec<RouteGroup>,
    /// Route lists.
    #[serde(rename = "route_list", skip_serializing_if = "Vec::is_empty")]
    pub route_lists: Vec<RouteList>,
    /// Routes of addresses by their domain.
    #[serde(rename = "sip_route", skip_serializing_if = "Vec::is_empty")]
    pub sip_routes: Vec<SipRoute>,
    /// Groups of automated alternate routing.
    #[serde(rename = "alternate_group", skip_serializing_if = "Vec::is_empty")]
    pub alternate_groups: Vec<AlternateGroup>,
    /// CTI route points: applications outside say where their calls go.
    #[serde(rename = "route_point", skip_serializing_if = "Vec::is_empty")]
    pub route_points: Vec<RoutePoint>,
    /// What calls out may cost.
    #[serde(skip_serializing_if = "Costs::is_usual")]
    pub costs: Costs,
    /// Regions: codecs and rates between places.
    #[serde(rename = "region", skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// Locations: bandwidth between places.
    #[serde(rename = "location", skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
}

impl Outside {
    /// The security profile of a trunk, when it names one.
    pub fn security_profile(&self, trunk: &Trunk) -> Option<&SecurityProfile> {
        let name = trunk.security_profile.as_ref()?;
        self.security_profiles.iter().find(|profile| profile.name == *name)
    }
}

/// A trunk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trunk {
    /// Its name.
    pub name: String,
    /// What calls that come in over it may reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_space: Option<String>,
    /// What subscriptions that come in over it may watch (`PH-09`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_search_space: Option<String>,
    /// The presence group of whoever watches over it (`PH-10`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_group: Option<String>,
    /// What becomes of the called number of a call that goes out over it.
    #[serde(skip_serializing_if = "Transformation::is_none")]
    pub called: Transformation,
    /// What becomes of the calling number of a call that goes out over it.
    #[serde(skip_serializing_if = "Transformation::is_none")]
    pub calling: Transformation,
    /// What becomes of the called number of a call that comes in over it, before it is looked up.
    #[serde(skip_serializing_if = "Transformation::is_none")]
    pub called_in: Transformation,
    /// What becomes of the calling number of a call that comes in over it.
    #[serde(skip_serializing_if = "Transformation::is_none")]
    pub calling_in: Transformation,
    /// A REFER outside a dialog originates a call here (`CC-27`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_out_of_dialog_refer: bool,
    /// Its security profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_profile: Option<String>,
    /// The device pool whose place it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// Where it stands; what is not said here says its pool.
    #[serde(skip_serializing_if = "Place::is_none")]
    pub place: Place,
    /// How it is reached, and who is it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sip: Option<TrunkSip>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Which trunk of a group is tried first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// Always the first.
    #[default]
    TopDown,
    /// Each call the next one.
    Circular,
    /// Each as often as its weight says.
    Weighted,
    /// The one that has least to do, measured by `calls_max` where a trunk has one.
    LeastCalls,
}

/// Trunks that serve one purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteGroup {
    /// Its name.
    pub name: String,
    /// Its trunks.
    pub trunks: Vec<String>,
    /// Which of them is tried first.
    pub selection: Selection,
    /// How often each is tried first when the selection is weighted, in the order of the trunks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<u16>,
}

impl RouteGroup {
    /// The place of the trunk that is tried first by call number `turn`.
    pub fn first(&self, turn: usize) -> usize {
        match self.selection {
            Selection::TopDown | Selection::LeastCalls => 0,
            Selection::Circular => turn % self.trunks.len().max(1),
            Selection::Weighted => {
                let weights =
                    || self.weights.iter().take(self.trunks.len()).map(|weight| usize::from(*weight));
                let mut left = turn % weights().sum::<usize>().max(1);
                let takes = |weight: usize| {
                    let is_it = left < weight;
                    left = left.saturating_sub(weight);
                    is_it
                };
                weights().map(takes).position(|is_it| is_it).unwrap_or(0)
            }
        }
    }
}

/// Route groups, tried in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteList {
    /// Its name.
    pub name: String,
    /// Its members.
    pub members: Vec<RouteListMember>,
}

/// One member of a route list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RouteListMember {
    /// The route group; `local` is the caller's own.
    pub group: String,
    /// What becomes of the called number on this way, after what the pattern did.
    #[serde(skip_serializing_if = "Transformation::is_none")]
    pub called: Transformation,
    /// What becomes of the calling number on this way, after what the pattern did.
    #[serde(skip_serializing_if = "Transformation::is_none")]
    pub calling: Transformation,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_say_how_often_a_trunk_is_first() {
        let trunks = ["a", "b", "c"].map(str::to_owned).to_vec();
        let group = |selection, weights: &[u16]| RouteGroup {
            trunks: trunks.clone(),
            selection,
            weights: weights.to_vec(),
            ..RouteGroup::default()
        };
        let firsts = |group: RouteGroup| (0..8).map(|turn| group.first(turn).to_string()).collect::<String>();
        assert_eq!(firsts(group(Selection::Weighted, &[3, 0, 1])), "00020002");
        assert_eq!(firsts(group(Selection::Weighted, &[])), "00000000");
        assert_eq!(firsts(group(Selection::Circular, &[])), "01201201");
        assert_eq!(firsts(group(Selection::LeastCalls, &[])), "00000000");
    }
}
