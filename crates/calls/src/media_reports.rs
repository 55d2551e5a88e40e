//! What media says of its ports: counted, and kept for the records of calls; keys go to the
//! calls. Calls end by their own signalling and timers, never because a phone is
//! silent: a muted phone sends nothing.

use std::sync::Arc;

use media::{Event, Refusal, Report};
use runtime::Runtime;
use tokio::sync::mpsc;

use crate::records::QualityReports;
use crate::shard::mailbox::{Input, Mailbox};
use crate::snapshot::CallId;

/// Takes the reports until the server stops.
pub(crate) async fn take(
    runtime: Runtime,
    kept: Arc<QualityReports>,
    shards: Vec<Arc<Mailbox>>,
    mut reports: mpsc::Receiver<Event>,
) {
    let silent = metrics::counter!("carillon_calls_media_silent_total");
    let learned = metrics::counter!("carillon_calls_media_learned_total");
    let keys = metrics::counter!("carillon_calls_keys_total");
    let recordings = metrics::counter!("carillon_calls_recordings_finished_total");
    let failed = metrics::counter!("carillon_calls_recordings_failed_total");
    let lost = metrics::histogram!("carillon_calls_packets_lost_ratio");
    let jitter = metrics::histogram!("carillon_calls_jitter_seconds");
    loop {
        let event = tokio::select! {
            biased;
            () = runtime.stopping() => return,
            event = reports.recv() => event,
        };
        let Some(event) = event else { return };
        match event.report {
            Report::Timeout { .. } => silent.increment(1),
            Report::Learned { .. } => learned.increment(1),
            Report::Dtmf { digit, .. } => {
                keys.increment(1);
                let call = CallId(event.owner);
                if let Some(shard) = shards.get(call.shard()) {
                    shard.put(Input::Key(call, digit));
                }
            }
            Report::Quality(quality) => {
                let expected = quality.packets + quality.lost;
                if expected > 0 {
                    lost.record(quality.lost as f64 / expected as f64);
                }
                jitter.record(quality.jitter.as_secs_f64());
                kept.put(event.port, quality);
            }
            Report::Recorded(recorded) => match recorded.error {
                None => recordings.increment(1),
                Some(error) => {
                    failed.increment(1);
                    tracing::error!(path = %recorded.path.display(), %error, "a recording has ended early");
                }
            },
            Report::Refused(Refusal::NoCodec) => {
                tracing::warn!(call = %CallId(event.owner), "a call has no codec that the server speaks; it hears nothing of the server's own");
            }
            _ => {}
        }
    }
}
