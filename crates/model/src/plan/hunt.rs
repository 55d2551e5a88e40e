//! Hunt pilots: one number, several lines (`CC-18`).

use serde::{Deserialize, Serialize};

use super::{ForwardTo, LineSpan};
use crate::{Number, Partition};

/// A number that tries a list of lines, then a final destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HuntPilot {
    /// Its number.
    pub number: Number,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// In which order members are tried.
    pub algorithm: Algorithm,
    /// Its members.
    pub members: Vec<LineSpan>,
    /// How long one member rings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_seconds: Option<u16>,
    /// How long members are tried in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<u16>,
    /// Where a call goes that no member takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ForwardTo>,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// In which order the members of a hunt pilot are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Always from the first.
    TopDown,
    /// From the one behind who was tried last.
    Circular,
    /// From the one who has been idle for longest.
    LongestIdle,
    /// All at once.
    Broadcast,
}

impl Algorithm {
    /// The order in which `members` are tried: `turn` counts the calls of the pilot, `idle` says how long a member has
    /// been idle.
    pub fn order<M, T: Ord>(self, members: &[M], turn: usize, idle: impl Fn(&M) -> T) -> Vec<&M> {
        let mut order: Vec<&M> = members.iter().collect();
        match self {
            Self::TopDown | Self::Broadcast => {}
            Self::Circular if !order.is_empty() => {
                let first = turn % order.len();
                order.rotate_left(first);
            }
            Self::Circular => {}
            Self::LongestIdle => order.sort_by_key(|member| std::cmp::Reverse(idle(member))),
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_has_its_order() {
        let members = ["a", "b", "c"];
        let idle = |member: &&str| members.iter().position(|m| m == member);
        let order = |algorithm: Algorithm, turn| -> String {
            algorithm.order(&members, turn, idle).into_iter().copied().collect()
        };
        assert_eq!(order(Algorithm::TopDown, 4), "abc");
        assert_eq!(order(Algorithm::Circular, 4), "bca");
        assert_eq!(order(Algorithm::LongestIdle, 0), "cba");
        assert!(Algorithm::Circular.order(&[] as &[&str], 4, |_| 0).is_empty());
    }
}
