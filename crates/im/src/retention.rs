//! Retention: what archives have kept long enough goes, a little at a time; and what nothing covers any more.

use std::sync::{Arc, Weak};
use std::time::Duration;

use runtime::Runtime;
use store::Seq;

use crate::Im;

/// How often it is looked for entries that are too old.
const INTERVAL: Duration = Duration::from_secs(600);
/// How long after a start it is looked for the first time.
const FIRST: Duration = Duration::from_secs(60);
/// The pause behind each batch, so that others write in between.
const BATCH_PAUSE: Duration = Duration::from_millis(50);

/// Up to where everything of a kind was looked at.
#[derive(Default)]
struct Progress {
    users: Seq,
    rooms: Seq,
}

/// Starts the task that looks.
pub(crate) fn start(im: &Arc<Im>) {
    let (weak, runtime) = (Arc::downgrade(im), im.runtime.clone());
    im.runtime.spawn("archive retention", async move {
        let (mut progress, mut wait) = (Progress::default(), FIRST);
        while pause(&runtime, wait).await {
            wait = INTERVAL;
            if let Err(error) = look(&weak, &runtime, &mut progress).await {
                tracing::warn!(%error, "old messages stay a while longer");
            }
        }
    });
}

/// False when the program stops.
async fn pause(runtime: &Runtime, time: Duration) -> bool {
    tokio::select! {
        biased;
        () = runtime.stopping() => false,
        () = runtime.sleep(time) => true,
    }
}

async fn look(im: &Weak<Im>, runtime: &Runtime, progress: &mut Progress) -> Result<(), store::Error> {
    loop {
        let Some(im) = im.upgrade() else { return Ok(()) };
        let retention = im.users.policies.load().retention;
        let users = expire(&im, retention.users, &mut progress.users, false).await?;
        let rooms = expire(&im, retention.rooms, &mut progress.rooms, true).await?;
        let tidied = im.store.journal_tidy().await?;
        metrics::counter!("carillon_im_archive_entries_removed_total").increment(tidied);
        drop(im);
        if (!users && !rooms && tidied == 0) || !pause(runtime, BATCH_PAUSE).await {
            return Ok(());
        }
    }
}

/// One batch of one kind; false when there is nothing more to do.
async fn expire(
    im: &Im,
    keep: Option<Duration>,
    after: &mut Seq,
    of_rooms: bool,
) -> Result<bool, store::Error> {
    let Some(keep) = keep else { return Ok(false) };
    let keep = i64::try_from(keep.as_micros()).unwrap_or(i64::MAX);
    let before = model::Timestamp(im.runtime.timestamp().0.saturating_sub(keep));
    let domain = im.rooms.domain();
    let is_room = |owner: &str| owner.split_once('@').is_some_and(|(_, host)| host == domain);
    let batch = im.store.archive_expire(before, *after, |owner| is_room(owner) == of_rooms).await?;
    *after = batch.next.unwrap_or(*after);
    Ok(batch.next.is_some())
}
