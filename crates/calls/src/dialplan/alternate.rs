//! Automated alternate routing: the same call over the public network when admission is refused (`CC-21`).

use model::plan::{Digits, Mask};
use model::{LineId, Timestamp};

use super::DialPlan;
use super::explanation::Silent;
use super::route::{Ask, Route};
use super::who::Who;

/// Why there is no other way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAlternate {
    /// Nobody knows the line's number outside.
    #[error("the called line has no external_mask")]
    NoMask,
    /// The caller or the called line is in no group.
    #[error("the caller or the called line is in no alternate group")]
    NoGroup,
    /// The caller has no search space for it.
    #[error("the caller's place has no alternate_search_space")]
    NoSearchSpace,
}

impl DialPlan {
    /// The way to a line over the public network: its number outside, behind what the two groups dial to each other,
    /// in the alternate search space of the caller.
    ///
    /// # Errors
    /// The plan does not say enough.
    pub fn reroute(&self, called: &LineId, who: &Who<'_>, when: Timestamp) -> Result<Route<'_>, NoAlternate> {
        let line = self.line_index(called).map(|index| &self.lines[index]);
        let said = line.and_then(|line| line.said).map(|said| &self.plan.lines[said]);
        let mask: &Mask = said.and_then(|said| said.external_mask.as_ref()).ok_or(NoAlternate::NoMask)?;
        let number = Digits::parse(called.number.as_str()).map_err(|_| NoAlternate::NoMask)?;
        let called_place = line.and_then(|line| line.profiles.first()).map(|profile| &profile.place);
        let theirs = said
            .and_then(|said| said.alternate_group.as_deref())
            .or_else(|| called_place.and_then(|place| place.alternate_group.as_deref()));
        let caller = self.caller(who);
        let place = &caller.profile.place;
        let of_line = caller.line.and_then(|index| self.lines[index].said);
        let ours = of_line
            .and_then(|said| self.plan.lines[said].alternate_group.as_deref())
            .or(place.alternate_group.as_deref());
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return Err(NoAlternate::NoGroup) };
        let group = self.plan.outside.alternate_groups.iter().find(|group| group.name == ours);
        let prefix = group.ok_or(NoAlternate::NoGroup)?.prefix(theirs);
        let space = place.alternate_search_space.as_deref().and_then(|name| self.names.space(name));
        let space = space.ok_or(NoAlternate::NoSearchSpace)?;
        let outside = mask.over(&number);
        let bytes = outside.as_bytes();
        let bytes = if prefix.is_empty() { bytes } else { bytes.strip_prefix(b"+").unwrap_or(bytes) };
        let dialled = Digits::joined(&[prefix.as_bytes(), bytes]).ok_or(NoAlternate::NoMask)?;
        Ok(self.analyse(&Ask::new(dialled.as_str(), *who, when), Some(space), &mut Silent))
    }
}
