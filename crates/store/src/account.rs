//! Accounts whole: all that belongs to a user but the messages, read at once and added at once, for who moves houses.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, Jid};
use parking_lot::Mutex;
use serde_json::{Value as Json, json};

use crate::db::{Bulk, Connection, args, bulk, parse};
use crate::{
    ArchivePreference, Error, LastActivity, NAME_BYTES_MAX, PUBSUB_ITEMS_MAX, PUBSUB_NODES_MAX, PubsubItem,
    ROSTER_ITEMS_MAX, RosterItem, ScramRecord, Store, SubscriptionRequest, USER_DOCUMENTS_MAX, credential,
};

/// The most accounts that are added at once.
pub const ACCOUNTS_ADDED_MAX: usize = 1_000;

const SELECT_DOCUMENTS: &str = "SELECT kind, content FROM user_document WHERE owner = $1";
const SELECT_BLOCKED: &str = "SELECT address FROM blocked WHERE owner = $1";
const ADD_USERS: Bulk = bulk!(
    "INSERT INTO users (jid, name, enabled) SELECT e.value->>0, e.value->>1, CAST(e.value->>2 AS BIGINT) FROM",
    "WHERE true ON CONFLICT (jid) DO NOTHING"
);
/// Whoever has a password here keeps it.
const HAVE_CREDENTIALS: Bulk =
    bulk!("SELECT DISTINCT c.jid FROM credential c WHERE c.jid IN (SELECT e.value->>0 FROM", ")");
const ADD_CONTACTS: Bulk = bulk!(
    "INSERT INTO roster_item (owner, contact, version, removed, name, subscription, ask, approved, group_names) \
     SELECT e.value->>0, e.value->>1, COALESCE((SELECT s.version FROM roster_state s WHERE s.owner = e.value->>0), 0) + 1, \
     0, e.value->>2, e.value->>3, CAST(e.value->>4 AS BIGINT), CAST(e.value->>5 AS BIGINT), e.value->>6 FROM",
    "WHERE true ON CONFLICT (owner, contact) DO NOTHING"
);
const SET_ROSTER_VERSIONS: Bulk = bulk!(
    "INSERT INTO roster_state (owner, version, oldest_version) SELECT i.owner, MAX(i.version), 0 FROM roster_item i \
     WHERE i.owner IN (SELECT e.value->>0 FROM",
    ") GROUP BY i.owner ON CONFLICT (owner) DO UPDATE SET version = \
     CASE WHEN excluded.version > roster_state.version THEN excluded.version ELSE roster_state.version END"
);
const ADD_REQUESTS: Bulk = Bulk {
    lite: "INSERT INTO subscription_request (owner, contact, stanza, at) \
         SELECT e.value->>0, e.value->>1, CAST(e.value->>2 AS BLOB), e.value->>3 FROM json_each($1) AS e \
         WHERE true ON CONFLICT (owner, contact) DO NOTHING",
    pg: "INSERT INTO subscription_request (owner, contact, stanza, at) \
         SELECT e.value->>0, e.value->>1, convert_to(e.value->>2, 'UTF8'), CAST(e.value->>3 AS BIGINT) \
         FROM json_array_elements(CAST($1 AS json)) AS e(value) ON CONFLICT (owner, contact) DO NOTHING",
};
const ADD_DOCUMENTS: Bulk = Bulk {
    lite: "INSERT INTO user_document (owner, kind, content) \
         SELECT e.value->>0, e.value->>1, CAST(e.value->>2 AS BLOB) FROM json_each($1) AS e \
         WHERE true ON CONFLICT (owner, kind) DO NOTHING",
    pg: "INSERT INTO user_document (owner, kind, content) \
         SELECT e.value->>0, e.value->>1, convert_to(e.value->>2, 'UTF8') \
         FROM json_array_elements(CAST($1 AS json)) AS e(value) ON CONFLICT (owner, kind) DO NOTHING",
};
const ADD_BLOCKED: Bulk = bulk!(
    "INSERT INTO blocked (owner, address) SELECT e.value->>0, e.value->>1 FROM",
    "WHERE true ON CONFLICT (owner, address) DO NOTHING"
);
const KNOWN_NODES: Bulk = bulk!(
    "SELECT n.service, n.node FROM pubsub_node n WHERE (n.service, n.node) IN (SELECT e.value->>0, e.value->>1 FROM",
    ")"
);
const ADD_NODES: Bulk = bulk!(
    "INSERT INTO pubsub_node (service, node, config) SELECT e.value->>0, e.value->>1, e.value->>2 FROM",
    "WHERE true ON CONFLICT (service, node) DO NOTHING"
);
const ADD_ITEMS: Bulk = Bulk {
    lite: "INSERT INTO pubsub_item (service, node, id, place, publisher, at, payload) \
         SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3, e.value->>4, e.value->>5, \
         CAST(e.value->>6 AS BLOB) FROM json_each($1) AS e WHERE true ON CONFLICT DO NOTHING",
    pg: "INSERT INTO pubsub_item (service, node, id, place, publisher, at, payload) \
         SELECT e.value->>0, e.value->>1, e.value->>2, CAST(e.value->>3 AS BIGINT), e.value->>4, \
         CAST(e.value->>5 AS BIGINT), convert_to(e.value->>6, 'UTF8') \
         FROM json_array_elements(CAST($1 AS json)) AS e(value) ON CONFLICT DO NOTHING",
};
const ADD_PREFERENCES: Bulk = bulk!(
    "INSERT INTO archive_preference (owner, otherwise, always, never) \
     SELECT e.value->>0, e.value->>1, e.value->>2, e.value->>3 FROM",
    "WHERE true ON CONFLICT (owner) DO NOTHING"
);
const ADD_ACTIVITIES: Bulk = bulk!(
    "INSERT INTO last_activity (owner, at, status) SELECT e.value->>0, CAST(e.value->>1 AS BIGINT), e.value->>2 FROM",
    "WHERE true ON CONFLICT (owner) DO NOTHING"
);

pub(crate) const STATEMENTS: &[&str] = &[SELECT_DOCUMENTS, SELECT_BLOCKED];
pub(crate) const BULKS: &[Bulk] = &[
    ADD_USERS,
    HAVE_CREDENTIALS,
    ADD_CONTACTS,
    SET_ROSTER_VERSIONS,
    ADD_REQUESTS,
    ADD_DOCUMENTS,
    ADD_BLOCKED,
    KNOWN_NODES,
    ADD_NODES,
    ADD_ITEMS,
    ADD_PREFERENCES,
    ADD_ACTIVITIES,
];

/// All that belongs to a user but lines and messages. XML in it is UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The address.
    pub jid: BareJid,
    /// The name shown to people.
    pub name: String,
    /// May the user sign in?
    pub enabled: bool,
    /// What the user's password became.
    pub scram: Vec<ScramRecord>,
    /// Whom the user knows.
    pub roster: Vec<RosterItem>,
    /// Who asked to see the user and waits.
    pub requests: Vec<SubscriptionRequest>,
    /// The card and private documents, by kind.
    pub documents: Vec<(String, Bytes)>,
    /// Who may not reach the user.
    pub blocked: Vec<Jid>,
    /// The user's own nodes.
    pub nodes: Vec<AccountNode>,
    /// What the user wants archived; `None` for the server's default.
    pub preference: Option<ArchivePreference>,
    /// When the user was last there.
    pub last_activity: Option<LastActivity>,
}

/// A node of a user's own (XEP-0163).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountNode {
    /// Its name.
    pub node: String,
    /// Its configuration, as it was given.
    pub config: String,
    /// Its items, oldest first.
    pub items: Vec<PubsubItem>,
}

/// What was not there before, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountsAdded {
    /// Users.
    pub users: u64,
    /// Users who got a password.
    pub passwords: u64,
    /// Contacts in rosters.
    pub contacts: u64,
    /// Requests that wait.
    pub requests: u64,
    /// Cards and private documents.
    pub documents: u64,
    /// Blocked addresses.
    pub blocked: u64,
    /// Nodes.
    pub nodes: u64,
    /// Items of these nodes.
    pub items: u64,
    /// Archive preferences.
    pub preferences: u64,
    /// Times when users were last there.
    pub activities: u64,
}

impl Account {
    /// A user of whom nothing is known but the address.
    pub fn new(jid: BareJid, name: String) -> Self {
        Self {
            jid,
            name,
            enabled: true,
            scram: Vec::new(),
            roster: Vec::new(),
            requests: Vec::new(),
            documents: Vec::new(),
            blocked: Vec::new(),
            nodes: Vec::new(),
            preference: None,
            last_activity: None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        let limits = [
            (self.name.len(), "bytes in a name", NAME_BYTES_MAX),
            (self.roster.len(), "contacts in a roster", ROSTER_ITEMS_MAX),
            (self.requests.len(), "waiting subscription requests", crate::SUBSCRIPTION_REQUESTS_MAX),
            (self.documents.len(), "private documents", USER_DOCUMENTS_MAX),
            (self.blocked.len(), "blocked addresses", crate::BLOCKED_MAX),
            (self.nodes.len(), "nodes", PUBSUB_NODES_MAX),
        ];
        let nodes = self.nodes.iter().map(|node| (node.items.len(), "items of a node", PUBSUB_ITEMS_MAX));
        match limits.into_iter().chain(nodes).find(|(count, _, max)| count > max) {
            Some((_, what, max)) => Err(Error::Limit { what, max }),
            None => Ok(()),
        }
    }
}

impl Store {
    /// All that belongs to a user but lines and messages; `None` when there is no such user.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn account(&self, jid: &BareJid) -> Result<Option<Account>, Error> {
        let (Some(user), Some(credentials)) = (self.user(jid).await?, self.credentials(jid).await?) else {
            return Ok(None);
        };
        let mut account = Account::new(jid.clone(), user.name);
        account.enabled = user.enabled;
        account.scram = credentials.scram;
        account.roster = self.roster(jid).await?.items;
        account.requests = self.subscription_requests(jid).await?;
        for row in self.db().rows(SELECT_DOCUMENTS, args![jid]).await? {
            account.documents.push((row.text(0)?, row.bytes(1)?.into()));
        }
        for row in self.db().rows(SELECT_BLOCKED, args![jid]).await? {
            account.blocked.push(parse(&row.text(0)?)?);
        }
        // The databases do not agree on an order of texts.
        account.documents.sort();
        account.blocked.sort();
        for (node, config) in self.pubsub_nodes(jid.as_str()).await? {
            let mut items = self.pubsub_items(jid.as_str(), &node, PUBSUB_ITEMS_MAX).await?;
            items.reverse();
            account.nodes.push(AccountNode { node, config, items });
        }
        account.preference = self.archive_preference(jid).await?;
        account.last_activity = self.last_activity(jid).await?;
        Ok(Some(account))
    }

    /// Adds what is not there yet: users, and to those who are there what they lack. Nothing that is there is changed: a
    /// password, a contact, a card, a node with its items stay as they are. With `trial` nothing is kept and only
    /// the numbers are told.
    ///
    /// # Errors
    /// [`Error::Limit`] when an account has too much of something; then nothing of all is kept.
    pub async fn accounts_add(&self, accounts: Vec<Account>, trial: bool) -> Result<AccountsAdded, Error> {
        if accounts.len() > ACCOUNTS_ADDED_MAX {
            return Err(Error::Limit { what: "accounts at once", max: ACCOUNTS_ADDED_MAX });
        }
        accounts.iter().try_for_each(Account::check)?;
        let told = Arc::new(Mutex::new(None));
        let tried = Arc::clone(&told);
        let done = self
            .write(move |connection| {
                Box::pin(async move {
                    let added = add(connection, &accounts).await?;
                    if trial {
                        *tried.lock() = Some(added);
                        // A job that fails leaves nothing behind.
                        return Err(Error::Refused("this was a trial".to_owned()));
                    }
                    Ok(added)
                })
            })
            .await;
        self.accounts_changed();
        let tried = told.lock().take();
        tried.map_or(done, Ok)
    }
}

async fn add(connection: &mut Connection, accounts: &[Account]) -> Result<AccountsAdded, Error> {
    let mut added = AccountsAdded::default();
    let users = accounts.iter().map(|a| json!([a.jid.as_str(), a.name, i64::from(a.enabled)]));
    added.users = run(connection, ADD_USERS, users.collect()).await?;
    added.passwords = add_credentials(connection, accounts).await?;
    let contacts =
        accounts.iter().flat_map(|account| account.roster.iter().map(|item| contact(account, item)));
    added.contacts = run(connection, ADD_CONTACTS, contacts.collect()).await?;
    if added.contacts > 0 {
        run(connection, SET_ROSTER_VERSIONS, owners(accounts)).await?;
    }
    let requests = accounts.iter().flat_map(|a| {
        a.requests.iter().map(|r| json!([a.jid.as_str(), r.contact.as_str(), xml(&r.stanza), r.at.0]))
    });
    added.requests = run(connection, ADD_REQUESTS, requests.collect()).await?;
    let documents = accounts
        .iter()
        .flat_map(|a| a.documents.iter().map(|(kind, content)| json!([a.jid.as_str(), kind, xml(content)])));
    added.documents = run(connection, ADD_DOCUMENTS, documents.collect()).await?;
    let blocked =
        accounts.iter().flat_map(|a| a.blocked.iter().map(|other| json!([a.jid.as_str(), other.as_str()])));
    added.blocked = run(connection, ADD_BLOCKED, blocked.collect()).await?;
    (added.nodes, added.items) = add_nodes(connection, accounts).await?;
    let preferences = accounts.iter().filter_map(|account| {
        let preference = account.preference.as_ref()?;
        let list = |all: &BTreeSet<BareJid>| {
            json!(all.iter().map(|jid| jid.as_str()).collect::<Vec<_>>()).to_string()
        };
        let (always, never) = (list(&preference.always), list(&preference.never));
        Some(json!([account.jid.as_str(), preference.otherwise.as_str(), always, never]))
    });
    added.preferences = run(connection, ADD_PREFERENCES, preferences.collect()).await?;
    let activities = accounts.iter().filter_map(|account| {
        let activity = account.last_activity.as_ref()?;
        let end = activity.status.floor_char_boundary(crate::STATUS_BYTES_MAX);
        Some(json!([account.jid.as_str(), activity.at.0, &activity.status[..end]]))
    });
    added.activities = run(connection, ADD_ACTIVITIES, activities.collect()).await?;
    Ok(added)
}

async fn run(connection: &mut Connection, bulk: Bulk, rows: Vec<Json>) -> Result<u64, Error> {
    if rows.is_empty() { Ok(0) } else { connection.execute_bulk(bulk, Json::Array(rows).to_string()).await }
}

fn owners(accounts: &[Account]) -> Vec<Json> {
    accounts.iter().map(|account| json!([account.jid.as_str()])).collect()
}

fn contact(account: &Account, item: &RosterItem) -> Json {
    json!([
        account.jid.as_str(),
        item.contact.as_str(),
        item.name,
        item.subscription.as_str(),
        i64::from(item.ask),
        i64::from(item.approved),
        json!(item.groups).to_string()
    ])
}

fn xml(bytes: &Bytes) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

async fn add_credentials(connection: &mut Connection, accounts: &[Account]) -> Result<u64, Error> {
    let mut have = BTreeSet::new();
    for row in connection.bulk_rows(HAVE_CREDENTIALS, json!(owners(accounts)).to_string()).await? {
        have.insert(row.text(0)?);
    }
    // The same account may come twice in one list.
    let new: Vec<&Account> = accounts
        .iter()
        .filter(|account| !account.scram.is_empty() && have.insert(account.jid.as_str().to_owned()))
        .collect();
    credential::insert(connection, new.iter().map(|account| (&account.jid, account.scram.as_slice())))
        .await?;
    Ok(u64::try_from(new.len()).unwrap_or(u64::MAX))
}

/// Nodes that are not there come with all their items; to those that are there nothing is added, for an old item
/// would be the newest of them.
async fn add_nodes(connection: &mut Connection, accounts: &[Account]) -> Result<(u64, u64), Error> {
    let all = || accounts.iter().flat_map(|a| a.nodes.iter().map(move |node| (a.jid.as_str(), node)));
    let names: Vec<Json> = all().map(|(service, node)| json!([service, node.node])).collect();
    if names.is_empty() {
        return Ok((0, 0));
    }
    let mut known = BTreeSet::new();
    for row in connection.bulk_rows(KNOWN_NODES, Json::Array(names).to_string()).await? {
        known.insert((row.text(0)?, row.text(1)?));
    }
    let new: Vec<(&str, &AccountNode)> =
        all().filter(|(service, node)| known.insert(((*service).to_owned(), node.node.clone()))).collect();
    let nodes = new.iter().map(|(service, node)| json!([service, node.node, node.config]));
    let nodes = run(connection, ADD_NODES, nodes.collect()).await?;
    let mut items = Vec::new();
    for (service, node) in new {
        for (place, item) in (1_i64..).zip(&node.items) {
            let PubsubItem { id, publisher, at, payload } = item;
            items.push(json!([service, node.node, id, place, publisher, at.0, xml(payload)]));
        }
    }
    Ok((nodes, run(connection, ADD_ITEMS, items).await?))
}
