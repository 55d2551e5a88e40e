//! Registrations of phones (RFC 3261 §10.3, RFC 5626 §6): soft state, written behind within a second.

use model::{LineId, Timestamp};
use serde_json::json;

use crate::db::{Bulk, Connection, Row, args, bulk};
use crate::{Error, Store, line};

const SELECT_ALL: &str = "SELECT number, partition_name, contact, instance, reg_id, call_id, cseq, q_thousandths, \
     received, path, user_agent, expires_at, registered_at, device FROM binding \
     ORDER BY partition_name, number, registered_at";
const DELETE_EXPIRED: &str = "DELETE FROM binding WHERE expires_at <= $1";
const PUT_MANY: Bulk = bulk!(
    "INSERT INTO binding (number, partition_name, binding_key, contact, instance, reg_id, call_id, cseq, \
     q_thousandths, received, path, user_agent, expires_at, registered_at, device) SELECT e.value->>0, e.value->>1, \
     e.value->>2, e.value->>3, e.value->>4, CAST(e.value->>5 AS BIGINT), e.value->>6, \
     CAST(e.value->>7 AS BIGINT), CAST(e.value->>8 AS BIGINT), e.value->>9, e.value->>10, e.value->>11, \
     CAST(e.value->>12 AS BIGINT), CAST(e.value->>13 AS BIGINT), e.value->>14 FROM",
    "WHERE true ON CONFLICT (number, partition_name, binding_key) DO UPDATE SET contact = excluded.contact, \
     instance = excluded.instance, reg_id = excluded.reg_id, call_id = excluded.call_id, cseq = excluded.cseq, \
     q_thousandths = excluded.q_thousandths, received = excluded.received, path = excluded.path, \
     user_agent = excluded.user_agent, expires_at = excluded.expires_at, \
     registered_at = excluded.registered_at, device = excluded.device"
);
const DELETE_MANY: Bulk = bulk!(
    "DELETE FROM binding WHERE (number, partition_name, binding_key) IN \
     (SELECT e.value->>0, e.value->>1, e.value->>2 FROM",
    ")"
);

pub(crate) const STATEMENTS: &[&str] = &[SELECT_ALL, DELETE_EXPIRED];
pub(crate) const BULKS: &[Bulk] = &[PUT_MANY, DELETE_MANY];

/// Where a phone of a line can be reached, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The line that was registered.
    pub line: LineId,
    /// The contact URI with its parameters, as the phone gave it.
    pub contact: String,
    /// The phone's `+sip.instance` (RFC 5626 §4.1).
    pub instance: Option<String>,
    /// The `reg-id` of the flow (RFC 5626 §4.2).
    pub reg_id: Option<u32>,
    /// The Call-ID of the registration (RFC 3261 §10.3 step 7).
    pub call_id: String,
    /// The CSeq number of the registration.
    pub cseq: u32,
    /// The preference, in thousandths of `q`.
    pub q_thousandths: u16,
    /// Transport and address that the registration came from, such as `udp:192.0.2.7:5062`.
    pub received: String,
    /// The `Path` of the registration (RFC 3327), empty for none.
    pub path: String,
    /// The phone's `User-Agent`, empty for none.
    pub user_agent: String,
    /// The device that it is, when that is known.
    pub device: Option<String>,
    /// When it ends unless refreshed.
    pub expires_at: Timestamp,
    /// When the phone first registered.
    pub registered_at: Timestamp,
}

impl Binding {
    /// What tells the bindings of one line apart: instance and reg-id where both are given (RFC 5626 §6), else
    /// the contact, for a phone without flows may have several (RFC 3261 §10.3 step 7).
    pub fn key(&self) -> String {
        match (&self.instance, self.reg_id) {
            (Some(instance), Some(reg_id)) => format!("{instance};{reg_id}"),
            _ => self.contact.clone(),
        }
    }
}

impl Store {
    /// Keeps a binding, within a second. A refresh that changes nothing is best not told at all.
    pub fn binding_put(&self, binding: Binding) {
        self.soft(|soft| {
            soft.bindings.insert((binding.line.clone(), binding.key()), Some(binding));
        });
    }

    /// Forgets a binding, within a second. `key` is [`Binding::key`].
    pub fn binding_remove(&self, line: &LineId, key: &str) {
        self.soft(|soft| {
            soft.bindings.insert((line.clone(), key.to_owned()), None);
        });
    }

    /// The bindings that were kept, for the start; those that ended before `now` are gone.
    ///
    /// # Errors
    /// The storage could not be read or takes no writes.
    pub async fn bindings(&self, now: Timestamp) -> Result<Vec<Binding>, Error> {
        self.write(move |connection| {
            Box::pin(async move { connection.execute(DELETE_EXPIRED, args![now.0]).await.map(drop) })
        })
        .await?;
        self.db().rows(SELECT_ALL, args![]).await?.iter().map(read).collect()
    }
}

/// What is to happen to one binding; `None` forgets it.
pub(crate) type Change<'a> = (&'a (LineId, String), &'a Option<Binding>);

pub(crate) async fn write<'a>(
    connection: &mut Connection,
    changes: impl Iterator<Item = Change<'a>> + Send,
) -> Result<(), Error> {
    let (mut put, mut gone) = (Vec::new(), Vec::new());
    for ((line, key), binding) in changes {
        match binding {
            Some(b) => put.push(json!([
                line.number,
                line.partition,
                key,
                b.contact,
                b.instance,
                b.reg_id,
                b.call_id,
                b.cseq,
                b.q_thousandths,
                b.received,
                b.path,
                b.user_agent,
                b.expires_at.0,
                b.registered_at.0,
                b.device
            ])),
            None => gone.push(json!([line.number, line.partition, key])),
        }
    }
    if !put.is_empty() {
        connection.execute_bulk(PUT_MANY, json!(put).to_string()).await?;
    }
    if !gone.is_empty() {
        connection.execute_bulk(DELETE_MANY, json!(gone).to_string()).await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Binding, Error> {
    let odd = |_| Error::Corrupt("a number of a binding".to_owned());
    Ok(Binding {
        line: line::line_id(row, 0)?,
        contact: row.text(2)?,
        instance: row.optional_text(3)?,
        reg_id: row.optional_int(4)?.map(u32::try_from).transpose().map_err(odd)?,
        call_id: row.text(5)?,
        cseq: u32::try_from(row.int(6)?).map_err(odd)?,
        q_thousandths: u16::try_from(row.int(7)?).map_err(odd)?,
        received: row.text(8)?,
        path: row.text(9)?,
        user_agent: row.text(10)?,
        expires_at: Timestamp(row.int(11)?),
        registered_at: Timestamp(row.int(12)?),
        device: row.optional_text(13)?,
    })
}
