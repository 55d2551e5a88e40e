//! Who belongs to PubSub nodes (XEP-0060 §4.1, §4.2): affiliations, and subscriptions with their options.

use model::BareJid;

use crate::db::{Connection, Row, Value, args};
use crate::{Error, Store};

/// Affiliations of one node.
pub const PUBSUB_AFFILIATIONS_MAX: usize = 5_000;
/// Subscriptions of one node.
pub const PUBSUB_SUBSCRIPTIONS_MAX: usize = 5_000;
/// Affiliations, or subscriptions, of one person that one list tells.
const LISTED_MAX: i64 = 2_000;

const SELECT_AFFILIATION: &str =
    "SELECT affiliation FROM pubsub_affiliation WHERE service = $1 AND node = $2 AND jid = $3";
const SELECT_AFFILIATIONS: &str =
    "SELECT jid, affiliation FROM pubsub_affiliation WHERE service = $1 AND node = $2 ORDER BY jid";
const SELECT_AFFILIATIONS_OF: &str = "SELECT node, affiliation FROM pubsub_affiliation \
     WHERE service = $1 AND jid = $2 ORDER BY node LIMIT $3";
const COUNT_OWNED: &str =
    "SELECT COUNT(*) FROM pubsub_affiliation WHERE service = $1 AND jid = $2 AND affiliation = 'owner'";
const COUNT_AFFILIATIONS: &str = "SELECT COUNT(*) FROM pubsub_affiliation WHERE service = $1 AND node = $2";
const PUT_AFFILIATION: &str = "INSERT INTO pubsub_affiliation (service, node, jid, affiliation) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (service, node, jid) DO UPDATE SET affiliation = excluded.affiliation";
const DELETE_AFFILIATION: &str =
    "DELETE FROM pubsub_affiliation WHERE service = $1 AND node = $2 AND jid = $3";
const DELETE_AFFILIATIONS: &str = "DELETE FROM pubsub_affiliation WHERE service = $1 AND node = $2";
const DELETE_SERVICE_AFFILIATIONS: &str = "DELETE FROM pubsub_affiliation WHERE service = $1";
const DELETE_AFFILIATIONS_OF: &str = "DELETE FROM pubsub_affiliation WHERE jid = $1";
const SELECT_SUBSCRIPTIONS: &str = "SELECT node, jid, subscriber, state, options FROM pubsub_subscription \
     WHERE service = $1 AND node = $2 ORDER BY jid";
const SELECT_SUBSCRIPTIONS_OF: &str = "SELECT node, jid, subscriber, state, options FROM pubsub_subscription \
     WHERE service = $1 AND subscriber = $2 ORDER BY node, jid LIMIT $3";
const SELECT_SUBSCRIPTIONS_AT: &str = "SELECT node, jid, subscriber, state, options FROM pubsub_subscription \
     WHERE service = $1 AND subscriber = $2 AND node = $3 ORDER BY jid";
const SELECT_SUBSCRIPTION: &str =
    "SELECT state FROM pubsub_subscription WHERE service = $1 AND node = $2 AND jid = $3";
const COUNT_SUBSCRIPTIONS: &str = "SELECT COUNT(*) FROM pubsub_subscription WHERE service = $1 AND node = $2";
const PUT_SUBSCRIPTION: &str = "INSERT INTO pubsub_subscription (service, node, jid, subscriber, state, options) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (service, node, jid) DO UPDATE SET \
     state = excluded.state, options = excluded.options";
const DELETE_SUBSCRIPTION: &str =
    "DELETE FROM pubsub_subscription WHERE service = $1 AND node = $2 AND jid = $3";
const DELETE_SUBSCRIPTIONS_AT: &str =
    "DELETE FROM pubsub_subscription WHERE service = $1 AND node = $2 AND subscriber = $3";
const DELETE_SUBSCRIPTIONS: &str = "DELETE FROM pubsub_subscription WHERE service = $1 AND node = $2";
const DELETE_SERVICE_SUBSCRIPTIONS: &str = "DELETE FROM pubsub_subscription WHERE service = $1";
const DELETE_SUBSCRIPTIONS_OF: &str = "DELETE FROM pubsub_subscription WHERE subscriber = $1";

pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_AFFILIATION,
    SELECT_AFFILIATIONS,
    SELECT_AFFILIATIONS_OF,
    COUNT_OWNED,
    COUNT_AFFILIATIONS,
    PUT_AFFILIATION,
    DELETE_AFFILIATION,
    DELETE_AFFILIATIONS,
    DELETE_SERVICE_AFFILIATIONS,
    DELETE_AFFILIATIONS_OF,
    SELECT_SUBSCRIPTIONS,
    SELECT_SUBSCRIPTIONS_OF,
    SELECT_SUBSCRIPTIONS_AT,
    SELECT_SUBSCRIPTION,
    COUNT_SUBSCRIPTIONS,
    PUT_SUBSCRIPTION,
    DELETE_SUBSCRIPTION,
    DELETE_SUBSCRIPTIONS_AT,
    DELETE_SUBSCRIPTIONS,
    DELETE_SERVICE_SUBSCRIPTIONS,
    DELETE_SUBSCRIPTIONS_OF,
];

/// Somebody who is told of a node's events, or waits for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubsubSubscription {
    /// The node.
    pub node: String,
    /// Where the events go: a bare or a full address.
    pub jid: String,
    /// The bare address of it.
    pub subscriber: BareJid,
    /// The state, in the words of the specification.
    pub state: String,
    /// The options, as they were given.
    pub options: String,
}

impl Store {
    /// What somebody may do at a node; `None` for nothing in particular.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_affiliation(
        &self,
        service: &str,
        node: &str,
        jid: &BareJid,
    ) -> Result<Option<String>, Error> {
        let row = self.db().row(SELECT_AFFILIATION, args![service, node, jid]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// The affiliations of a node, by address.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_affiliations(
        &self,
        service: &str,
        node: &str,
    ) -> Result<Vec<(BareJid, String)>, Error> {
        let rows = self.db().rows(SELECT_AFFILIATIONS, args![service, node]).await?;
        rows.iter().map(|row| Ok((row.parsed(0)?, row.text(1)?))).collect()
    }

    /// Somebody's affiliations at a service: nodes and what they are there.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_affiliations_of(
        &self,
        service: &str,
        jid: &BareJid,
    ) -> Result<Vec<(String, String)>, Error> {
        let rows = self.db().rows(SELECT_AFFILIATIONS_OF, args![service, jid, LISTED_MAX]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// How many nodes of a service somebody owns.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_nodes_owned(&self, service: &str, jid: &BareJid) -> Result<usize, Error> {
        let count = self.db().row(COUNT_OWNED, args![service, jid]).await?.map_or(Ok(0), |row| row.int(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Changes affiliations of a node, all or none; `None` takes one away.
    ///
    /// # Errors
    /// [`Error::Limit`] when the node has too many; or the storage takes no writes.
    pub async fn pubsub_affiliations_put(
        &self,
        service: &str,
        node: &str,
        changes: Vec<(BareJid, Option<String>)>,
    ) -> Result<(), Error> {
        let (service, node) = (service.to_owned(), node.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                for (jid, affiliation) in changes {
                    match affiliation {
                        Some(affiliation) => put(connection, &service, &node, &jid, &affiliation).await?,
                        None => {
                            let arguments = args![&*service, &*node, &jid];
                            connection.execute(DELETE_AFFILIATION, arguments).await?;
                        }
                    }
                }
                let count = connection.row(COUNT_AFFILIATIONS, args![service, node]).await?;
                within(count, "affiliations of a node", PUBSUB_AFFILIATIONS_MAX + 1)
            })
        })
        .await
    }

    /// The subscriptions of a node, waiting ones included, by address.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_subscriptions(
        &self,
        service: &str,
        node: &str,
    ) -> Result<Vec<PubsubSubscription>, Error> {
        self.db().rows(SELECT_SUBSCRIPTIONS, args![service, node]).await?.iter().map(subscription).collect()
    }

    /// The subscriptions of somebody and of their clients, at a service or at one node of it.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_subscriptions_of(
        &self,
        service: &str,
        subscriber: &BareJid,
        node: Option<&str>,
    ) -> Result<Vec<PubsubSubscription>, Error> {
        let rows = match node {
            Some(node) => self.db().rows(SELECT_SUBSCRIPTIONS_AT, args![service, subscriber, node]).await?,
            None => self.db().rows(SELECT_SUBSCRIPTIONS_OF, args![service, subscriber, LISTED_MAX]).await?,
        };
        rows.iter().map(subscription).collect()
    }

    /// Keeps a subscription, or changes one.
    ///
    /// # Errors
    /// [`Error::Limit`] when the node has too many; or the storage takes no writes.
    pub async fn pubsub_subscription_put(
        &self,
        service: &str,
        subscription: PubsubSubscription,
    ) -> Result<(), Error> {
        let service = service.to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let PubsubSubscription { node, jid, subscriber, state, options } = subscription;
                let known = args![&*service, &*node, &*jid];
                if connection.row(SELECT_SUBSCRIPTION, known).await?.is_none() {
                    let count = connection.row(COUNT_SUBSCRIPTIONS, args![&*service, &*node]).await?;
                    within(count, "subscriptions of a node", PUBSUB_SUBSCRIPTIONS_MAX)?;
                }
                let arguments = args![service, node, jid, &subscriber, state, options];
                connection.execute(PUT_SUBSCRIPTION, arguments).await.map(drop)
            })
        })
        .await
    }

    /// Ends the subscription of an address; true when there was one.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn pubsub_unsubscribe(&self, service: &str, node: &str, jid: &str) -> Result<bool, Error> {
        let arguments = args![service, node, jid];
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(DELETE_SUBSCRIPTION, arguments).await? > 0) })
        })
        .await
    }

    /// Ends all subscriptions of somebody and of their clients to a node.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn pubsub_unsubscribe_all(
        &self,
        service: &str,
        node: &str,
        subscriber: &BareJid,
    ) -> Result<u64, Error> {
        let arguments = args![service, node, subscriber];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(DELETE_SUBSCRIPTIONS_AT, arguments).await })
        })
        .await
    }
}

/// Gives somebody an affiliation.
pub(crate) async fn put(
    connection: &mut Connection,
    service: &str,
    node: &str,
    jid: &BareJid,
    affiliation: &str,
) -> Result<(), Error> {
    connection.execute(PUT_AFFILIATION, args![service, node, jid, affiliation]).await.map(drop)
}

/// Removes all who belong to a node; `arguments` are the service and the node.
pub(crate) async fn remove_node(connection: &mut Connection, arguments: Vec<Value>) -> Result<(), Error> {
    connection.execute(DELETE_SUBSCRIPTIONS, arguments.clone()).await?;
    connection.execute(DELETE_AFFILIATIONS, arguments).await.map(drop)
}

/// Removes all who belong to nodes of a service.
pub(crate) async fn remove_service(connection: &mut Connection, service: &str) -> Result<(), Error> {
    connection.execute(DELETE_SERVICE_SUBSCRIPTIONS, args![service]).await?;
    connection.execute(DELETE_SERVICE_AFFILIATIONS, args![service]).await.map(drop)
}

/// Removes what somebody has at the services of others.
pub(crate) async fn remove_member(connection: &mut Connection, jid: &str) -> Result<(), Error> {
    connection.execute(DELETE_SUBSCRIPTIONS_OF, args![jid]).await?;
    connection.execute(DELETE_AFFILIATIONS_OF, args![jid]).await.map(drop)
}

fn within(count: Option<Row>, what: &'static str, max: usize) -> Result<(), Error> {
    let count = count.map_or(Ok(0), |row| row.int(0))?;
    if usize::try_from(count).unwrap_or(usize::MAX) >= max {
        return Err(Error::Limit { what, max });
    }
    Ok(())
}

fn subscription(row: &Row) -> Result<PubsubSubscription, Error> {
    Ok(PubsubSubscription {
        node: row.text(0)?,
        jid: row.text(1)?,
        subscriber: row.parsed(2)?,
        state: row.text(3)?,
        options: row.text(4)?,
    })
}
