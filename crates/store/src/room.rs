//! Rooms that outlive their occupants (XEP-0045): configuration, subject, affiliations. What was said is in the archive.

use std::collections::BTreeMap;

use bytes::Bytes;
use model::BareJid;

use crate::db::{Connection, args};
use crate::{Error, Store, archive, user_document};

/// Rooms that are kept.
pub const ROOMS_MAX: usize = 20_000;
/// Affiliations of one room.
pub const ROOM_AFFILIATIONS_MAX: usize = 5_000;

const SELECT: &str = "SELECT jid, config, COALESCE(subject, $1), secret FROM room ORDER BY jid";
const SELECT_AFFILIATIONS: &str = "SELECT room, jid, affiliation FROM room_affiliation ORDER BY room, jid";
const COUNT: &str = "SELECT COUNT(*) FROM room WHERE jid <> $1";
const PUT: &str = "INSERT INTO room (jid, config, subject, secret) VALUES ($1, $2, $3, $4) ON CONFLICT (jid) \
     DO UPDATE SET config = excluded.config, subject = excluded.subject, secret = excluded.secret";
const CLEAR_AFFILIATIONS: &str = "DELETE FROM room_affiliation WHERE room = $1";
const PUT_AFFILIATION: &str = "INSERT INTO room_affiliation (room, jid, affiliation) VALUES ($1, $2, $3)";
const DELETE: &str = "DELETE FROM room WHERE jid = $1";

pub(crate) const STATEMENTS: &[&str] =
    &[SELECT, SELECT_AFFILIATIONS, COUNT, PUT, CLEAR_AFFILIATIONS, PUT_AFFILIATION, DELETE];

/// A room as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its address.
    pub jid: BareJid,
    /// Its configuration, as it was given.
    pub config: String,
    /// The message that set the subject; empty for none.
    pub subject: Bytes,
    /// What the occupants' ids are made with (XEP-0421).
    pub secret: Vec<u8>,
    /// Affiliations other than none.
    pub affiliations: BTreeMap<BareJid, String>,
}

impl Store {
    /// All rooms that are kept.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn rooms(&self) -> Result<Vec<Room>, Error> {
        let mut affiliations = BTreeMap::<String, BTreeMap<BareJid, String>>::new();
        for row in self.db().rows(SELECT_AFFILIATIONS, args![]).await? {
            affiliations.entry(row.text(0)?).or_default().insert(row.parsed(1)?, row.text(2)?);
        }
        let rows = self.db().rows(SELECT, args![Vec::<u8>::new()]).await?;
        rows.iter()
            .map(|row| {
                Ok(Room {
                    jid: row.parsed(0)?,
                    config: row.text(1)?,
                    subject: row.bytes(2)?.into(),
                    secret: row.bytes(3)?,
                    affiliations: affiliations.remove(&row.text(0)?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// Keeps a room as it is now.
    ///
    /// # Errors
    /// [`Error::Limit`] when too many are kept; or the storage takes no writes.
    pub async fn room_put(&self, room: Room) -> Result<(), Error> {
        if room.affiliations.len() > ROOM_AFFILIATIONS_MAX {
            return Err(Error::Limit { what: "affiliations of a room", max: ROOM_AFFILIATIONS_MAX });
        }
        self.write(move |connection| Box::pin(async move { put(connection, room).await })).await
    }

    /// Forgets a room, but not what was said in it.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn room_forget(&self, jid: &BareJid) -> Result<(), Error> {
        let jid = jid.clone();
        self.write(move |connection| Box::pin(async move { forget(connection, &jid).await })).await
    }

    /// Forgets a room and what was said in it.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn room_remove(&self, jid: &BareJid) -> Result<(), Error> {
        // Most of it batch by batch, for an archive may be long.
        self.archive_remove_all(jid).await?;
        let jid = jid.clone();
        self.write(move |connection| {
            Box::pin(async move {
                forget(connection, &jid).await?;
                archive::remove_owner(connection, &jid).await
            })
        })
        .await
    }
}

async fn forget(connection: &mut Connection, jid: &BareJid) -> Result<(), Error> {
    connection.execute(CLEAR_AFFILIATIONS, args![jid]).await?;
    connection.execute(DELETE, args![jid]).await?;
    connection.execute(user_document::REMOVE_OWNER, args![jid]).await.map(drop)
}

async fn put(connection: &mut Connection, room: Room) -> Result<(), Error> {
    let others = connection.row(COUNT, args![&room.jid]).await?.map_or(Ok(0), |row| row.int(0))?;
    if usize::try_from(others).unwrap_or(usize::MAX) >= ROOMS_MAX {
        return Err(Error::Limit { what: "rooms", max: ROOMS_MAX });
    }
    connection.execute(PUT, args![&room.jid, room.config, room.subject.to_vec(), room.secret]).await?;
    connection.execute(CLEAR_AFFILIATIONS, args![&room.jid]).await?;
    for (jid, affiliation) in room.affiliations {
        connection.execute(PUT_AFFILIATION, args![&room.jid, &jid, affiliation]).await?;
    }
    Ok(())
}
