//! Rosters: whom a user knows, versioned so that a client fetches only what changed (RFC 6121 §2).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use model::BareJid;

use crate::db::{Connection, Row, args};
use crate::{Error, Store};

/// The most items in one roster.
pub const ROSTER_ITEMS_MAX: usize = 1_000;
/// How many removals of one roster are remembered for versioning; a client that missed more fetches anew.
pub const ROSTER_REMOVALS_KEPT: usize = 200;
/// The most groups of one item.
pub const ROSTER_GROUPS_MAX: usize = 32;

const SELECT_ALL: &str = "SELECT contact, name, subscription, ask, approved, group_names FROM roster_item \
     WHERE owner = $1 AND removed = 0 ORDER BY contact";
const SELECT_ONE: &str = "SELECT contact, name, subscription, ask, approved, group_names FROM roster_item \
     WHERE owner = $1 AND contact = $2 AND removed = 0";
const SELECT_SINCE: &str = "SELECT contact, name, subscription, ask, approved, group_names, version, removed \
     FROM roster_item WHERE owner = $1 AND version > $2 ORDER BY version";
const SELECT_STATE: &str = "SELECT version, oldest_version FROM roster_state WHERE owner = $1";
const SELECT_CONTACT_OF: &str = "SELECT owner, subscription FROM roster_item \
     WHERE contact = $1 AND removed = 0 ORDER BY owner";
const NEXT_VERSION: &str = "INSERT INTO roster_state (owner, version, oldest_version) VALUES ($1, 1, 0) \
     ON CONFLICT (owner) DO UPDATE SET version = roster_state.version + 1 RETURNING version";
const COUNT: &str = "SELECT COUNT(*), COALESCE(SUM(CASE WHEN contact = $2 THEN 1 ELSE 0 END), 0) \
     FROM roster_item WHERE owner = $1 AND removed = 0";
const PUT: &str = "INSERT INTO roster_item \
     (owner, contact, version, removed, name, subscription, ask, approved, group_names) \
     VALUES ($1, $2, $3, 0, $4, $5, $6, $7, $8) ON CONFLICT (owner, contact) DO UPDATE SET \
     version = excluded.version, removed = 0, name = excluded.name, subscription = excluded.subscription, \
     ask = excluded.ask, approved = excluded.approved, group_names = excluded.group_names";
const REMOVE: &str = "UPDATE roster_item SET removed = 1, version = $3, name = '', subscription = 'none', \
     ask = 0, approved = 0, group_names = '[]' WHERE owner = $1 AND contact = $2 AND removed = 0";
const SELECT_OLD_REMOVAL: &str = "SELECT version FROM roster_item WHERE owner = $1 AND removed = 1 \
     ORDER BY version DESC LIMIT 1 OFFSET $2";
const DELETE_OLD_REMOVALS: &str =
    "DELETE FROM roster_item WHERE owner = $1 AND removed = 1 AND version <= $2";
const SET_OLDEST_VERSION: &str = "UPDATE roster_state SET oldest_version = $2 WHERE owner = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_ALL,
    SELECT_ONE,
    SELECT_SINCE,
    SELECT_STATE,
    SELECT_CONTACT_OF,
    NEXT_VERSION,
    COUNT,
    PUT,
    REMOVE,
    SELECT_OLD_REMOVAL,
    DELETE_OLD_REMOVALS,
    SET_OLDEST_VERSION,
];

/// Who sees whose presence (RFC 6121 §2.1.2.5), from the roster owner's side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subscription {
    /// Neither sees the other.
    #[default]
    None,
    /// The owner sees the contact.
    To,
    /// The contact sees the owner.
    From,
    /// Both see each other.
    Both,
}

impl Subscription {
    /// True when our presence goes out to the contact.
    pub fn to_contact(self) -> bool {
        matches!(self, Self::From | Self::Both)
    }

    /// True when the contact's presence comes to us.
    pub fn from_contact(self) -> bool {
        matches!(self, Self::To | Self::Both)
    }

    /// The state with these two directions.
    pub fn with(to_contact: bool, from_contact: bool) -> Self {
        match (to_contact, from_contact) {
            (false, false) => Self::None,
            (false, true) => Self::To,
            (true, false) => Self::From,
            (true, true) => Self::Both,
        }
    }

    /// The word of the `subscription` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::To => "to",
            Self::From => "from",
            Self::Both => "both",
        }
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is not a subscription state.
#[derive(Debug, thiserror::Error)]
#[error("a subscription is none, to, from or both")]
pub struct SubscriptionError;

impl FromStr for Subscription {
    type Err = SubscriptionError;

    fn from_str(text: &str) -> Result<Self, SubscriptionError> {
        match text {
            "none" => Ok(Self::None),
            "to" => Ok(Self::To),
            "from" => Ok(Self::From),
            "both" => Ok(Self::Both),
            _ => Err(SubscriptionError),
        }
    }
}

/// One contact in a roster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RosterItem {
    /// Whom it is about.
    pub contact: BareJid,
    /// The name that the owner gave the contact; empty for none.
    pub name: String,
    /// Who sees whose presence.
    pub subscription: Subscription,
    /// The owner asked to see the contact and waits for an answer (`ask='subscribe'`).
    pub ask: bool,
    /// The owner approved the contact before being asked (RFC 6121 §3.4).
    pub approved: bool,
    /// The groups that the owner put the contact in.
    pub groups: Vec<String>,
}

impl RosterItem {
    /// A contact of whom nothing is known but the address.
    pub fn new(contact: BareJid) -> Self {
        Self {
            contact,
            name: String::new(),
            subscription: Subscription::None,
            ask: false,
            approved: false,
            groups: Vec::new(),
        }
    }
}

/// A whole roster and its version; 0 is the version of a roster that never had an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Rises by one with every change.
    pub version: i64,
    /// The items, by contact.
    pub items: Vec<RosterItem>,
}

/// What happened to a roster after some version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RosterChange {
    /// An item is new or other than before.
    Put {
        /// The version that this change made.
        version: i64,
        /// The item as it is now.
        item: RosterItem,
    },
    /// An item went away.
    Removed {
        /// The version that this change made.
        version: i64,
        /// Whom it was about.
        contact: BareJid,
    },
}

impl Store {
    /// The roster of a user; empty when they have none.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn roster(&self, user: &BareJid) -> Result<Roster, Error> {
        // The version is read first: a change that comes between is then sent again, never missed.
        let version = match self.db().row(SELECT_STATE, args![user]).await? {
            Some(row) => row.int(0)?,
            None => {
                let items = self.colleagues().shown_all(user, Vec::new());
                return Ok(Roster { version: 0, items });
            }
        };
        let rows = self.db().rows(SELECT_ALL, args![user]).await?;
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(Roster { version, items: self.colleagues().shown_all(user, items) })
    }

    /// What the roster of `user` says about `contact`.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn roster_item(&self, user: &BareJid, contact: &BareJid) -> Result<Option<RosterItem>, Error> {
        let item = self.db().row(SELECT_ONE, args![user, contact]).await?.as_ref().map(item).transpose()?;
        Ok(self.colleagues().shown(user, contact, item))
    }

    /// Everything that changed after `version` (RFC 6121 §2.6); `None` when that is no longer known or never was,
    /// and the whole roster must be sent.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn roster_since(
        &self,
        user: &BareJid,
        version: i64,
    ) -> Result<Option<Vec<RosterChange>>, Error> {
        let (current, oldest) = match self.db().row(SELECT_STATE, args![user]).await? {
            Some(row) => (row.int(0)?, row.int(1)?),
            None => (0, 0),
        };
        if version < oldest || version > current {
            return Ok(None);
        }
        let rows = self.db().rows(SELECT_SINCE, args![user, version]).await?;
        let colleagues = self.colleagues();
        let shown = |change| match change {
            RosterChange::Put { version, item } => {
                let contact = item.contact.clone();
                let item = colleagues.shown(user, &contact, Some(item.clone())).unwrap_or(item);
                RosterChange::Put { version, item }
            }
            RosterChange::Removed { version, contact } => match colleagues.shown(user, &contact, None) {
                Some(item) => RosterChange::Put { version, item },
                None => RosterChange::Removed { version, contact },
            },
        };
        rows.iter().map(|row| change(row).map(shown)).collect::<Result<_, _>>().map(Some)
    }

    /// In whose rosters `contact` stands, with the state from the owner's side.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn rosters_with(&self, contact: &BareJid) -> Result<Vec<(BareJid, Subscription)>, Error> {
        let rows = self.db().rows(SELECT_CONTACT_OF, args![contact]).await?;
        let mut found = rows
            .iter()
            .map(|row| Ok((row.parsed(0)?, row.parsed(1)?)))
            .collect::<Result<BTreeMap<BareJid, Subscription>, Error>>()?;
        found
            .extend(self.colleagues().of(contact).into_keys().map(|user| (user.clone(), Subscription::Both)));
        Ok(found.into_iter().collect())
    }

    /// Adds or replaces an item and says the roster's new version.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such user, [`Error::Limit`] when the roster is full.
    pub async fn roster_put(&self, user: &BareJid, item: RosterItem) -> Result<i64, Error> {
        if item.groups.len() > ROSTER_GROUPS_MAX {
            return Err(Error::Limit { what: "groups of a contact", max: ROSTER_GROUPS_MAX });
        }
        let (user, colleagues) = (user.clone(), self.colleagues());
        self.write(move |connection| {
            Box::pin(async move {
                let item = if colleagues.are(&user, &item.contact) {
                    let kept = connection.row(SELECT_ONE, args![&user, &item.contact]).await?;
                    let kept = kept.as_ref().map(self::item).transpose()?;
                    colleagues.own(&user, item, kept)
                } else {
                    item
                };
                put(connection, &user, item).await
            })
        })
        .await
    }

    /// Removes an item and says the roster's new version; `None` when there was none.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn roster_remove(&self, user: &BareJid, contact: &BareJid) -> Result<Option<i64>, Error> {
        let (user, contact) = (user.clone(), contact.clone());
        self.write(move |connection| Box::pin(async move { remove(connection, &user, &contact).await })).await
    }
}

async fn put(connection: &mut Connection, user: &BareJid, item: RosterItem) -> Result<i64, Error> {
    if let Some(row) = connection.row(COUNT, args![user, &item.contact]).await?
        && row.int(1)? == 0
        && usize::try_from(row.int(0)?).unwrap_or(usize::MAX) >= ROSTER_ITEMS_MAX
    {
        return Err(Error::Limit { what: "contacts in a roster", max: ROSTER_ITEMS_MAX });
    }
    let version = next_version(connection, user).await?;
    let groups = serde_json::json!(item.groups).to_string();
    let arguments = args![
        user,
        &item.contact,
        version,
        item.name,
        item.subscription.as_str(),
        item.ask,
        item.approved,
        groups
    ];
    connection.execute(PUT, arguments).await?;
    Ok(version)
}

async fn remove(
    connection: &mut Connection,
    user: &BareJid,
    contact: &BareJid,
) -> Result<Option<i64>, Error> {
    if connection.row(SELECT_ONE, args![user, contact]).await?.is_none() {
        return Ok(None);
    }
    let version = next_version(connection, user).await?;
    connection.execute(REMOVE, args![user, contact, version]).await?;
    let kept = i64::try_from(ROSTER_REMOVALS_KEPT).unwrap_or(i64::MAX);
    if let Some(row) = connection.row(SELECT_OLD_REMOVAL, args![user, kept]).await? {
        let oldest = row.int(0)?;
        connection.execute(DELETE_OLD_REMOVALS, args![user, oldest]).await?;
        connection.execute(SET_OLDEST_VERSION, args![user, oldest]).await?;
    }
    Ok(Some(version))
}

async fn next_version(connection: &mut Connection, user: &BareJid) -> Result<i64, Error> {
    match connection.row(NEXT_VERSION, args![user]).await {
        Ok(Some(row)) => row.int(0),
        Ok(None) => Err(Error::Corrupt(format!("the roster version of {user}"))),
        Err(error) if error.is_missing_parent() => Err(Error::NotFound(format!("user {user}"))),
        Err(error) => Err(error),
    }
}

fn item(row: &Row) -> Result<RosterItem, Error> {
    let groups = row.text(5)?;
    Ok(RosterItem {
        contact: row.parsed(0)?,
        name: row.text(1)?,
        subscription: row.parsed(2)?,
        ask: row.flag(3)?,
        approved: row.flag(4)?,
        groups: serde_json::from_str(&groups).map_err(|_| Error::Corrupt(format!("groups {groups:?}")))?,
    })
}

fn change(row: &Row) -> Result<RosterChange, Error> {
    let version = row.int(6)?;
    Ok(if row.flag(7)? {
        RosterChange::Removed { version, contact: row.parsed(0)? }
    } else {
        RosterChange::Put { version, item: item(row)? }
    })
}
