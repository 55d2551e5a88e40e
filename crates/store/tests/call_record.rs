//! Records of calls and the history made of them, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::{LineId, Number, Timestamp};
use store::{
    CALLS_EXPIRED_BATCH, CallLeg, CallPlace, CallQuery, CallRecord, CallsOf, HistoryKind, HistoryLine,
    LegQuality, LegTimes,
};
use support::{Database, cases, jid, user};

cases! {
    a_record_comes_back_as_it_was_kept,
    records_are_paged_by_time_by_line_and_by_user,
    a_record_that_is_there_stays_when_its_batch_comes_again,
    old_records_go_with_their_legs,
    the_history_of_a_user_is_paged_by_list,
    missed_calls_are_unseen_until_the_user_has_looked,
    a_removed_user_leaves_no_history_to_the_next_of_that_name,
}

fn line(number: &str) -> LineId {
    LineId::from(number.parse::<Number>().unwrap())
}

fn leg(number: &str, owner: &str, calling: bool, at: i64, history: Option<HistoryLine>) -> CallLeg {
    CallLeg {
        line: Some(line(number)),
        owner: Some(jid(owner)),
        address: number.to_owned(),
        name: None,
        calling,
        times: LegTimes { started: Timestamp(at), alerted: None, answered: None, ended: Timestamp(at + 5) },
        cause: "noAnswer".to_owned(),
        sip_call_id: format!("{number}-{at}"),
        codecs: String::new(),
        quality: None,
        history,
    }
}

/// Ann calls bob's line, and nobody answers.
fn missed(id: u64, at: i64) -> CallRecord {
    let line = |kind, peer: &str| Some(HistoryLine { kind, peer: peer.to_owned(), peer_name: None });
    CallRecord {
        id,
        started: Timestamp(at),
        answered: None,
        ended: Timestamp(at + 5),
        dialled: "1002".to_owned(),
        cause: "noAnswer".to_owned(),
        ended_by: None,
        linked: None,
        legs: vec![
            leg("1001", "ann@localhost", true, at, line(HistoryKind::Placed, "1002")),
            leg("1002", "bob@localhost", false, at, line(HistoryKind::Missed, "1001")),
            leg("1002", "bob@localhost", false, at, None),
        ],
    }
}

fn ids(records: &[CallRecord]) -> Vec<u64> {
    records.iter().map(|record| record.id).collect()
}

async fn a_record_comes_back_as_it_was_kept(database: Database) {
    let store = database.open().await;
    let mut call = missed(7 << 48 | 1, 1_000);
    call.answered = Some(Timestamp(1_002));
    call.ended_by = Some(1);
    call.linked = Some(9);
    call.legs[0].name = Some("Ann \"the first\" Ä".to_owned());
    call.legs[0].times.alerted = Some(Timestamp(1_001));
    call.legs[0].codecs = "opus, H264".to_owned();
    call.legs[0].quality = Some(LegQuality {
        packets: 100,
        lost: 3,
        jitter_us: 1_500,
        round_trip_us: Some(20_000),
        opinion: Some(417),
    });
    call.legs[1].line = None;
    call.legs[1].owner = None;
    store.call_records_put(&[call.clone(), missed(2, 500)]).await.unwrap();
    assert_eq!(store.call_record(call.id).await.unwrap(), Some(call));
    assert_eq!(store.call_record(3).await.unwrap(), None);
    store.close().await;
}

async fn records_are_paged_by_time_by_line_and_by_user(database: Database) {
    let store = database.open().await;
    let mut others = missed(5, 30);
    others.legs.truncate(1);
    others.legs[0].line = Some(line("1003"));
    others.legs[0].owner = None;
    // Three began at the same moment.
    let records = [missed(1, 10), missed(2, 20), missed(3, 20), missed(4, 20), others, missed(6, 40)];
    store.call_records_put(&records).await.unwrap();
    let query = |of, behind| CallQuery { of, behind, max: 2, ..CallQuery::default() };
    let mut all = Vec::new();
    let mut behind = None;
    loop {
        let page = store.call_records(&query(CallsOf::All, behind)).await.unwrap();
        behind = page.last().map(CallRecord::place);
        all.extend(ids(&page));
        if behind.is_none() {
            break;
        }
    }
    assert_eq!(all, [6, 5, 4, 3, 2, 1]);
    let of_line = |number: &str| CallsOf::Line(line(number));
    assert_eq!(ids(&store.call_records(&query(of_line("1002"), None)).await.unwrap()), [6, 4]);
    let place = Some(CallPlace { started: Timestamp(20), id: 4 });
    let page = store.call_records(&query(of_line("1002"), place)).await.unwrap();
    assert_eq!((ids(&page), page[0].legs.len()), (vec![3, 2], 3));
    assert_eq!(ids(&store.call_records(&query(of_line("1003"), None)).await.unwrap()), [5]);
    let of_bob = CallsOf::User(jid("bob@localhost"));
    assert_eq!(ids(&store.call_records(&query(of_bob, place)).await.unwrap()), [3, 2]);
    let between =
        CallQuery { since: Some(Timestamp(20)), until: Some(Timestamp(30)), max: 9, ..CallQuery::default() };
    assert_eq!(ids(&store.call_records(&between).await.unwrap()), [4, 3, 2]);
    store.close().await;
}

async fn a_record_that_is_there_stays_when_its_batch_comes_again(database: Database) {
    let store = database.open().await;
    store.call_records_put(&[missed(1, 10)]).await.unwrap();
    let mut again = missed(1, 10);
    again.cause = "busy".to_owned();
    store.call_records_put(&[again, missed(2, 20)]).await.unwrap();
    assert_eq!(store.call_record(1).await.unwrap(), Some(missed(1, 10)));
    assert_eq!(store.call_record(2).await.unwrap().unwrap().legs.len(), 3);
    store.close().await;
}

async fn old_records_go_with_their_legs(database: Database) {
    let store = database.open().await;
    let records: Vec<_> = (1..=CALLS_EXPIRED_BATCH as u64 + 5).map(|id| missed(id, id as i64)).collect();
    store.call_records_put(&records).await.unwrap();
    let before = Timestamp(CALLS_EXPIRED_BATCH as i64 + 3);
    assert_eq!(store.call_records_expire(before).await.unwrap(), CALLS_EXPIRED_BATCH as u64);
    assert_eq!(store.call_records_expire(before).await.unwrap(), 2);
    assert_eq!(store.call_records_expire(before).await.unwrap(), 0);
    let left = store.call_records(&CallQuery { max: 9, ..CallQuery::default() }).await.unwrap();
    assert_eq!(ids(&left), [1_005, 1_004, 1_003]);
    let of_bob = CallQuery { of: CallsOf::User(jid("bob@localhost")), max: 9, ..CallQuery::default() };
    assert_eq!(store.call_records(&of_bob).await.unwrap().len(), 3);
    assert_eq!(store.call_history(&jid("bob@localhost"), None, None, 9).await.unwrap().len(), 3);
    store.close().await;
}

async fn the_history_of_a_user_is_paged_by_list(database: Database) {
    let store = database.open().await;
    let mut answered = missed(3, 30);
    answered.legs[1].history.as_mut().unwrap().kind = HistoryKind::Received;
    store.call_records_put(&[missed(1, 10), missed(2, 20), answered]).await.unwrap();
    let bob = jid("bob@localhost");
    let all = store.call_history(&bob, None, None, 2).await.unwrap();
    assert_eq!(all.iter().map(|entry| entry.place.id).collect::<Vec<_>>(), [3, 2]);
    assert_eq!((all[0].line.kind, all[0].line.peer.as_str()), (HistoryKind::Received, "1001"));
    let rest = store.call_history(&bob, None, Some(all[1].place), 2).await.unwrap();
    assert_eq!(rest.iter().map(|entry| entry.place.id).collect::<Vec<_>>(), [1]);
    let missed = store.call_history(&bob, Some(HistoryKind::Missed), None, 9).await.unwrap();
    assert_eq!(missed.iter().map(|entry| entry.place.id).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(store.call_history(&bob, Some(HistoryKind::Placed), None, 9).await.unwrap(), []);
    store.close().await;
}

async fn missed_calls_are_unseen_until_the_user_has_looked(database: Database) {
    let store = database.open().await;
    store.user_add(user("bob")).await.unwrap();
    store.call_records_put(&[missed(1, 10), missed(2, 20)]).await.unwrap();
    let bob = jid("bob@localhost");
    assert_eq!(store.call_history_unseen(&bob).await.unwrap(), 2);
    store.call_history_mark_seen(&bob, Timestamp(10)).await.unwrap();
    assert_eq!(store.call_history_unseen(&bob).await.unwrap(), 1);
    store.call_history_mark_seen(&bob, Timestamp(5)).await.unwrap();
    assert_eq!(store.call_history_seen(&bob).await.unwrap(), Some(Timestamp(10)));
    assert_eq!(
        store.call_history_unseen(&jid("ann@localhost")).await.unwrap(),
        0,
        "placed calls are not missed"
    );
    store.call_history_mark_seen(&jid("ghost@localhost"), Timestamp(10)).await.unwrap();
    assert_eq!(store.call_history_seen(&jid("ghost@localhost")).await.unwrap(), None);
    store.close().await;
}

async fn a_removed_user_leaves_no_history_to_the_next_of_that_name(database: Database) {
    let store = database.open().await;
    store.user_add(user("bob")).await.unwrap();
    store.call_records_put(&[missed(1, 10)]).await.unwrap();
    let bob = jid("bob@localhost");
    store.call_history_mark_seen(&bob, Timestamp(5)).await.unwrap();
    store.user_remove(&bob).await.unwrap();
    store.user_add(user("bob")).await.unwrap();
    assert_eq!(store.call_history(&bob, None, None, 9).await.unwrap(), []);
    assert_eq!(store.call_history_seen(&bob).await.unwrap(), None);
    assert_eq!(store.call_record(1).await.unwrap().unwrap().legs.len(), 3, "the operator's record stays");
    store.close().await;
}
