//! The end of a stream, and of a session: what is said last, and what becomes of what was not delivered.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use store::Seq;
use xmpp::{Builder, Condition, Context, Element, StanzaError, StreamCondition, StreamError, ns};

use super::Parking;
use super::session::{Counts, Over, Session};
use super::wire::{self, Wire};
use crate::Im;
use crate::features;
use crate::outbox::{End, Item};
use crate::sessions::Seat;

impl<W: Wire> Session<W> {
    /// The stream is over: the session waits to be resumed, or ends.
    pub(super) async fn leave(mut self, over: Over) {
        tracing::debug!(jid = %model::Private(&self.seat.jid), ?over, "a stream ended");
        if matches!(over, Over::Closed | Over::Ended(End::Shutdown)) {
            self.answer_what_was_sent().await;
        }
        // A client that comes back counts what waited for it as sent (XEP-0352 §5).
        for item in self.inactivity.set(false) {
            if self.send(item).is_err() {
                break;
            }
        }
        // What the kernel takes at once is handed on before the rest is counted as undelivered.
        if !matches!(over, Over::Lost(_)) && self.flush_now().await {
            self.written();
        }
        let parking = self.seat.parking.lock().clone();
        let stays =
            matches!(over, Over::Lost(_) | Over::Ended(End::Resumed)) && !self.im.runtime.is_stopping();
        let (im, seat) = (Arc::clone(&self.im), Arc::clone(&self.seat));
        match (parking, self.counts.take()) {
            (Some(parking), Some(counts)) if stays => {
                if self.spool.take().is_some_and(|spool| spool.is_reading()) {
                    seat.outbox.look_into_spool();
                }
                let left = counts.outbound.unacknowledged().filter(|item| item.seq.is_some()).count();
                parking.park(counts);
                features::push::left_behind(&im, &seat.account.jid, left);
                self.say_last(&over).await;
                // The connection's memory goes back while the session waits.
                drop(self);
                im.wait_for_resumption(&seat, &parking).await;
            }
            (_, counts) => {
                let unwritten = !self.in_flight.is_empty();
                im.end_session(&seat, counts, unwritten).await;
                self.say_last(&over).await;
            }
        }
    }

    /// Before a stream ends in good order, what its client sent is durable, or the client hears that it is not.
    async fn answer_what_was_sent(&mut self) {
        if self.kept == Seq(0) {
            return;
        }
        let im = Arc::clone(&self.im);
        let (time, kept) = (im.limits.load().session.closing_time_max, self.kept);
        // The watermark may have passed already, for what was given up: then its refusal waits in the outbox.
        tokio::select! {
            biased;
            () = im.runtime.sleep(time) => {}
            _ = self.durable.wait_for(|durable| *durable >= kept) => {}
        }
        self.answer_request();
        let seat = Arc::clone(&self.seat);
        let taken = poll_fn(|cx| Poll::Ready(seat.outbox.poll_take(cx, true))).await;
        if let Poll::Ready(taken) = taken {
            for item in taken.items {
                if self.send(item).is_err() {
                    break;
                }
            }
        }
    }

    /// Stream error and `</stream:stream>`, for a peer that may still listen.
    async fn say_last(&mut self, over: &Over) {
        let mut out = BytesMut::new();
        match over {
            Over::Lost(None) => return,
            Over::Closed => {}
            Over::Lost(Some(error)) | Over::Failed(error) => error.write(&mut out),
            Over::CountTooHigh(error) => error.write(&mut out),
            Over::Ended(end) => last_words(*end).write(&mut out),
        }
        if !out.is_empty() {
            self.wire.queue(&out);
        }
        self.wire.close();
        let im = Arc::clone(&self.im);
        let time = im.limits.load().session.closing_time_max;
        tokio::select! {
            biased;
            () = im.runtime.sleep(time) => {}
            _ = async {
                wire::flush(&mut self.wire).await?;
                wire::shut(&mut self.wire).await
            } => {}
        }
    }

    /// One try to write what is queued; true when all of it is with the kernel.
    async fn flush_now(&mut self) -> bool {
        let mut flush = std::pin::pin!(wire::flush(&mut self.wire));
        poll_fn(|cx| Poll::Ready(matches!(flush.as_mut().poll(cx), Poll::Ready(Ok(()))))).await
    }
}

fn last_words(end: End) -> StreamError {
    match end {
        End::Conflict => StreamError::new(StreamCondition::Conflict, "another client took this resource"),
        End::Ended => {
            StreamError::new(StreamCondition::PolicyViolation, "an administrator ended the session")
        }
        End::Disabled => StreamError::new(StreamCondition::NotAuthorized, "the account was disabled"),
        End::TooSlow => StreamError::new(StreamCondition::PolicyViolation, "too much waits to be read"),
        End::Resumed => StreamError::new(StreamCondition::Conflict, "the session was resumed elsewhere"),
        End::Shutdown => StreamError::from(StreamCondition::SystemShutdown),
    }
}

impl Im {
    /// A session without connection waits; when the time is over, or somebody ends it, it ends.
    async fn wait_for_resumption(&self, seat: &Arc<Seat>, parking: &Parking) {
        let deadline = self.runtime.now() + parking.time_max;
        let ended = poll_fn(|cx| {
            loop {
                match seat.outbox.poll_take_end(cx) {
                    Poll::Ready(End::Resumed) => {}
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        });
        tokio::select! {
            biased;
            () = parking.taken() => return,
            () = ended => {}
            () = self.runtime.sleep_until(deadline) => {}
        }
        if let Some(counts) = parking.lapse() {
            self.end_session(seat, Some(counts), false).await;
        }
    }

    /// Ends a session that no stream carries any more.
    pub(super) async fn finish(&self, seat: &Arc<Seat>, counts: Option<Box<Counts>>) {
        self.end_session(seat, counts, false).await;
    }

    /// The session is gone: everybody hears of it, and what it did not get goes to the others or stays in the
    /// spool (XEP-0198 §5, XEP-0160).
    async fn end_session(&self, seat: &Arc<Seat>, counts: Option<Box<Counts>>, unwritten: bool) {
        let waiting = seat.outbox.close();
        if let Some(parking) = seat.parking.lock().take() {
            self.resumable.pin().remove(&parking.id);
            parking.gone();
        }
        if !self.sessions.remove(seat) {
            return;
        }
        features::presence::gone(self, seat).await;
        let unacknowledged = counts.into_iter().flat_map(|counts| counts.outbound.into_unacknowledged());
        let undelivered: VecDeque<Item> = unacknowledged.chain(waiting).collect();
        if unwritten || undelivered.iter().any(|item| item.seq.is_some()) {
            // The others look into the spool and leave out what they have.
            for other in seat.account.seats().iter().filter(|other| other.takes_messages()) {
                other.outbox.look_into_spool();
            }
        }
        for item in undelivered.iter().filter(|item| item.bytes.starts_with(b"<iq ")) {
            self.bounce_request(item);
        }
        seat.gone.notify_waiters();
    }

    /// A request that its addressee never got is answered, so that nobody waits for ever (RFC 6120 §8.2.3).
    fn bounce_request(&self, item: &Item) {
        let Ok(request) = Element::parse(&item.bytes, ns::CLIENT) else { return };
        let (Some(id), Some(from), Some("get" | "set")) =
            (request.attr("id"), request.attr("from"), request.attr("type"))
        else {
            return;
        };
        let crate::router::Target::Online(_, _, Some(asker)) = self.locate(from) else { return };
        let error = StanzaError::from(Condition::RecipientUnavailable).to_element();
        let mut reply = Builder::iq(Context::Client);
        reply.type_("error").id(id).to(from).attr_if("from", request.attr("to")).element(&error);
        self.push_bytes(&asker, reply.finish());
    }

    /// The house stops: every session hears it.
    pub(crate) fn end_all(&self, end: End) {
        for account in self.sessions.accounts() {
            for seat in account.seats().iter() {
                seat.outbox.end(end);
            }
        }
    }
}
