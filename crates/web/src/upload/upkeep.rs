//! What is done for files while nobody looks: those whose time is over go, and strays with them.

use std::sync::Arc;

use crate::Web;
use crate::limits::{UPLOAD_STRAYS_INTERVAL, UPLOAD_UPKEEP};

/// Starts it; it ends when the runtime stops.
pub(crate) fn start(web: &Arc<Web>) {
    let web = Arc::clone(web);
    let runtime = web.runtime.clone();
    runtime.clone().spawn("upload upkeep", async move {
        let mut strays_due = runtime.now();
        loop {
            // The start of a node has better things to do.
            tokio::select! {
                biased;
                () = runtime.stopping() => return,
                () = runtime.sleep(UPLOAD_UPKEEP) => {}
            }
            if let Err(error) = expire(&web).await {
                tracing::warn!(%error, "files whose time is over were not all removed: tried again later");
            }
            if runtime.now() >= strays_due {
                strays_due = runtime.now() + UPLOAD_STRAYS_INTERVAL;
                match web.rooms.files.remove_strays(&web.rooms.store).await {
                    Ok(0) => {}
                    Ok(count) => tracing::info!(count, "files that belong to no upload were removed"),
                    Err(error) => tracing::warn!(%error, "files were not all looked at: tried again later"),
                }
            }
        }
    });
}

async fn expire(web: &Web) -> Result<(), store::Error> {
    let store = &web.rooms.store;
    let expired = web.rooms.files.expire(store, web.runtime.timestamp()).await?;
    metrics::counter!("carillon_upload_expired_total").increment(expired);
    let (files, bytes) = store.uploads_total().await?;
    // A gauge is a floating-point number; what gets lost beyond 2^53 bytes is no matter.
    metrics::gauge!("carillon_upload_files").set(files as f64);
    metrics::gauge!("carillon_upload_bytes").set(bytes as f64);
    Ok(())
}
