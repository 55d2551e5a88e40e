//! One end of a pair: the dialog with one phone, its offers and answers, its session timer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::dialog::{Dialog, State};
use sip::endpoint::{Flow, ServerTransaction, Target, Transport};
use sip::session_timer::SessionTimer;
use sip::{Headers, Method, Name, Request, RequestBuilder, Uri};

use super::describe::{Description, Said, Whereabouts};
use super::house::{Context, House};
use super::outside::Outside;
use super::{ALLOW, SUPPORTED};
use crate::offer::{Exchange, Side};
use crate::snapshot::{Cause, DialogIds};

/// The port of a SIP URI that names none, over UDP and TCP.
const SIP_PORT: u16 = 5060;
/// How long a session refresh waits that crossed another change (RFC 3261 §14.1: 2.1 to 4 seconds for whoever
/// made the Call-ID).
const REFRESH_AGAIN: Duration = Duration::from_secs(3);

/// One end of a pair. Between transactions it is plain data: it can go from one call to another.
#[derive(Clone, Debug)]
pub(crate) struct Half {
    /// Its place among the connections of the call's view.
    pub connection: usize,
    pub dialog: Dialog,
    pub flow: Flow,
    pub exchange: Exchange,
    /// What we have described to this phone.
    pub said: Said,
    /// What this phone has described to us, once that was agreed on.
    pub heard: Option<Description>,
    pub timer: Option<SessionTimer>,
    /// When a refresh that could not be sent, or was refused for now, is tried again.
    pub refresh_again: Option<Instant>,
    pub allows_update: bool,
    /// It can be asked to answer by `Event: talk`.
    pub allows_talk: bool,
    /// The server holds the call for this phone: see `features::hold`.
    pub held: bool,
    /// Nobody may barge in.
    pub is_private: bool,
    /// It has heard the other one in this call: when it does no more, that is a hold.
    pub has_listened: bool,
    /// An INVITE of this phone that we accepted and that it has not acknowledged.
    pub awaiting_ack: Option<ServerTransaction>,
    /// What only a leg over a trunk has.
    pub outside: Option<Box<Outside>>,
}

impl Half {
    pub(crate) fn new(dialog: Dialog, flow: Flow, exchange: Exchange, said: Said, headers: &Headers) -> Self {
        Self {
            connection: 0,
            dialog,
            flow,
            exchange,
            said,
            heard: None,
            timer: None,
            refresh_again: None,
            allows_update: headers.has_token(Name::Allow, b"UPDATE"),
            allows_talk: headers.has_token(Name::AllowEvents, b"talk"),
            held: false,
            is_private: false,
            has_listened: false,
            awaiting_ack: None,
            outside: None,
        }
    }

    /// Is this the dialog that a request belongs to, by Call-ID and both tags (RFC 3261 §12)?
    pub(crate) fn is_dialog_of(&self, request: &Request) -> bool {
        let (id, headers) = (self.dialog.id(), request.headers());
        headers.to_tag().is_some_and(|tag| tag == id.local_tag)
            && headers.from_tag().unwrap_or_default() == id.remote_tag
            && headers.call_id().is_ok_and(|call_id| call_id == id.call_id)
    }

    /// Nothing is under way in this dialog: it may go to another call, or be asked for another session.
    pub(crate) fn is_quiet(&self) -> bool {
        self.dialog.state() == State::Confirmed && self.exchange.is_quiet() && self.awaiting_ack.is_none()
    }

    /// Takes a request in: order, target, the path back.
    ///
    /// # Errors
    /// The status that refuses it.
    pub(crate) fn take(&mut self, request: &Request, flow: Flow) -> Result<(), u16> {
        self.dialog.receive(request).map_err(|refusal| refusal.status)?;
        // A phone whose address changed, or whose connection was made anew, is answered there from now on.
        self.flow = flow;
        self.learn(request.headers());
        Ok(())
    }

    /// Notes what the phone can do.
    pub(crate) fn learn(&mut self, headers: &Headers) {
        if headers.has(Name::Allow) {
            self.allows_update = headers.has_token(Name::Allow, b"UPDATE");
        }
        self.allows_talk |= headers.has_token(Name::AllowEvents, b"talk");
    }

    /// When a call with this phone is over that begins now: at the longest length, or when the line that pays for it has
    /// used its minutes.
    pub(crate) fn ends_at(&self, context: &Context<'_>) -> Instant {
        let longest = context.house.limits.call_length_max;
        let left = self.outside.as_ref().and_then(|outside| outside.time_left());
        context.now.instant + left.map_or(longest, |left| left.min(longest))
    }

    /// Why a call with this phone is over that has reached its length.
    pub(crate) fn cause_of_length(&self) -> Cause {
        match self.outside.as_ref().and_then(|outside| outside.time_left()) {
            Some(Duration::ZERO) => Cause::CostLimit,
            _ => Cause::ResourcesNotAvailable,
        }
    }

    /// Begins our next request in this dialog.
    pub(crate) fn request(&mut self, method: Method, house: &House) -> RequestBuilder {
        let changes_session = matches!(method, Method::Invite | Method::Update);
        let notifies = method == Method::Notify;
        let builder = self.dialog.request(method.clone()).header(Name::UserAgent, &house.product);
        let builder = match &self.outside {
            Some(outside) => outside.sign(builder, &method, &self.dialog),
            None => builder,
        };
        if notifies {
            builder.header(Name::Contact, house.contact(&self.flow).as_str())
        } else if changes_session {
            builder
                .header(Name::Contact, house.contact(&self.flow).as_str())
                .header(Name::Allow, ALLOW)
                .header(Name::Supported, SUPPORTED)
        } else {
            builder
        }
    }

    /// Begins the ACK to a 2xx.
    pub(crate) fn ack(&self, invite_cseq: u32, house: &House) -> RequestBuilder {
        let builder = self.dialog.ack(invite_cseq).header(Name::UserAgent, &house.product);
        match &self.outside {
            Some(outside) => outside.sign_ack(builder, invite_cseq),
            None => builder,
        }
    }

    /// Begins a change of the session of ours. It says what was agreed on session timers: a request that says
    /// nothing would end them (RFC 4028 §7.2).
    pub(crate) fn change(&mut self, method: Method, house: &House) -> RequestBuilder {
        let builder = self.request(method, house);
        match &self.timer {
            Some(timer) => builder.header(Name::SessionExpires, &timer.next_offer(timer.we_refresh())),
            None => builder,
        }
    }

    /// Where our requests in this dialog go. Over a stream, back over its connection. Over UDP to the Contact
    /// (RFC 3261 §12.2.1.1), unless the phone is not where it says: then back where it came from.
    pub(crate) fn target(&self, house: &House) -> Target {
        let mut flow = self.flow;
        if flow.transport == Transport::Udp {
            let hop = self.dialog.next_hop();
            if host_address(hop) == Some(flow.remote.ip().to_canonical()) {
                flow.remote.set_port(hop.port().unwrap_or(SIP_PORT));
            }
        }
        house.target(Target::from(flow))
    }

    /// Our address in descriptions for this phone.
    pub(crate) fn media_address(&self, house: &House) -> IpAddr {
        house.addresses.media(self.flow.local.ip(), self.flow.remote.ip())
    }

    /// Where this phone is, for its descriptions.
    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts { source: self.flow.remote.ip(), claimed: host_address(self.dialog.remote_target()) }
    }

    /// Reads a description that came from this phone, after the table of offers and answers has let it pass: one that is
    /// no offer answers ours.
    pub(crate) fn read(&mut self, body: &Bytes) -> Result<Description, sip::Error> {
        let is_offer = self.exchange.outstanding().is_some_and(|offer| offer.side == Side::Remote);
        self.said.read(body, self.whereabouts(), !is_offer)
    }

    /// The refresh is tried again a little later.
    pub(crate) fn refresh_later(&mut self, now: Instant) {
        self.refresh_again = Some(now + REFRESH_AGAIN);
    }

    /// When something is due here.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let session = self.timer.as_ref().map(SessionTimer::next_timeout);
        [session, self.refresh_again].into_iter().flatten().min()
    }

    /// The dialog as RFC 4235 shows it.
    pub(crate) fn dialog_ids(&self) -> DialogIds {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let id = self.dialog.id();
        DialogIds {
            call_id: text(&id.call_id),
            phone_tag: text(&id.remote_tag),
            server_tag: text(&id.local_tag),
        }
    }
}

/// The host of a URI, when it is an address.
pub(crate) fn host_address(uri: &Uri) -> Option<IpAddr> {
    let text = std::str::from_utf8(uri.host()).ok()?;
    text.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|address| address.to_canonical())
}
