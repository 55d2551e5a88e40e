//! The task that tells the board, when the server starts, what lines have called before: for what is dialled again.

use std::sync::Arc;

use runtime::Runtime;
use store::{CALLS_PAGE_MAX, CallQuery, CallRecord, Store};

use crate::board::Board;

/// Pages of the latest records that are looked at.
const PAGES_MAX: usize = 20;

/// Reads the latest records, unless the server stops meanwhile. What happens while it reads is later than all of them,
/// so nobody has to wait for it.
pub(crate) async fn last_calls(runtime: Runtime, store: Store, board: Arc<Board>) {
    tokio::select! {
        biased;
        () = runtime.stopping() => {}
        () = read(&store, &board) => {}
    }
}

async fn read(store: &Store, board: &Board) {
    let mut query = CallQuery { max: CALLS_PAGE_MAX, ..CallQuery::default() };
    for _ in 0..PAGES_MAX {
        let page = match store.call_records(&query).await {
            Ok(page) => page,
            Err(error) => return tracing::warn!(%error, "what lines have called last is not known"),
        };
        page.iter().for_each(|record| board.recall(record));
        query.behind = page.last().map(CallRecord::place);
        if page.len() < CALLS_PAGE_MAX {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{LineId, Timestamp};
    use store::{CallLeg, HistoryKind, HistoryLine, LegTimes};

    fn line() -> LineId {
        LineId::from("1002".parse::<model::Number>().unwrap())
    }

    fn record() -> CallRecord {
        let at = Timestamp(1);
        let leg = CallLeg {
            line: Some(line()),
            owner: None,
            address: "1002".to_owned(),
            name: None,
            calling: true,
            times: LegTimes { started: at, alerted: None, answered: None, ended: at },
            cause: "busy".to_owned(),
            sip_call_id: String::new(),
            codecs: String::new(),
            quality: None,
            history: Some(HistoryLine {
                kind: HistoryKind::Placed,
                peer: "1009".to_owned(),
                peer_name: None,
            }),
        };
        CallRecord {
            id: 3,
            started: at,
            answered: None,
            ended: at,
            dialled: "1009".to_owned(),
            cause: "busy".to_owned(),
            ended_by: None,
            linked: None,
            legs: vec![leg],
        }
    }

    /// What the line dials again, when the server is stopped before or runs on.
    async fn dialled_again(stops: bool) -> Option<String> {
        let runtime = Runtime::real();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("db").display());
        let store = Store::open(&url, &Runtime::real()).await.unwrap();
        store.call_records_put(&[record()]).await.unwrap();
        let board = Arc::new(Board::new());
        if stops {
            runtime.stop();
        }
        last_calls(runtime, store.clone(), Arc::clone(&board)).await;
        store.close().await;
        board.last_calls(&line()).placed(None).map(|placed| placed.dialled.clone())
    }

    #[tokio::test]
    async fn lines_dial_again_what_they_dialled_before_the_start() {
        assert_eq!(dialled_again(false).await.as_deref(), Some("1009"));
    }

    #[tokio::test]
    async fn a_server_that_stops_does_not_wait_for_it() {
        assert_eq!(dialled_again(true).await, None);
    }
}
