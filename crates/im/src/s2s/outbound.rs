//! The task of one peer: opens a stream while something waits, tries again later and later, returns what waited too long.

use std::sync::Arc;
use std::time::Duration;

use super::connect::{Connected, Fault};
use super::peer::{Peer, Phase};
use super::stream::{Role, ServerStream};
use super::trace::Trace;
use crate::Im;

/// The longest pause where the name service says that there is no such server.
const MISSING_DELAY_MAX: Duration = Duration::from_secs(30);

/// Sees to it that what waits for a peer is sent; ends when nothing waits.
pub(super) async fn run(im: Arc<Im>, peer: Arc<Peer>) {
    let mut delay = im.limits.load().federation.retry_delay_min;
    while !peer.rest() {
        if im.runtime.is_stopping() {
            return;
        }
        peer.status.lock().phase = Phase::Connecting;
        let reached = tokio::select! {
            biased;
            () = im.runtime.stopping() => return,
            reached = Box::pin(reach(&im, &peer)) => reached,
        };
        let limits = im.limits.load().federation;
        match reached {
            Ok(connected) => {
                let began = im.runtime.now();
                let sent = peer.status.lock().sent;
                serve(&im, &peer, connected).await;
                // A stream that ends before it brought anything is no better than none.
                if peer.status.lock().sent > sent || im.runtime.now() - began > limits.retry_delay_min {
                    delay = limits.retry_delay_min;
                    continue;
                }
            }
            Err(fault) => failed(&im, &peer, &fault).await,
        }
        wait(&im, &peer, delay).await;
        let missing = peer.is_known_missing();
        let most = if missing { MISSING_DELAY_MAX } else { limits.retry_delay_max };
        delay = (delay * 2).min(most);
    }
    let mut status = peer.status.lock();
    if !matches!(status.phase, Phase::Connected { .. }) {
        status.phase = Phase::Idle;
    }
}

async fn reach(im: &Im, peer: &Peer) -> Result<Connected, Fault> {
    im.reach(&peer.local, &peer.remote, &mut Trace::default()).await
}

async fn serve(im: &Arc<Im>, peer: &Arc<Peer>, connected: Connected) {
    if !peer.attach() {
        // The other server was faster, and its stream is for both directions.
        return;
    }
    let now = im.runtime.timestamp();
    {
        let mut status = peer.status.lock();
        status.phase = Phase::Connected { since: now, how: connected.how.clone() };
        status.failure = None;
    }
    tracing::info!(domain = %peer.remote, how = connected.how, "a stream to another server is open");
    let role = Role::Initiated { peer: Arc::clone(peer), stream: connected.stream };
    ServerStream::new(Arc::clone(im), (connected.link, connected.framer), role, None).run().await;
    peer.status.lock().phase = Phase::Idle;
}

/// A try failed: what does not wait goes back, and all if there is no use in waiting.
async fn failed(im: &Im, peer: &Peer, fault: &Fault) {
    tracing::info!(domain = %peer.remote, %fault, "no stream to another server");
    metrics::counter!("carillon_federation_failures_total").increment(1);
    peer.status.lock().failure = Some((im.runtime.timestamp(), fault.to_string()));
    for item in peer.away(fault.condition()) {
        im.return_to_sender(peer, item, fault.condition(), &fault.to_string()).await;
    }
}

/// Waits for the next try; what has waited too long goes back meanwhile.
async fn wait(im: &Im, peer: &Peer, delay: Duration) {
    let until = im.runtime.now() + delay;
    peer.status.lock().phase = Phase::Waiting { until };
    loop {
        return_expired(im, peer).await;
        // Though nothing waits any more: until the time is over nobody tries again in a circle.
        let (_, oldest) = peer.waiting();
        let limits = im.limits.load().federation;
        let next = oldest.map_or(until, |oldest| until.min(oldest + limits.queue_time_max));
        tokio::select! {
            biased;
            () = im.runtime.stopping() => return,
            () = peer.retry.notified() => return,
            () = im.runtime.sleep_until(next) => if im.runtime.now() >= until { return },
        }
    }
}

/// Returns what has waited for the whole time that the limits allow.
pub(super) async fn return_expired(im: &Im, peer: &Peer) {
    let limits = im.limits.load().federation;
    let expired = peer.expired(im.runtime.now(), limits.queue_time_max);
    if expired.is_empty() {
        return;
    }
    let why = peer.status.lock().failure.as_ref().map(|(_, why)| why.clone()).unwrap_or_default();
    for item in expired {
        im.return_to_sender(peer, item, xmpp::Condition::RemoteServerTimeout, &why).await;
    }
}
