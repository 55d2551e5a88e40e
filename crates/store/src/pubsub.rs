//! PubSub (XEP-0060): nodes with their configuration, and items in the order in which they were published.

use bytes::Bytes;
use model::{BareJid, Timestamp};
use serde_json::json;

use crate::db::{Connection, Row, Value, args};
use crate::{Error, KeptSize, Store, pubsub_member};

/// Nodes of the service of one person's events; the others name their own number.
pub const PUBSUB_NODES_MAX: usize = 500;
/// Items of one node, whatever its configuration says.
pub const PUBSUB_ITEMS_MAX: usize = 1_000;
/// Services and nodes that one question about newest items may name.
pub const PUBSUB_NEWEST_NAMES_MAX: usize = 2_000;

const SELECT_NODE: &str = "SELECT config FROM pubsub_node WHERE service = $1 AND node = $2";
const SELECT_NODES: &str = "SELECT node, config FROM pubsub_node WHERE service = $1 ORDER BY node";
const SELECT_NODES_AFTER: &str =
    "SELECT node, config FROM pubsub_node WHERE service = $1 AND node > $2 ORDER BY node LIMIT $3";
const COUNT_NODES: &str = "SELECT COUNT(*) FROM pubsub_node WHERE service = $1";
const PUT_NODE: &str = "INSERT INTO pubsub_node (service, node, config) VALUES ($1, $2, $3) \
     ON CONFLICT (service, node) DO UPDATE SET config = excluded.config";
const DELETE_ITEMS: &str = "DELETE FROM pubsub_item WHERE service = $1 AND node = $2";
const DELETE_NODE: &str = "DELETE FROM pubsub_node WHERE service = $1 AND node = $2";
const DELETE_SERVICE: &str = "DELETE FROM pubsub_node WHERE service = $1";
const DELETE_SERVICE_ITEMS: &str = "DELETE FROM pubsub_item WHERE service = $1";
const NEXT_PLACE: &str =
    "SELECT COALESCE(MAX(place), 0) + 1 FROM pubsub_item WHERE service = $1 AND node = $2";
const PUT_ITEM: &str = "INSERT INTO pubsub_item (service, node, id, place, publisher, at, payload) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (service, node, id) DO UPDATE SET \
     place = excluded.place, publisher = excluded.publisher, at = excluded.at, payload = excluded.payload";
/// What goes over the node's number of items, oldest first.
const PRUNE: &str = "DELETE FROM pubsub_item WHERE service = $1 AND node = $2 AND place <= \
     (SELECT place FROM pubsub_item WHERE service = $1 AND node = $2 ORDER BY place DESC LIMIT 1 OFFSET $3)";
const DELETE_ITEM: &str = "DELETE FROM pubsub_item WHERE service = $1 AND node = $2 AND id = $3";
const SELECT_ITEMS: &str = "SELECT id, publisher, at, payload FROM pubsub_item WHERE service = $1 AND node = $2 \
     ORDER BY place DESC LIMIT $3";
const SELECT_ITEM: &str =
    "SELECT id, publisher, at, payload FROM pubsub_item WHERE service = $1 AND node = $2 AND id = $3";
const PLACE_OF: &str = "SELECT place FROM pubsub_item WHERE service = $1 AND node = $2 AND id = $3";
const COUNT_ITEMS: &str = "SELECT COUNT(*) FROM pubsub_item WHERE service = $1 AND node = $2";
const COUNT_BEFORE: &str = "SELECT COUNT(*) FROM pubsub_item WHERE service = $1 AND node = $2 AND place < $3";
const SIZE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(LENGTH(payload)), 0) AS BIGINT) FROM pubsub_item \
     WHERE service = $1";
const SIZE_OF_NODE: &str = "SELECT COUNT(*), CAST(COALESCE(SUM(LENGTH(payload)), 0) AS BIGINT) FROM pubsub_item \
     WHERE service = $1 AND node = $2";
const PAGE_AFTER: &str = "SELECT id, publisher, at, payload, place FROM pubsub_item WHERE service = $1 AND node = $2 \
     AND place > $3 ORDER BY place LIMIT $4";
const PAGE_BEFORE: &str = "SELECT id, publisher, at, payload, place FROM pubsub_item WHERE service = $1 AND node = $2 \
     AND place < $3 ORDER BY place DESC LIMIT $4";
const PAGE_FROM: &str = "SELECT id, publisher, at, payload, place FROM pubsub_item WHERE service = $1 AND node = $2 \
     ORDER BY place LIMIT $4 OFFSET $3";
const NEWEST_LITE: &str = "SELECT i.id, i.publisher, i.at, i.payload, i.service, i.node, n.config FROM pubsub_item i \
     JOIN pubsub_node n ON n.service = i.service AND n.node = i.node \
     WHERE i.service IN (SELECT value FROM json_each($1)) AND i.node IN (SELECT value FROM json_each($2)) \
     AND i.place = (SELECT MAX(place) FROM pubsub_item m WHERE m.service = i.service AND m.node = i.node) \
     ORDER BY i.service, i.node";
const NEWEST_PG: &str = "SELECT i.id, i.publisher, i.at, i.payload, i.service, i.node, n.config FROM pubsub_item i \
     JOIN pubsub_node n ON n.service = i.service AND n.node = i.node \
     WHERE i.service IN (SELECT json_array_elements_text(CAST($1 AS json))) \
     AND i.node IN (SELECT json_array_elements_text(CAST($2 AS json))) \
     AND i.place = (SELECT MAX(place) FROM pubsub_item m WHERE m.service = i.service AND m.node = i.node) \
     ORDER BY i.service, i.node";

pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_NODE,
    SELECT_NODES,
    SELECT_NODES_AFTER,
    COUNT_NODES,
    PUT_NODE,
    DELETE_ITEMS,
    DELETE_NODE,
    DELETE_SERVICE,
    DELETE_SERVICE_ITEMS,
    NEXT_PLACE,
    PUT_ITEM,
    PRUNE,
    DELETE_ITEM,
    SELECT_ITEMS,
    SELECT_ITEM,
    PLACE_OF,
    COUNT_ITEMS,
    COUNT_BEFORE,
    SIZE,
    SIZE_OF_NODE,
    PAGE_AFTER,
    PAGE_BEFORE,
    PAGE_FROM,
];
pub(crate) const STATEMENTS_LITE: &[&str] = &[NEWEST_LITE];
pub(crate) const STATEMENTS_PG: &[&str] = &[NEWEST_PG];

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubsubItem {
    /// Its id, unique within the node.
    pub id: String,
    /// Who published it.
    pub publisher: String,
    /// When.
    pub at: Timestamp,
    /// Its one child, well-formed and naming its namespaces; empty for an item without payload.
    pub payload: Bytes,
}

/// Which items of a node are wanted, in the order of their publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PubsubPage {
    /// Behind this one.
    After(String),
    /// The last ones before this one; before the end when none is named.
    Before(Option<String>),
    /// From this place on.
    From(usize),
}

/// A page of items, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubsubItems {
    /// The items.
    pub items: Vec<PubsubItem>,
    /// The place of the first among all, from 0.
    pub index: usize,
    /// How many there are in all.
    pub count: usize,
}

/// The newest item of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestItem {
    /// The service.
    pub service: String,
    /// The node.
    pub node: String,
    /// The node's configuration, as it was given.
    pub config: String,
    /// The item.
    pub item: PubsubItem,
}

impl Store {
    /// The configuration of a node, as it was given; `None` when there is no such node.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_node(&self, service: &str, node: &str) -> Result<Option<String>, Error> {
        self.db().row(SELECT_NODE, args![service, node]).await?.map(|row| row.text(0)).transpose()
    }

    /// The nodes of a service with their configurations, by name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_nodes(&self, service: &str) -> Result<Vec<(String, String)>, Error> {
        let rows = self.db().rows(SELECT_NODES, args![service]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// The next nodes of a service behind a name, with their configurations, by name.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_nodes_after(
        &self,
        service: &str,
        after: &str,
        max: usize,
    ) -> Result<Vec<(String, String)>, Error> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let rows = self.db().rows(SELECT_NODES_AFTER, args![service, after, max]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Makes a node with its first affiliations; false when there is one of that name already.
    ///
    /// # Errors
    /// [`Error::Limit`] when the service has `max` nodes; or the storage takes no writes.
    pub async fn pubsub_node_create(
        &self,
        service: &str,
        node: &str,
        config: &str,
        owner: Option<&BareJid>,
        max: usize,
    ) -> Result<bool, Error> {
        let (service, node, config) = (service.to_owned(), node.to_owned(), config.to_owned());
        let owner = owner.cloned();
        self.write(move |connection| {
            Box::pin(async move {
                if connection.row(SELECT_NODE, args![&*service, &*node]).await?.is_some() {
                    return Ok(false);
                }
                put_node(connection, &service, &node, &config, max).await?;
                if let Some(owner) = owner {
                    pubsub_member::put(connection, &service, &node, &owner, "owner").await?;
                }
                Ok(true)
            })
        })
        .await
    }

    /// Makes a node, or configures one anew.
    ///
    /// # Errors
    /// [`Error::Limit`] when the service has too many; or the storage takes no writes.
    pub async fn pubsub_node_put(&self, service: &str, node: &str, config: &str) -> Result<(), Error> {
        let (service, node, config) = (service.to_owned(), node.to_owned(), config.to_owned());
        self.write(move |connection| {
            Box::pin(async move { put_node(connection, &service, &node, &config, PUBSUB_NODES_MAX).await })
        })
        .await
    }

    /// Removes a node with its items; true when there was one.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn pubsub_node_remove(&self, service: &str, node: &str) -> Result<bool, Error> {
        let arguments = args![service, node];
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute(DELETE_ITEMS, arguments.clone()).await?;
                pubsub_member::remove_node(connection, arguments.clone()).await?;
                Ok(connection.execute(DELETE_NODE, arguments).await? > 0)
            })
        })
        .await
    }

    /// Removes the items of a node.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn pubsub_purge(&self, service: &str, node: &str) -> Result<u64, Error> {
        let arguments = args![service, node];
        self.write(move |connection| {
            Box::pin(async move { connection.execute(DELETE_ITEMS, arguments).await })
        })
        .await
    }

    /// Publishes an item: one with the same id is replaced and becomes the newest; of more than `max` the oldest go.
    /// A node that is not there is made with `config`.
    ///
    /// # Errors
    /// [`Error::Limit`] when the service has too many nodes; or the storage takes no writes.
    pub async fn pubsub_publish(
        &self,
        service: &str,
        node: &str,
        config: &str,
        item: PubsubItem,
        max: usize,
    ) -> Result<(), Error> {
        let (service, node, config) = (service.to_owned(), node.to_owned(), config.to_owned());
        let max = i64::try_from(max.clamp(1, PUBSUB_ITEMS_MAX)).unwrap_or(1);
        self.write(move |connection| {
            Box::pin(async move {
                if connection.row(SELECT_NODE, args![&*service, &*node]).await?.is_none() {
                    put_node(connection, &service, &node, &config, PUBSUB_NODES_MAX).await?;
                }
                let next = connection.row(NEXT_PLACE, args![&*service, &*node]).await?;
                let place = next.map_or(Ok(1), |row| row.int(0))?;
                let PubsubItem { id, publisher, at, payload } = item;
                let arguments = args![&*service, &*node, id, place, publisher, at.0, payload.to_vec()];
                connection.execute(PUT_ITEM, arguments).await?;
                connection.execute(PRUNE, args![service, node, max]).await?;
                Ok(())
            })
        })
        .await
    }

    /// How much is kept at a service, or at one of its nodes.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_size(&self, service: &str, node: Option<&str>) -> Result<KeptSize, Error> {
        let row = match node {
            Some(node) => self.db().row(SIZE_OF_NODE, args![service, node]).await?,
            None => self.db().row(SIZE, args![service]).await?,
        };
        row.map_or(Ok(KeptSize::default()), |row| KeptSize::read(&row))
    }

    /// Removes the oldest items of a node over a number.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn pubsub_prune(&self, service: &str, node: &str, max: usize) -> Result<u64, Error> {
        let max = i64::try_from(max.clamp(1, PUBSUB_ITEMS_MAX)).unwrap_or(1);
        let arguments = args![service, node, max];
        self.write(move |connection| Box::pin(async move { connection.execute(PRUNE, arguments).await }))
            .await
    }

    /// Removes an item; true when there was one.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn pubsub_retract(&self, service: &str, node: &str, id: &str) -> Result<bool, Error> {
        let arguments = args![service, node, id];
        self.write(move |connection| {
            Box::pin(async move { Ok(connection.execute(DELETE_ITEM, arguments).await? > 0) })
        })
        .await
    }

    /// The newest items of a node, newest first, at most `max`.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_items(
        &self,
        service: &str,
        node: &str,
        max: usize,
    ) -> Result<Vec<PubsubItem>, Error> {
        let max = i64::try_from(max.min(PUBSUB_ITEMS_MAX)).unwrap_or(1);
        self.db().rows(SELECT_ITEMS, args![service, node, max]).await?.iter().map(item).collect()
    }

    /// One item of a node.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_item(
        &self,
        service: &str,
        node: &str,
        id: &str,
    ) -> Result<Option<PubsubItem>, Error> {
        self.db().row(SELECT_ITEM, args![service, node, id]).await?.map(|row| item(&row)).transpose()
    }

    /// A page of the items of a node; `None` when the page is named by an item that is not there.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_page(
        &self,
        service: &str,
        node: &str,
        page: &PubsubPage,
        max: usize,
    ) -> Result<Option<PubsubItems>, Error> {
        let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let max = number(max.min(PUBSUB_ITEMS_MAX));
        let named = match page {
            PubsubPage::After(id) | PubsubPage::Before(Some(id)) => Some(id.as_str()),
            PubsubPage::Before(None) | PubsubPage::From(_) => None,
        };
        let (sql, from) = match named {
            Some(id) => {
                let Some(row) = self.db().row(PLACE_OF, args![service, node, id]).await? else {
                    return Ok(None);
                };
                let after = matches!(page, PubsubPage::After(_));
                (if after { PAGE_AFTER } else { PAGE_BEFORE }, row.int(0)?)
            }
            None => match page {
                PubsubPage::From(index) => (PAGE_FROM, number(*index)),
                _ => (PAGE_BEFORE, i64::MAX),
            },
        };
        let mut rows = self.db().rows(sql, args![service, node, from, max]).await?;
        if sql == PAGE_BEFORE {
            rows.reverse();
        }
        let count = self.count(COUNT_ITEMS, args![service, node]).await?;
        let index = match rows.first() {
            Some(row) => self.count(COUNT_BEFORE, args![service, node, row.int(4)?]).await?,
            None => 0,
        };
        let items = rows.iter().map(item).collect::<Result<_, _>>()?;
        Ok(Some(PubsubItems { items, index, count }))
    }

    async fn count(&self, sql: &'static str, args: Vec<Value>) -> Result<usize, Error> {
        let count = self.db().row(sql, args).await?.map_or(Ok(0), |row| row.int(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// The newest item of each of `nodes` at each of `services`, where there is one. Names beyond
    /// [`PUBSUB_NEWEST_NAMES_MAX`] are left out.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn pubsub_newest(&self, services: &[&str], nodes: &[&str]) -> Result<Vec<NewestItem>, Error> {
        let list = |names: &[&str]| {
            json!(names.iter().take(PUBSUB_NEWEST_NAMES_MAX).collect::<Vec<_>>()).to_string()
        };
        let sql = if matches!(self.db(), crate::db::Db::Lite(_)) { NEWEST_LITE } else { NEWEST_PG };
        let rows = self.db().rows(sql, args![list(services), list(nodes)]).await?;
        rows.iter()
            .map(|row| {
                Ok(NewestItem {
                    service: row.text(4)?,
                    node: row.text(5)?,
                    config: row.text(6)?,
                    item: item(row)?,
                })
            })
            .collect()
    }
}

async fn put_node(
    connection: &mut Connection,
    service: &str,
    node: &str,
    config: &str,
    max: usize,
) -> Result<(), Error> {
    let known = connection.row(SELECT_NODE, args![service, node]).await?.is_some();
    let count = connection.row(COUNT_NODES, args![service]).await?.map_or(Ok(0), |row| row.int(0))?;
    if !known && usize::try_from(count).unwrap_or(usize::MAX) >= max {
        return Err(Error::Limit { what: "nodes", max });
    }
    connection.execute(PUT_NODE, args![service, node, config]).await.map(drop)
}

/// Removes everything of a service: a user who is removed.
pub(crate) async fn remove_service(connection: &mut Connection, service: &str) -> Result<(), Error> {
    pubsub_member::remove_service(connection, service).await?;
    connection.execute(DELETE_SERVICE_ITEMS, args![service]).await?;
    connection.execute(DELETE_SERVICE, args![service]).await.map(drop)
}

fn item(row: &Row) -> Result<PubsubItem, Error> {
    Ok(PubsubItem {
        id: row.text(0)?,
        publisher: row.text(1)?,
        at: Timestamp(row.int(2)?),
        payload: row.bytes(3)?.into(),
    })
}
