//! A session gets its address: a resource by RFC 6120 §7, or a whole beginning by Bind 2 (XEP-0386).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use model::{BareJid, FullJid, ResourcePart};
use sha2::{Digest, Sha256};
use xmpp::sm::Signal;
use xmpp::xep::bind2::{Enable, Request};
use xmpp::{Condition, Context};

use super::Parking;
use super::arrival::Arrival;
use super::session::Counts;
use super::wire::Wire;
use crate::Im;
use crate::features::{archive, carbons, stream_management};
use crate::outbox::End;
use crate::sessions::{Origin, Seat};

/// Resource names that we make up, in bytes.
const RESOURCE_BYTES: usize = 6;
/// How long a new stream waits for the old one of the same resource to end.
const REPLACE_TIME_MAX: Duration = Duration::from_secs(5);

impl<W: Wire> Arrival<W> {
    /// A resource of the client's choice, or one that we make up.
    pub(super) async fn bind(&mut self, user: BareJid, wish: Option<ResourcePart>) {
        let jid = match wish {
            Some(resource) => user.with_resource(&resource),
            None => match user.with_resource_str(&self.im.runtime.random_token(RESOURCE_BYTES)) {
                Ok(jid) => jid,
                Err(_) => return self.negotiation.bind_refused(Condition::InternalServerError),
            },
        };
        match self.im.take_seat(jid.clone(), self.peer).await {
            Ok(seat) => {
                self.seat = Some((seat, None));
                self.negotiation.bound(jid);
            }
            Err(condition) => self.negotiation.bind_refused(condition),
        }
    }

    /// All that a session begins with, at once (XEP-0386 §3.2).
    pub(super) async fn bind_inline(&mut self, user: &BareJid, client: Option<&str>, request: &Request) {
        let jid = self.im.address_of_client(user, client, request.tag.as_deref());
        let seat = match jid {
            Some(jid) => self.im.take_seat(jid, self.peer).await,
            None => Err(Condition::InternalServerError),
        };
        let seat = match seat {
            Ok(seat) => seat,
            Err(condition) => return self.negotiation.bind_refused(condition),
        };
        self.seat = Some((Arc::clone(&seat), None));
        carbons::set(&seat, request.carbons);
        self.inactive = request.inactive;
        self.im.leave_to_archive(&seat).await;
        let mut bound = BytesMut::new();
        match archive::metadata(&self.im, user, None).await {
            Ok(metadata) => {
                if let Some(metadata) = metadata {
                    metadata.write(&mut bound, Context::Client);
                }
            }
            // What is not told the client asks for.
            Err(error) => tracing::warn!(%error, "a session begins without the ends of its archive"),
        }
        if let Some(enable) = request.stream_management {
            let (counts, enabled) = self.im.enable(&seat, enable);
            enabled.write(&mut bound);
            self.seat = Some((Arc::clone(&seat), Some(counts)));
        }
        self.negotiation.bound_inline(seat.jid.clone(), &bound);
    }
}

impl Im {
    /// Seats a session at an address, in place of the one that sits there.
    async fn take_seat(&self, jid: FullJid, peer: IpAddr) -> Result<Arc<Seat>, Condition> {
        // RFC 6120 §7.7.2.2: the newer stream wins, so that a client that lost its connection gets in.
        if !self.replace(&jid).await {
            return Err(Condition::Conflict);
        }
        let origin = Origin { address: peer, since: self.runtime.timestamp() };
        let max = self.limits.load().account.sessions_max;
        self.sessions.add(jid, origin, max).map_err(|_| Condition::ResourceConstraint)
    }

    /// XEP-0386 §3.2.1: the client's tag, and a name that stays the same for the same client, so that its new
    /// session takes the place of the one before. The identifier of the client cannot be had from it.
    fn address_of_client(&self, user: &BareJid, client: Option<&str>, tag: Option<&str>) -> Option<FullJid> {
        let name = match client {
            None => self.runtime.random_token(RESOURCE_BYTES),
            Some(client) => {
                let mut hash = Sha256::new();
                hash.update(self.config.unknown_users.secret);
                for part in ["resource", user.as_str(), client, tag.unwrap_or_default()] {
                    hash.update(part);
                    hash.update([0]);
                }
                hash.finalize()[..RESOURCE_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
            }
        };
        let tagged = tag.and_then(|tag| user.with_resource_str(&format!("{tag}/{name}")).ok());
        tagged.or_else(|| user.with_resource_str(&name).ok())
    }

    /// Counts stanzas from here on (XEP-0198 §3): what is on its way already is not counted.
    pub(super) fn enable(
        &self,
        seat: &Arc<Seat>,
        Enable { resume, max_seconds }: Enable,
    ) -> (Box<Counts>, Signal) {
        let limits = self.limits.load().session;
        let wish = max_seconds.map_or(limits.resume_time_max, |seconds| Duration::from_secs(seconds.into()));
        let time_max = wish.min(limits.resume_time_max);
        let id =
            (resume && !time_max.is_zero()).then(|| self.runtime.random_token(stream_management::ID_BYTES));
        if let Some(id) = &id {
            let parking = Arc::new(Parking::new(id.clone(), time_max));
            *seat.parking.lock() = Some(parking);
            self.resumable.pin().insert(id.as_str().into(), Arc::clone(seat));
        }
        let max_seconds = id.is_some().then(|| u32::try_from(time_max.as_secs()).unwrap_or(u32::MAX));
        let counts = Box::new(Counts::new(limits.unacknowledged_stanzas_max));
        (counts, Signal::Enabled { id, max_seconds })
    }

    /// XEP-0386 §3.2: a client that binds this way reads the archive, and so what waits there does not come a
    /// second time. While the user has another session, what waits may be on its way there, and stays.
    async fn leave_to_archive(&self, seat: &Seat) {
        if seat.account.seats().len() > 1 {
            return;
        }
        if let Err(error) = self.store.spool_leave_to_archive(&seat.account.jid).await {
            tracing::warn!(%error, "what waits in the spool comes besides the archive");
        }
    }

    /// Ends the session that has this address, and waits for that; false when it does not end.
    async fn replace(&self, jid: &FullJid) -> bool {
        let deadline = self.runtime.now() + REPLACE_TIME_MAX;
        let bare = jid.to_bare();
        while let Some(old) = self.sessions.seat(bare.as_str(), jid.resource().as_str()) {
            let gone = old.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            if self.sessions.seat(bare.as_str(), jid.resource().as_str()).is_none() {
                break;
            }
            old.outbox.end(End::Conflict);
            tokio::select! {
                biased;
                () = self.runtime.sleep_until(deadline) => return false,
                () = gone => {}
            }
        }
        true
    }
}
