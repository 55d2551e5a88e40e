//! Records of calls that have ended: one per call with one per leg, written in batches by call control.

use model::{BareJid, LineId, Timestamp};
use serde_json::json;

use crate::db::{Bulk, Db, Row, Value, args, bulk};
use crate::{Error, Store, line};

/// The most calls that one page answers.
pub const CALLS_PAGE_MAX: usize = 500;
/// Calls that one step of [`Store::call_records_expire`] removes, so that no commit waits long for it.
pub const CALLS_EXPIRED_BATCH: usize = 1_000;
/// The longest text of a record, in bytes: an address, a name, a Call-ID. Longer ones are cut.
pub const CALL_TEXT_BYTES_MAX: usize = 256;

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.started, c.answered, c.ended, c.dialled, c.cause, c.ended_by, c.linked ",
            "FROM call_record c ",
            $rest
        )
    };
}

const SELECT: &str = select!("WHERE c.id = $1");
const SELECT_TIME: &str = select!(
    "WHERE c.started >= $1 AND c.started < $2 AND (c.started, c.id) < ($3, $4) \
     ORDER BY c.started DESC, c.id DESC LIMIT $5"
);
const SELECT_LINE: &str = select!(
    "JOIN (SELECT DISTINCT call_started, call_id FROM call_leg WHERE number = $6 AND partition_name = $7 \
     AND call_started >= $1 AND call_started < $2 AND (call_started, call_id) < ($3, $4) \
     ORDER BY call_started DESC, call_id DESC LIMIT $5) AS page ON page.call_id = c.id \
     ORDER BY c.started DESC, c.id DESC"
);
const SELECT_OWNER: &str = select!(
    "JOIN (SELECT DISTINCT call_started, call_id FROM call_leg WHERE owner = $6 \
     AND call_started >= $1 AND call_started < $2 AND (call_started, call_id) < ($3, $4) \
     ORDER BY call_started DESC, call_id DESC LIMIT $5) AS page ON page.call_id = c.id \
     ORDER BY c.started DESC, c.id DESC"
);
const SELECT_LEGS: Bulk = bulk!(
    "SELECT l.call_id, l.number, l.partition_name, l.owner, l.address, l.name, l.calling, l.started, l.alerted, \
     l.answered, l.ended, l.cause, l.sip_call_id, l.codecs, l.packets, l.lost, l.jitter, l.round_trip, l.opinion, \
     l.history, l.peer, l.peer_name FROM",
    "JOIN call_leg l ON l.call_id = CAST(e.value->>0 AS BIGINT) ORDER BY l.call_id, l.place"
);
const PUT_CALLS: Bulk = bulk!(
    "INSERT INTO call_record (id, started, answered, ended, dialled, cause, ended_by, linked) \
     SELECT CAST(e.value->>0 AS BIGINT), CAST(e.value->>1 AS BIGINT), CAST(e.value->>2 AS BIGINT), \
     CAST(e.value->>3 AS BIGINT), e.value->>4, e.value->>5, CAST(e.value->>6 AS BIGINT), \
     CAST(e.value->>7 AS BIGINT) FROM",
    "WHERE true ON CONFLICT (id) DO NOTHING"
);
const PUT_LEGS: Bulk = bulk!(
    "INSERT INTO call_leg (call_id, place, call_started, number, partition_name, owner, address, name, calling, \
     started, alerted, answered, ended, cause, sip_call_id, codecs, packets, lost, jitter, round_trip, opinion, \
     history, peer, peer_name) SELECT CAST(e.value->>0 AS BIGINT), CAST(e.value->>1 AS BIGINT), \
     CAST(e.value->>2 AS BIGINT), e.value->>3, e.value->>4, e.value->>5, e.value->>6, e.value->>7, \
     CAST(e.value->>8 AS BIGINT), CAST(e.value->>9 AS BIGINT), CAST(e.value->>10 AS BIGINT), \
     CAST(e.value->>11 AS BIGINT), CAST(e.value->>12 AS BIGINT), e.value->>13, e.value->>14, e.value->>15, \
     CAST(e.value->>16 AS BIGINT), CAST(e.value->>17 AS BIGINT), CAST(e.value->>18 AS BIGINT), \
     CAST(e.value->>19 AS BIGINT), CAST(e.value->>20 AS BIGINT), CAST(e.value->>21 AS BIGINT), e.value->>22, \
     e.value->>23 FROM",
    "WHERE true ON CONFLICT (call_id, place) DO NOTHING"
);
const EXPIRE: &str = "DELETE FROM call_record WHERE id IN \
     (SELECT id FROM call_record WHERE started < $1 ORDER BY started, id LIMIT $2)";

pub(crate) const STATEMENTS: &[&str] = &[SELECT, SELECT_TIME, SELECT_LINE, SELECT_OWNER, EXPIRE];
pub(crate) const BULKS: &[Bulk] = &[SELECT_LEGS, PUT_CALLS, PUT_LEGS];

/// A call that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// Its number, unlike that of any other call of this server.
    pub id: u64,
    /// When the caller dialled.
    pub started: Timestamp,
    /// When it was first answered.
    pub answered: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
    /// What was dialled.
    pub dialled: String,
    /// Why it ended, in the words of CSTA.
    pub cause: String,
    /// The place of the leg that ended it; `None` when that was the server, or is not known.
    pub ended_by: Option<u32>,
    /// The call that a leg of this one came from or went to.
    pub linked: Option<u64>,
    /// The devices that took part; the caller first.
    pub legs: Vec<CallLeg>,
}

/// One device in a call that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallLeg {
    /// Its line, when it is one of ours.
    pub line: Option<LineId>,
    /// The line's owner at that time.
    pub owner: Option<BareJid>,
    /// The number or name that the other side was shown.
    pub address: String,
    /// The name that people were shown.
    pub name: Option<String>,
    /// It called; else it was called.
    pub calling: bool,
    /// What happened when.
    pub times: LegTimes,
    /// Why its part ended.
    pub cause: String,
    /// The Call-ID of its SIP dialog, empty when it never had one.
    pub sip_call_id: String,
    /// The codecs in use at the end, such as `PCMA` or `opus, H264`, and in brackets what the server did with them:
    /// `G722 (transcoded)`. Empty when it never got so far.
    pub codecs: String,
    /// How well its sound arrived here, when media told.
    pub quality: Option<LegQuality>,
    /// What its owner finds in the history.
    pub history: Option<HistoryLine>,
}

/// What happened to a leg when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegTimes {
    /// It dialled, or was dialled.
    pub started: Timestamp,
    /// It rang.
    pub alerted: Option<Timestamp>,
    /// It was connected.
    pub answered: Option<Timestamp>,
    /// It left.
    pub ended: Timestamp,
}

/// How well packets arrived from a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegQuality {
    /// Packets received.
    pub packets: u64,
    /// Packets that did not arrive.
    pub lost: u64,
    /// Interarrival jitter, in microseconds.
    pub jitter_us: u64,
    /// From here to the device and back, in microseconds.
    pub round_trip_us: Option<u64>,
    /// The mean opinion score, times 100.
    pub opinion: Option<u16>,
}

/// Which list of a user's history a call is in (`CC-34`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HistoryKind {
    /// The user called.
    Placed,
    /// The user was called, and answered.
    Received,
    /// The user was called, and nobody answered.
    Missed,
}

/// A call as the owner of one leg finds it in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    /// In which list.
    pub kind: HistoryKind,
    /// The number or name of the other side.
    pub peer: String,
    /// The name of the other side, when it was known.
    pub peer_name: Option<String>,
}

/// The place of a call among all: pages go on behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallPlace {
    /// When it began.
    pub started: Timestamp,
    /// Its number.
    pub id: u64,
}

/// Whose calls are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CallsOf {
    /// Everybody's.
    #[default]
    All,
    /// Of one line.
    Line(LineId),
    /// Of one user's lines.
    User(BareJid),
}

/// Which records are wanted: the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallQuery {
    /// Whose.
    pub of: CallsOf,
    /// Begun then or later.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
    /// Behind this place: for the next page.
    pub behind: Option<CallPlace>,
    /// At most so many, and [`CALLS_PAGE_MAX`].
    pub max: usize,
}

impl CallRecord {
    /// Its place among all.
    pub fn place(&self) -> CallPlace {
        CallPlace { started: self.started, id: self.id }
    }
}

impl HistoryKind {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Placed => 1,
            Self::Received => 2,
            Self::Missed => 3,
        }
    }

    pub(crate) fn read(number: i64) -> Result<Option<Self>, Error> {
        Ok(match number {
            0 => None,
            1 => Some(Self::Placed),
            2 => Some(Self::Received),
            3 => Some(Self::Missed),
            _ => return Err(Error::Corrupt("a list of the call history".to_owned())),
        })
    }
}

impl Store {
    /// Keeps records, all or none; those that are there already stay as they are.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn call_records_put(&self, records: &[CallRecord]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let calls: Vec<_> = records.iter().map(call_row).collect();
        let legs: Vec<_> = records.iter().flat_map(leg_rows).collect();
        let (calls, legs) = (json!(calls).to_string(), json!(legs).to_string());
        self.write(move |connection| {
            Box::pin(async move {
                connection.execute_bulk(PUT_CALLS, calls).await?;
                connection.execute_bulk(PUT_LEGS, legs).await.map(drop)
            })
        })
        .await
    }

    /// The record of a call; `None` when there is none.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn call_record(&self, id: u64) -> Result<Option<CallRecord>, Error> {
        let rows = self.db().rows(SELECT, args![int(id)]).await?;
        Ok(self.with_legs(&rows).await?.pop())
    }

    /// A page of records, the newest first.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn call_records(&self, query: &CallQuery) -> Result<Vec<CallRecord>, Error> {
        let behind = query.behind.map_or((i64::MAX, i64::MAX), |place| (place.started.0, int(place.id)));
        let max = i64::try_from(query.max.min(CALLS_PAGE_MAX)).unwrap_or(1);
        let mut arguments: Vec<Value> = args![
            query.since.map_or(i64::MIN, |since| since.0),
            query.until.map_or(i64::MAX, |until| until.0),
            behind.0,
            behind.1,
            max
        ];
        let sql = match &query.of {
            CallsOf::All => SELECT_TIME,
            CallsOf::Line(line) => {
                arguments.extend(args![line.number.as_str(), line.partition.as_str()]);
                SELECT_LINE
            }
            CallsOf::User(user) => {
                arguments.extend(args![user]);
                SELECT_OWNER
            }
        };
        let rows = self.db().rows(sql, arguments).await?;
        self.with_legs(&rows).await
    }

    /// Forgets one batch of calls that began before `before`; gives their number.
    ///
    /// # Errors
    /// The storage takes no writes.
    pub async fn call_records_expire(&self, before: Timestamp) -> Result<u64, Error> {
        let batch = i64::try_from(CALLS_EXPIRED_BATCH).unwrap_or(1);
        self.write(move |connection| {
            Box::pin(async move { connection.execute(EXPIRE, args![before.0, batch]).await })
        })
        .await
    }

    async fn with_legs(&self, rows: &[Row]) -> Result<Vec<CallRecord>, Error> {
        let mut records = rows.iter().map(read_call).collect::<Result<Vec<_>, _>>()?;
        if records.is_empty() {
            return Ok(records);
        }
        let ids: Vec<_> = records.iter().map(|record| [int(record.id)]).collect();
        let sql = if matches!(self.db(), Db::Lite(_)) { SELECT_LEGS.lite } else { SELECT_LEGS.pg };
        for row in self.db().rows(sql, args![json!(ids).to_string()]).await? {
            let call = id(row.int(0)?)?;
            if let Some(record) = records.iter_mut().find(|record| record.id == call) {
                record.legs.push(read_leg(&row)?);
            }
        }
        Ok(records)
    }
}

fn call_row(call: &CallRecord) -> serde_json::Value {
    json!([
        int(call.id),
        call.started.0,
        call.answered.map(|at| at.0),
        call.ended.0,
        text(&call.dialled),
        call.cause,
        call.ended_by,
        call.linked.map(int),
    ])
}

fn leg_rows(call: &CallRecord) -> impl Iterator<Item = serde_json::Value> {
    call.legs.iter().enumerate().map(|(place, leg)| {
        let (quality, history) = (leg.quality.as_ref(), leg.history.as_ref());
        json!([
            int(call.id),
            place,
            call.started.0,
            leg.line.as_ref().map(|line| line.number.as_str()),
            leg.line.as_ref().map(|line| line.partition.as_str()),
            leg.owner.as_ref().map(|owner| owner.as_str()),
            text(&leg.address),
            leg.name.as_deref().map(text),
            i64::from(leg.calling),
            leg.times.started.0,
            leg.times.alerted.map(|at| at.0),
            leg.times.answered.map(|at| at.0),
            leg.times.ended.0,
            leg.cause,
            text(&leg.sip_call_id),
            text(&leg.codecs),
            quality.map(|quality| int(quality.packets)),
            quality.map(|quality| int(quality.lost)),
            quality.map(|quality| int(quality.jitter_us)),
            quality.and_then(|quality| quality.round_trip_us).map(int),
            quality.and_then(|quality| quality.opinion),
            history.map_or(0, |history| history.kind.number()),
            history.map(|history| text(&history.peer)),
            history.and_then(|history| history.peer_name.as_deref()).map(text),
        ])
    })
}

/// What phones say may be long, and may contain a NUL, which PostgreSQL does not keep.
fn text(text: &str) -> String {
    let end = text.floor_char_boundary(CALL_TEXT_BYTES_MAX);
    text[..end].replace('\0', "")
}

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn id(number: i64) -> Result<u64, Error> {
    u64::try_from(number).map_err(|_| Error::Corrupt("a number of a call".to_owned()))
}

fn time(row: &Row, column: usize) -> Result<Option<Timestamp>, Error> {
    Ok(row.optional_int(column)?.map(Timestamp))
}

fn read_call(row: &Row) -> Result<CallRecord, Error> {
    let odd = |_| Error::Corrupt("a place in a call".to_owned());
    Ok(CallRecord {
        id: id(row.int(0)?)?,
        started: Timestamp(row.int(1)?),
        answered: time(row, 2)?,
        ended: Timestamp(row.int(3)?),
        dialled: row.text(4)?,
        cause: row.text(5)?,
        ended_by: row.optional_int(6)?.map(u32::try_from).transpose().map_err(odd)?,
        linked: row.optional_int(7)?.map(id).transpose()?,
        legs: Vec::new(),
    })
}

fn read_leg(row: &Row) -> Result<CallLeg, Error> {
    let line = row.optional_text(1)?.is_some().then(|| line::line_id(row, 1)).transpose()?;
    let owner = row.optional_text(3)?.map(|owner| crate::db::parse(&owner)).transpose()?;
    let quality = match row.optional_int(14)? {
        None => None,
        Some(packets) => Some(LegQuality {
            packets: id(packets)?,
            lost: id(row.optional_int(15)?.unwrap_or(0))?,
            jitter_us: id(row.optional_int(16)?.unwrap_or(0))?,
            round_trip_us: row.optional_int(17)?.map(id).transpose()?,
            opinion: row.optional_int(18)?.and_then(|opinion| u16::try_from(opinion).ok()),
        }),
    };
    let history = match HistoryKind::read(row.int(19)?)? {
        None => None,
        Some(kind) => {
            let peer = row.optional_text(20)?.unwrap_or_default();
            Some(HistoryLine { kind, peer, peer_name: row.optional_text(21)? })
        }
    };
    Ok(CallLeg {
        line,
        owner,
        address: row.text(4)?,
        name: row.optional_text(5)?,
        calling: row.flag(6)?,
        times: LegTimes {
            started: Timestamp(row.int(7)?),
            alerted: time(row, 8)?,
            answered: time(row, 9)?,
            ended: Timestamp(row.int(10)?),
        },
        cause: row.text(11)?,
        sip_call_id: row.text(12)?,
        codecs: row.text(13)?,
        quality,
        history,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_phones_say_is_cut_at_a_character_and_loses_its_nul() {
        assert_eq!(text("a\0b"), "ab");
        let long = "é".repeat(CALL_TEXT_BYTES_MAX);
        assert_eq!(text(&long).len(), CALL_TEXT_BYTES_MAX);
    }
}
