//! Media resources: what the server may do with the sound of calls, and what it plays, by place (`CC-24`).

use serde::{Deserialize, Serialize};

use super::{Place, Plan, SoundName};

/// Media resource groups and lists of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// Groups.
    #[serde(rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<MediaResourceGroup>,
    /// Lists of groups, which places name.
    #[serde(rename = "list", skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<MediaResourceList>,
}

/// What belongs together. Whoever is given a group has what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaResourceGroup {
    /// Its name.
    pub name: String,
    /// What is played to whoever is put on hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub music: Option<SoundName>,
    /// The conference bridge.
    pub conferences: bool,
    /// The transcoder: sound is made into another codec when two ends share none.
    pub transcoding: bool,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Groups in the order in which they are looked through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaResourceList {
    /// Its name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Resources {
    /// Is nothing said?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The groups of a list, in their order. A name that is not there is a mistake: it has nothing.
    pub fn groups_of<'a>(&'a self, list: &str) -> impl Iterator<Item = &'a MediaResourceGroup> {
        let list = self.lists.iter().find(|one| one.name == list);
        let names = list.into_iter().flat_map(|list| &list.groups);
        names.filter_map(|name| self.groups.iter().find(|group| group.name == *name))
    }
}

impl Plan {
    /// What is played to whoever is put on hold at a place: what the place says, else the first group of its list that
    /// says something.
    pub fn music_at<'a>(&'a self, place: &'a Place) -> Option<&'a SoundName> {
        let of_list = || {
            let list = place.media_resources.as_deref()?;
            self.resources.groups_of(list).find_map(|group| group.music.as_ref())
        };
        place.music.as_ref().or_else(of_list)
    }

    /// May phones of a place have conferences? A place without a list has all that the server has.
    pub fn has_conferences(&self, place: &Place) -> bool {
        let list = place.media_resources.as_deref();
        list.is_none_or(|list| self.resources.groups_of(list).any(|group| group.conferences))
    }

    /// May the sound of calls of a place be made into another codec?
    pub fn has_transcoding(&self, place: &Place) -> bool {
        let list = place.media_resources.as_deref();
        list.is_none_or(|list| self.resources.groups_of(list).any(|group| group.transcoding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_what_any_of_its_groups_has_and_the_first_music() {
        let plan = Plan::read(
            r#"
            [[resources.group]]
            name = "plain"
            [[resources.group]]
            name = "waltz"
            music = "waltz"
            conferences = true
            [[resources.group]]
            name = "march"
            music = "march"
            transcoding = true
            [[resources.list]]
            name = "all"
            groups = ["plain", "waltz", "march"]
            [[resources.list]]
            name = "poor"
            groups = ["plain", "nothing"]
        "#,
        )
        .unwrap();
        let at = |list: Option<&str>| {
            let place = Place { media_resources: list.map(str::to_owned), ..Place::default() };
            let music = plan.music_at(&place).map(ToString::to_string);
            (music.unwrap_or_default(), plan.has_conferences(&place), plan.has_transcoding(&place))
        };
        assert_eq!(at(Some("all")), ("waltz".to_owned(), true, true));
        assert_eq!(at(Some("poor")), (String::new(), false, false));
        assert_eq!(at(Some("missing")), (String::new(), false, false), "a mistake gives nothing");
        assert_eq!(at(None), (String::new(), true, true), "without a list there is all");
        let own =
            Place { music: "own".parse().ok(), media_resources: Some("all".to_owned()), ..Place::default() };
        assert_eq!(plan.music_at(&own).map(SoundName::as_str), Some("own"));
    }
}
