//! Calls: the live ones, the records of those that have ended, what was said in them, and users' histories.

use bytes::Bytes;
use calls::snapshot::{CallSnapshot, Connection, ConnectionState, Direction};
use calls::trace::TracedMessage;
use model::{BareJid, LineId, Timestamp};
use serde::{Deserialize, Serialize};
use store::{CallLeg, CallPlace, CallQuery, CallRecord, CallsOf, HistoryEntry, HistoryKind, Store};

use crate::{Context, Failure, running};

/// Which calls are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallsWanted {
    /// Those that are live, rather than those that have ended.
    #[serde(default)]
    pub live: bool,
    /// Begun at this time or later: a time, a day, or how long ago, such as `2h`.
    #[serde(default)]
    pub since: Option<String>,
    /// Of this line.
    #[serde(default)]
    pub line: Option<LineId>,
    /// Of this user.
    #[serde(default)]
    pub user: Option<BareJid>,
    /// Behind this call: for the next page.
    #[serde(default)]
    pub behind: Option<String>,
    /// At most so many.
    pub max: usize,
}

/// A call as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallShown {
    /// Its number.
    pub id: String,
    /// `dialling`, `ringing`, `talking`, `held` or `ended`.
    pub state: String,
    /// When the caller dialled.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it was first answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// How long it was talked, in seconds.
    pub seconds: Option<f64>,
    /// What was dialled.
    pub dialled: String,
    /// Why it ended.
    pub cause: Option<String>,
    /// The place of the leg that ended it, from 0; none when the server did.
    pub ended_by: Option<u32>,
    /// The call that a leg of it came from or went to.
    pub linked: Option<String>,
    /// The devices; the caller first.
    pub legs: Vec<LegShown>,
}

/// A device in a call as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LegShown {
    /// Its line.
    pub line: Option<String>,
    /// The line's owner.
    pub owner: Option<String>,
    /// What the other side was shown.
    pub address: String,
    /// The name that the other side was shown.
    pub name: Option<String>,
    /// It called; else it was called.
    pub calling: bool,
    /// `dialling`, `ringing`, `talking`, `held` or `ended`.
    pub state: String,
    /// When it rang, was connected, and left.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub alerted: Option<Timestamp>,
    /// When it was connected.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered: Option<Timestamp>,
    /// When it left.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// Why it left.
    pub cause: Option<String>,
    /// The Call-ID of its SIP dialog.
    pub sip_call_id: String,
    /// The codecs in use.
    pub codecs: String,
    /// How well its packets arrived.
    pub quality: Option<QualityShown>,
}

/// How well packets arrived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct QualityShown {
    /// Packets received.
    pub packets: u64,
    /// Packets that did not arrive.
    pub lost: u64,
    /// Interarrival jitter, in milliseconds.
    pub jitter_ms: f64,
    /// From here to the device and back, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// The mean opinion score.
    pub mean_opinion_score: Option<f64>,
}

/// What was said in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallTraced {
    /// The call's number, or the Call-ID that was asked for.
    pub id: String,
    /// The parties: who was spoken with.
    pub parties: Vec<PartyShown>,
    /// The messages, in the order of their times.
    pub messages: Vec<MessageShown>,
    /// Messages of long legs that are not kept.
    pub left_out: usize,
}

/// A party of a trace: a leg and the address that it was spoken with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartyShown {
    /// The line's number, or what is known of it.
    pub label: String,
    /// Transport and address.
    pub address: String,
}

/// A message of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessageShown {
    /// When it came or went.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The place of the party, from 0.
    pub party: usize,
    /// The server sent it; else the party did.
    pub sent: bool,
    /// It is the same as one before.
    pub repeated: bool,
    /// The message, without its secrets.
    pub text: String,
    /// Bytes that were cut off at its end.
    pub cut: usize,
}

/// A recording of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecordingShown {
    /// The call's number.
    pub call: String,
    /// When it was written last.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How large it is, in bytes.
    pub bytes: u64,
    /// The file.
    pub path: String,
}

/// A user's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryShown {
    /// Missed calls that the user has not seen.
    pub unseen: u64,
    /// The calls, the newest first.
    pub calls: Vec<HistoryCall>,
}

/// A call in a user's history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HistoryCall {
    /// The call's number.
    pub id: String,
    /// `placed`, `received` or `missed`.
    pub kind: String,
    /// The number or name of the other side.
    pub peer: String,
    /// The name of the other side.
    pub peer_name: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// How long it was talked, in seconds.
    pub seconds: Option<f64>,
    /// The user has looked since.
    pub seen: bool,
}

/// The recordings that are kept, the newest first.
pub(crate) async fn recordings(context: &Context) -> Result<Vec<RecordingShown>, Failure> {
    let folder = context.folder.join(crate::folder::RECORDINGS);
    let listed = {
        let folder = folder.clone();
        context.runtime.blocking(move || calls::recordings::list(&folder)).join().await
    };
    let files = listed
        .unwrap_or_else(|| Ok(Vec::new()))
        .map_err(|error| Failure::invalid(format!("{}: {error}", folder.display())))?;
    let shown = |file: calls::recordings::RecordingFile| RecordingShown {
        call: file.call.to_string(),
        at: file.at,
        bytes: file.bytes,
        path: folder.join(file.name).display().to_string(),
    };
    Ok(files.into_iter().map(shown).collect())
}

pub(crate) async fn list(context: &Context, wanted: &CallsWanted) -> Result<Vec<CallShown>, Failure> {
    let since = wanted.since.as_deref().map(|text| since(text, context.runtime.timestamp())).transpose()?;
    if wanted.live {
        let node = running::node(context)?;
        let fits = |call: &CallSnapshot| {
            since.is_none_or(|since| call.started >= since)
                && wanted.line.as_ref().is_none_or(|line| call.of_line(line).next().is_some())
                && wanted.user.as_ref().is_none_or(|user| call.is_of(user))
        };
        let live = node.calls().snapshots().into_iter().filter(|call| fits(call));
        return Ok(live.take(wanted.max).map(|call| live_shown(&call)).collect());
    }
    let of = match (&wanted.line, &wanted.user) {
        (Some(_), Some(_)) => {
            return Err(Failure::invalid("calls are listed by line or by user, not by both"));
        }
        (Some(line), None) => CallsOf::Line(line.clone()),
        (None, Some(user)) => CallsOf::User(user.clone()),
        (None, None) => CallsOf::All,
    };
    let behind = match &wanted.behind {
        Some(id) => Some(place(&context.store, id).await?),
        None => None,
    };
    let query = CallQuery { of, since, until: None, behind, max: wanted.max };
    Ok(context.store.call_records(&query).await?.iter().map(record_shown).collect())
}

pub(crate) async fn show(context: &Context, id: &str) -> Result<CallShown, Failure> {
    let number = number(id)?;
    if let Some(live) = live(context, number) {
        return Ok(live_shown(&live));
    }
    let record = record(context, number).await?.ok_or_else(|| unknown(id))?;
    Ok(record_shown(&record))
}

/// Ends a live call for all.
pub(crate) fn end(context: &Context, id: &str) -> Result<(), Failure> {
    let number = number(id)?;
    let node = running::node(context)?;
    if live(context, number).is_none() {
        return Err(Failure::not_found(format!("call {id} is not live: it may have ended already")));
    }
    node.calls().end_call(calls::snapshot::CallId(number));
    tracing::info!(call = id, "an administrator ended a call");
    Ok(())
}

pub(crate) async fn trace(context: &Context, id: &str) -> Result<CallTraced, Failure> {
    let node = running::node(context)?;
    let legs = legs_of(context, id).await?;
    let call_ids: Vec<Bytes> = legs.iter().map(|(call_id, _)| call_id.clone()).collect();
    let traces = node.calls().traces(&call_ids).await;
    let mut traced = CallTraced { id: id.to_owned(), parties: Vec::new(), messages: Vec::new(), left_out: 0 };
    let mut messages: Vec<(usize, usize, TracedMessage)> = Vec::new();
    // The caller stands first, whichever shard answered first.
    for (call_id, label) in &legs {
        for trace in traces.iter().filter(|trace| trace.call_id == *call_id) {
            traced.left_out += trace.left_out;
            for message in &trace.messages {
                let address = format!("{} {}", message.transport.name(), message.remote);
                let party = PartyShown { label: label.clone(), address };
                let known = traced.parties.iter().position(|known| *known == party);
                let party = known.unwrap_or_else(|| {
                    traced.parties.push(party);
                    traced.parties.len() - 1
                });
                messages.push((messages.len(), party, message.clone()));
            }
        }
    }
    if messages.is_empty() {
        let why = "its messages are not kept any more, or [calls] traced_calls is 0";
        return Err(Failure::not_found(format!("nothing was kept of what was said in call {id}: {why}")));
    }
    messages.sort_by_key(|(order, _, message)| (message.at, *order));
    for (at, (_, party, message)) in messages.iter().enumerate() {
        let same = |(_, other, before): &(usize, usize, TracedMessage)| {
            other == party && before.sent == message.sent && before.bytes == message.bytes
        };
        traced.messages.push(MessageShown {
            at: message.at,
            party: *party,
            sent: message.sent,
            repeated: messages[..at].iter().any(same),
            text: message.text(),
            cut: message.length - message.bytes.len(),
        });
    }
    Ok(traced)
}

pub(crate) async fn history(
    context: &Context,
    user: &BareJid,
    kind: Option<&str>,
    behind: Option<&str>,
    max: usize,
) -> Result<HistoryShown, Failure> {
    require(context, user).await?;
    history_of(&context.store, user, kind, behind, max).await
}

/// A page of a user's history; of one list if `kind` says so, behind the call `behind`.
///
/// # Errors
/// There is no such list or call, or the storage cannot be read.
pub async fn history_of(
    store: &Store,
    user: &BareJid,
    kind: Option<&str>,
    behind: Option<&str>,
    max: usize,
) -> Result<HistoryShown, Failure> {
    let kind = kind.map(history_kind).transpose()?;
    let behind = match behind {
        Some(id) => Some(place(store, id).await?),
        None => None,
    };
    let seen = store.call_history_seen(user).await?;
    let entries = store.call_history(user, kind, behind, max).await?;
    Ok(HistoryShown {
        unseen: store.call_history_unseen(user).await?,
        calls: entries.iter().map(|entry| history_shown(entry, seen)).collect(),
    })
}

pub(crate) async fn mark_seen(context: &Context, user: &BareJid) -> Result<HistoryShown, Failure> {
    require(context, user).await?;
    context.store.call_history_mark_seen(user, context.runtime.timestamp()).await?;
    Ok(HistoryShown { unseen: context.store.call_history_unseen(user).await?, calls: Vec::new() })
}

async fn require(context: &Context, user: &BareJid) -> Result<(), Failure> {
    match context.store.user(user).await? {
        Some(_) => Ok(()),
        None => Err(Failure::not_found(format!("there is no user {user}"))),
    }
}

/// The legs of a call, live or ended, with what to call them; or the one leg whose Call-ID was given.
async fn legs_of(context: &Context, id: &str) -> Result<Vec<(Bytes, String)>, Failure> {
    let Ok(number) = number(id) else {
        return Ok(vec![(Bytes::copy_from_slice(id.as_bytes()), "phone".to_owned())]);
    };
    let legs: Vec<(Bytes, String)> = match live(context, number) {
        Some(live) => {
            let leg = |leg: &Connection| (leg.particulars.call_id.clone(), leg.address.clone());
            live.connections.iter().map(leg).collect()
        }
        None => {
            let record = record(context, number).await?.ok_or_else(|| unknown(id))?;
            let leg = |leg: CallLeg| (Bytes::from(leg.sip_call_id), leg.address);
            record.legs.into_iter().map(leg).collect()
        }
    };
    Ok(legs.into_iter().filter(|(call_id, _)| !call_id.is_empty()).collect())
}

/// The record of a call that has ended: written, or soon to be.
async fn record(context: &Context, number: u64) -> Result<Option<CallRecord>, Failure> {
    let call = calls::snapshot::CallId(number);
    let waiting = context.node.as_ref().and_then(|node| node.calls().board().finished().record(call));
    match waiting {
        Some(record) => Ok(Some(record)),
        None => Ok(context.store.call_record(number).await?),
    }
}

/// A call on the board.
fn live(context: &Context, number: u64) -> Option<std::sync::Arc<CallSnapshot>> {
    context.node.as_ref()?.calls().board().call(calls::snapshot::CallId(number))
}

async fn place(store: &Store, id: &str) -> Result<CallPlace, Failure> {
    let record = store.call_record(number(id)?).await?;
    record.map(|record| record.place()).ok_or_else(|| unknown(id))
}

fn number(id: &str) -> Result<u64, Failure> {
    let call = id.parse::<calls::snapshot::CallId>();
    call.map(|call| call.0)
        .map_err(|_| Failure::invalid(format!("{id:?} is not a call: `carillon call list` names them")))
}

fn unknown(id: &str) -> Failure {
    Failure::not_found(format!("there is no call {id}: its record may be too old"))
}

/// A time, a day, or how long ago.
fn since(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    let wrong = || {
        Failure::invalid(format!(
            "{text:?} is not a time such as 2026-01-31, 2026-01-31T08:00:00Z, 90s, 30m, 2h or 7d"
        ))
    };
    let whole_day = || format!("{text}T00:00:00Z").parse::<Timestamp>();
    if let Ok(time) = text.parse::<Timestamp>().or_else(|_| whole_day()) {
        return Ok(time);
    }
    let unit = text.char_indices().last().ok_or_else(wrong)?;
    let seconds: i64 = match unit.1 {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..unit.0].parse().ok().filter(|count| *count >= 0).ok_or_else(wrong)?;
    Ok(Timestamp(now.0.saturating_sub(count.saturating_mul(seconds).saturating_mul(1_000_000))))
}

fn history_kind(word: &str) -> Result<HistoryKind, Failure> {
    match word {
        "placed" => Ok(HistoryKind::Placed),
        "received" => Ok(HistoryKind::Received),
        "missed" => Ok(HistoryKind::Missed),
        _ => Err(Failure::invalid(format!("{word:?} is not placed, received or missed"))),
    }
}

fn id_shown(number: u64) -> String {
    calls::snapshot::CallId(number).to_string()
}

fn seconds(from: Option<Timestamp>, to: Timestamp) -> Option<f64> {
    from.map(|from| to.since(from).as_secs_f64())
}

fn history_shown(entry: &HistoryEntry, seen: Option<Timestamp>) -> HistoryCall {
    let kind = match entry.line.kind {
        HistoryKind::Placed => "placed",
        HistoryKind::Received => "received",
        HistoryKind::Missed => "missed",
    };
    HistoryCall {
        id: id_shown(entry.place.id),
        kind: kind.to_owned(),
        peer: entry.line.peer.clone(),
        peer_name: entry.line.peer_name.clone(),
        started: entry.place.started,
        seconds: seconds(entry.answered, entry.ended),
        seen: seen.is_some_and(|seen| entry.place.started <= seen),
    }
}

fn record_shown(record: &CallRecord) -> CallShown {
    CallShown {
        id: id_shown(record.id),
        state: "ended".to_owned(),
        started: record.started,
        answered: record.answered,
        ended: Some(record.ended),
        seconds: seconds(record.answered, record.ended),
        dialled: record.dialled.clone(),
        cause: Some(record.cause.clone()),
        ended_by: record.ended_by,
        linked: record.linked.map(id_shown),
        legs: record.legs.iter().map(leg_shown).collect(),
    }
}

fn leg_shown(leg: &CallLeg) -> LegShown {
    let milliseconds = |micros: u64| micros as f64 / 1_000.0;
    LegShown {
        line: leg.line.as_ref().map(ToString::to_string),
        owner: leg.owner.as_ref().map(ToString::to_string),
        address: leg.address.clone(),
        name: leg.name.clone(),
        calling: leg.calling,
        state: "ended".to_owned(),
        alerted: leg.times.alerted,
        answered: leg.times.answered,
        ended: Some(leg.times.ended),
        cause: Some(leg.cause.clone()),
        sip_call_id: leg.sip_call_id.clone(),
        codecs: leg.codecs.clone(),
        quality: leg.quality.map(|quality| QualityShown {
            packets: quality.packets,
            lost: quality.lost,
            jitter_ms: milliseconds(quality.jitter_us),
            round_trip_ms: quality.round_trip_us.map(milliseconds),
            mean_opinion_score: quality.opinion.map(|opinion| f64::from(opinion) / 100.0),
        }),
    }
}

fn live_shown(call: &CallSnapshot) -> CallShown {
    let any = |state| call.connections.iter().any(|connection| connection.state == state);
    let state = if any(ConnectionState::Hold) {
        "held"
    } else if call.answered.is_some() {
        "talking"
    } else if any(ConnectionState::Alerting) {
        "ringing"
    } else {
        "dialling"
    };
    CallShown {
        id: call.id.to_string(),
        state: state.to_owned(),
        started: call.started,
        answered: call.answered,
        ended: None,
        seconds: None,
        dialled: call.dialled.clone(),
        cause: None,
        ended_by: None,
        linked: None,
        legs: call.connections.iter().map(live_leg).collect(),
    }
}

fn live_leg(leg: &Connection) -> LegShown {
    let state = match leg.state {
        ConnectionState::Initiated => "dialling",
        ConnectionState::Alerting => "ringing",
        ConnectionState::Connected => "talking",
        ConnectionState::Hold => "held",
        ConnectionState::Fail | ConnectionState::Null => "ended",
    };
    let since = |wanted| (leg.state == wanted).then_some(leg.since);
    let media = leg.particulars.media.as_ref();
    LegShown {
        line: leg.line.as_ref().map(ToString::to_string),
        owner: leg.owner.as_ref().map(ToString::to_string),
        address: leg.address.clone(),
        name: leg.name.clone(),
        calling: leg.direction == Direction::Initiator,
        state: state.to_owned(),
        alerted: since(ConnectionState::Alerting),
        answered: since(ConnectionState::Connected),
        ended: since(ConnectionState::Null).or(since(ConnectionState::Fail)),
        cause: None,
        sip_call_id: String::from_utf8_lossy(&leg.particulars.call_id).into_owned(),
        codecs: media.map_or_else(String::new, |media| media.words()),
        quality: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_a_day_a_moment_or_how_long_ago() {
        let now = "2026-02-01T10:00:00Z".parse::<Timestamp>().unwrap();
        let read = |text: &str| since(text, now).map(|time| time.to_string()).map_err(drop);
        assert_eq!(read("2026-01-31").unwrap(), "2026-01-31T00:00:00.000000Z");
        assert_eq!(read("2026-01-31T08:00:00Z").unwrap(), "2026-01-31T08:00:00.000000Z");
        assert_eq!(read("30m").unwrap(), "2026-02-01T09:30:00.000000Z");
        assert_eq!(read("7d").unwrap(), "2026-01-25T10:00:00.000000Z");
        for wrong in ["", "h", "-1h", "yesterday", "5 h"] {
            assert_eq!(read(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_call_is_named_by_sixteen_digits() {
        assert_eq!(number("0001000000000007").unwrap(), 1 << 48 | 7);
        for wrong in ["7", "000100000000000g", "+001000000000007", "a84b4c76e66710@pc33"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}
