//! Groups of people: made, shared, filled.

use model::BareJid;
use serde::{Deserialize, Serialize};
use store::Group;

use crate::{Change, Context, Failure};

/// What is to be done with a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupChange {
    /// Make it.
    Add {
        /// Its members stand in each other's rosters.
        shared: bool,
    },
    /// Share it, or no longer.
    Share(bool),
    /// Forget it.
    Remove,
    /// Add members, all or none.
    MemberAdd(Vec<BareJid>),
    /// Take members away, all or none.
    MemberRemove(Vec<BareJid>),
}

/// A group as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GroupShown {
    /// Its name.
    pub name: String,
    /// Its members are meant to stand in each other's rosters.
    pub shared: bool,
    /// They do: it is shared and not too large.
    pub in_rosters: bool,
    /// Who belongs to it.
    #[schema(value_type = Vec<String>)]
    pub members: Vec<BareJid>,
}

impl From<Group> for GroupShown {
    fn from(group: Group) -> Self {
        Self {
            in_rosters: group.is_in_rosters(),
            name: group.name,
            shared: group.shared,
            members: group.members.into_keys().collect(),
        }
    }
}

pub(crate) async fn list(context: &Context) -> Result<Vec<GroupShown>, Failure> {
    Ok(context.store.groups().await?.into_iter().map(GroupShown::from).collect())
}

pub(crate) async fn change(
    context: &Context,
    name: &str,
    change: &GroupChange,
) -> Result<Option<GroupShown>, Failure> {
    let store = &context.store;
    match change {
        GroupChange::Add { shared } => store.group_add(name, *shared).await?,
        GroupChange::Share(shared) => store.group_set_shared(name, *shared).await?,
        GroupChange::Remove => store.group_remove(name).await?,
        GroupChange::MemberAdd(members) => store.group_member_add(name, members).await?,
        GroupChange::MemberRemove(members) => store.group_member_remove(name, members).await?,
    }
    context.changed(&Change::GroupsChanged);
    Ok(list(context).await?.into_iter().find(|group| group.name == name))
}
