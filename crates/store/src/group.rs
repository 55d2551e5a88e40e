//! Groups of people. Those of a shared group stand in each other's rosters: [`Colleagues`] holds who does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::BareJid;
use serde_json::json;

use crate::db::{Bulk, Connection, Db, Row, args, bulk};
use crate::{Error, RosterItem, Store, Subscription};

/// Groups.
pub const GROUPS_MAX: usize = 1_000;
/// Members of one group.
pub const GROUP_MEMBERS_MAX: usize = 10_000;
/// A group with more members is in nobody's roster, shared or not: such a list helps nobody.
pub const SHARED_GROUP_MEMBERS_MAX: usize = 200;
/// A group's name, in bytes.
pub const GROUP_NAME_BYTES_MAX: usize = 256;

const SELECT: &str = "SELECT g.name, g.shared, COALESCE(m.jid, ''), COALESCE(u.name, '') FROM people_group g \
     LEFT JOIN people_group_member m ON m.group_name = g.name LEFT JOIN users u ON u.jid = m.jid \
     ORDER BY g.name, m.jid";
const COUNT: &str = "SELECT COUNT(*) FROM people_group";
const COUNT_MEMBERS: &str = "SELECT COUNT(*) FROM people_group_member WHERE group_name = $1";
const SELECT_OF: &str = "SELECT group_name FROM people_group_member WHERE jid = $1 ORDER BY group_name";
const INSERT: &str = "INSERT INTO people_group (name, shared) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const UPDATE: &str = "UPDATE people_group SET shared = $2 WHERE name = $1";
const DELETE: &str = "DELETE FROM people_group WHERE name = $1";
const EXISTS: &str = "SELECT COUNT(*) FROM people_group WHERE name = $1";
const INSERT_MEMBER: &str = "INSERT INTO people_group_member (group_name, jid) VALUES ($1, $2) \
     ON CONFLICT (group_name, jid) DO NOTHING";
const DELETE_MEMBER: &str = "DELETE FROM people_group_member WHERE group_name = $1 AND jid = $2";
/// Clients of these users fetch their rosters anew.
const RENEW_ROSTERS: Bulk = bulk!(
    "INSERT INTO roster_state (owner, version, oldest_version) \
     SELECT u.jid, 1, 1 FROM users u WHERE u.jid IN (SELECT e.value->>0 FROM",
    ") ON CONFLICT (owner) DO UPDATE SET version = roster_state.version + 1, \
     oldest_version = roster_state.version + 1"
);

pub(crate) const STATEMENTS: &[&str] =
    &[SELECT, SELECT_OF, COUNT, COUNT_MEMBERS, INSERT, UPDATE, DELETE, EXISTS, INSERT_MEMBER, DELETE_MEMBER];
pub(crate) const BULKS: &[Bulk] = &[RENEW_ROSTERS];

/// A group of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name, under which rosters show it.
    pub name: String,
    /// Its members stand in each other's rosters, if there are not too many.
    pub shared: bool,
    /// Who belongs to it, with the name shown to people.
    pub members: BTreeMap<BareJid, String>,
}

impl Group {
    /// Do its members stand in each other's rosters?
    pub fn is_in_rosters(&self) -> bool {
        self.shared && self.members.len() <= SHARED_GROUP_MEMBERS_MAX
    }
}

/// Who stands in whose roster because they belong to a shared group.
#[derive(Debug, Default)]
pub struct Colleagues(BTreeMap<BareJid, Vec<Arc<Group>>>);

impl Colleagues {
    fn of_groups(groups: Vec<Group>) -> Self {
        let mut all = Self::default();
        for group in groups.into_iter().filter(Group::is_in_rosters) {
            let group = Arc::new(group);
            for member in group.members.keys() {
                all.0.entry(member.clone()).or_default().push(Arc::clone(&group));
            }
        }
        all
    }

    /// Everybody who belongs to a shared group.
    pub fn users(&self) -> impl Iterator<Item = &BareJid> {
        self.0.keys()
    }

    /// The colleagues of a user, with their names and the groups that make them so.
    pub fn of(&self, user: &BareJid) -> BTreeMap<&BareJid, (&str, Vec<&str>)> {
        let mut found = BTreeMap::<&BareJid, (&str, Vec<&str>)>::new();
        for group in self.0.get(user).into_iter().flatten() {
            for (member, name) in group.members.iter().filter(|(member, _)| *member != user) {
                found.entry(member).or_insert_with(|| (name, Vec::new())).1.push(&group.name);
            }
        }
        found
    }

    /// Do these two stand in each other's rosters?
    pub fn are(&self, one: &BareJid, other: &BareJid) -> bool {
        one != other && self.groups(one, other).next().is_some()
    }

    fn groups<'a>(&'a self, user: &BareJid, contact: &'a BareJid) -> impl Iterator<Item = &'a Group> {
        let groups = self.0.get(user).into_iter().flatten().map(|group| &**group);
        groups.filter(move |group| group.members.contains_key(contact))
    }

    /// The item as the user sees it: of a colleague with the subscription and the groups that come with that.
    pub(crate) fn shown(
        &self,
        user: &BareJid,
        contact: &BareJid,
        item: Option<RosterItem>,
    ) -> Option<RosterItem> {
        let mut groups = self.groups(user, contact).filter(|_| user != contact).peekable();
        let Some(first) = groups.peek() else { return item };
        let mut item = item.unwrap_or_else(|| RosterItem {
            name: first.members.get(contact).cloned().unwrap_or_default(),
            ..RosterItem::new(contact.clone())
        });
        (item.subscription, item.ask) = (Subscription::Both, false);
        for group in groups {
            if !item.groups.contains(&group.name) {
                item.groups.push(group.name.clone());
            }
        }
        Some(item)
    }

    /// All items as the user sees them, by contact.
    pub(crate) fn shown_all(&self, user: &BareJid, items: Vec<RosterItem>) -> Vec<RosterItem> {
        if !self.0.contains_key(user) {
            return items;
        }
        let mut own: BTreeMap<BareJid, RosterItem> =
            items.into_iter().map(|item| (item.contact.clone(), item)).collect();
        for contact in self.of(user).into_keys() {
            if let Some(item) = self.shown(user, contact, own.remove(contact)) {
                own.insert(contact.clone(), item);
            }
        }
        own.into_values().collect()
    }

    /// What is kept of an item of a colleague: not what comes with the group. `kept` is what was there before.
    pub(crate) fn own(&self, user: &BareJid, mut item: RosterItem, kept: Option<RosterItem>) -> RosterItem {
        let shared: BTreeSet<&str> =
            self.groups(user, &item.contact).map(|group| group.name.as_str()).collect();
        item.groups.retain(|group| !shared.contains(group.as_str()));
        let kept = kept.unwrap_or_else(|| RosterItem::new(item.contact.clone()));
        (item.subscription, item.ask) = (kept.subscription, kept.ask);
        item
    }
}

impl Store {
    /// All groups, by name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn groups(&self) -> Result<Vec<Group>, Error> {
        read(&self.db().rows(SELECT, args![]).await?)
    }

    /// The groups that a user belongs to, shared or not, by name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn groups_of(&self, user: &BareJid) -> Result<Vec<String>, Error> {
        self.db().rows(SELECT_OF, args![user]).await?.iter().map(|row| row.text(0)).collect()
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is one of that name; [`Error::Limit`] when the name is too long or there are too
    /// many.
    pub async fn group_add(&self, name: &str, shared: bool) -> Result<(), Error> {
        if name.trim().is_empty() {
            return Err(Error::Refused("a group needs a name".to_owned()));
        }
        if name.len() > GROUP_NAME_BYTES_MAX {
            return Err(Error::Limit { what: "bytes in a group's name", max: GROUP_NAME_BYTES_MAX });
        }
        let name = name.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                within(connection.row(COUNT, args![]).await?, "groups", GROUPS_MAX)?;
                match connection.execute(INSERT, args![name.as_str(), shared]).await? {
                    0 => Err(Error::Refused(format!("the group {name} exists already"))),
                    _ => Ok(()),
                }
            })
        })
        .await
    }

    /// Shares a group, or no longer.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such group.
    pub async fn group_set_shared(&self, name: &str, shared: bool) -> Result<(), Error> {
        let name = name.to_owned();
        self.group_change(move |connection| {
            Box::pin(
                async move { found(connection.execute(UPDATE, args![name.as_str(), shared]).await?, &name) },
            )
        })
        .await
    }

    /// Forgets a group.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such group.
    pub async fn group_remove(&self, name: &str) -> Result<(), Error> {
        let name = name.to_owned();
        self.group_change(move |connection| {
            Box::pin(async move { found(connection.execute(DELETE, args![name.as_str()]).await?, &name) })
        })
        .await
    }

    /// Adds members, all or none.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such group or user; [`Error::Limit`] when they become too many.
    pub async fn group_member_add(&self, name: &str, members: &[BareJid]) -> Result<(), Error> {
        let (name, members) = (name.to_owned(), members.to_vec());
        self.group_change(move |connection| {
            Box::pin(async move {
                let groups = connection.row(EXISTS, args![name.as_str()]).await?;
                found(groups.map_or(Ok(0), |row| row.int(0))?.unsigned_abs(), &name)?;
                for member in &members {
                    let count = connection.row(COUNT_MEMBERS, args![name.as_str()]).await?;
                    within(count, "members of a group", GROUP_MEMBERS_MAX)?;
                    match connection.execute(INSERT_MEMBER, args![name.as_str(), member]).await {
                        Err(error) if error.is_missing_parent() => {
                            return Err(Error::NotFound(format!("user {member}")));
                        }
                        done => done.map(drop)?,
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// Takes members away.
    ///
    /// # Errors
    /// [`Error::NotFound`] when one of them does not belong to the group; then none is taken away.
    pub async fn group_member_remove(&self, name: &str, members: &[BareJid]) -> Result<(), Error> {
        let (name, members) = (name.to_owned(), members.to_vec());
        self.group_change(move |connection| {
            Box::pin(async move {
                for member in &members {
                    if connection.execute(DELETE_MEMBER, args![name.as_str(), member]).await? == 0 {
                        return Err(Error::NotFound(format!("member {member} of the group {name}")));
                    }
                }
                Ok(())
            })
        })
        .await
    }

    /// Who stands in whose roster because they belong to a shared group, as it is now.
    pub fn colleagues(&self) -> Arc<Colleagues> {
        Arc::clone(&self.colleagues_held().read())
    }

    async fn group_change<F>(&self, job: F) -> Result<(), Error>
    where
        F: for<'c> FnOnce(&'c mut Connection) -> futures::future::BoxFuture<'c, Result<(), Error>>
            + Send
            + 'static,
    {
        self.write(job).await?;
        self.groups_changed().await
    }

    /// Members have come or gone: the rosters that it touches get a new version.
    pub(crate) async fn groups_changed(&self) -> Result<(), Error> {
        let after = Arc::new(load(self.db()).await?);
        let before = self.colleagues();
        let touched: BTreeSet<&BareJid> =
            before.users().chain(after.users()).filter(|user| before.of(user) != after.of(user)).collect();
        *self.colleagues_held().write() = Arc::clone(&after);
        if touched.is_empty() {
            return Ok(());
        }
        let json = json!(touched.iter().map(|user| [user.as_str()]).collect::<Vec<_>>()).to_string();
        self.write(move |connection| {
            Box::pin(async move { connection.execute_bulk(RENEW_ROSTERS, json).await.map(drop) })
        })
        .await
    }
}

/// Reads who stands in whose roster.
pub(crate) async fn load(db: &Db) -> Result<Colleagues, Error> {
    Ok(Colleagues::of_groups(read(&db.rows(SELECT, args![]).await?)?))
}

fn read(rows: &[Row]) -> Result<Vec<Group>, Error> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let name = row.text(0)?;
        if groups.last().is_none_or(|last| last.name != name) {
            groups.push(Group { name, shared: row.flag(1)?, members: BTreeMap::new() });
        }
        let member = row.text(2)?;
        if let Some(group) = groups.last_mut().filter(|_| !member.is_empty()) {
            group.members.insert(crate::db::parse(&member)?, row.text(3)?);
        }
    }
    Ok(groups)
}

fn found(rows: u64, name: &str) -> Result<(), Error> {
    if rows > 0 { Ok(()) } else { Err(Error::NotFound(format!("group {name}"))) }
}

fn within(count: Option<Row>, what: &'static str, max: usize) -> Result<(), Error> {
    let count = count.map_or(Ok(0), |row| row.int(0))?;
    if usize::try_from(count).unwrap_or(usize::MAX) < max { Ok(()) } else { Err(Error::Limit { what, max }) }
}
