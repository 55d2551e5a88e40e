//! A call begins: the caller's INVITE is checked, placed, and becomes INVITEs to phones, or a service.

use std::time::Duration;

use bytes::Bytes;
use sip::endpoint::{Flow, ServerTransaction};
use sip::session_timer::{Answer, Offer as TimerOffer, Policy};
use sip::uri::Scheme;
use sip::{Name, Request, Uri};

use super::branch::{BranchLeg, BranchState, Invitation};
use super::describe::{Description, Lines, Whereabouts};
use super::half::host_address;
use super::handshake::Server;
use super::house::Context;
use super::letter::{FetchPurpose, Letter, Wanted};
use super::outcome::{Failure, Verdict};
use super::outside::Outside;
use super::secrecy::Secrecy;
use super::streams::Streams;
use super::switchboard::Arrival;
use super::view::View;
use super::{Call, End, Phase, Ringing, Timers, wire};
use crate::course::{self, Course};
use crate::features::replaces::{self, Newcomer};
use crate::features::{announcement, call_back, shared_line};
use crate::offer::{Carrier, Exchange, Side};
use crate::place::{self, Caller, Destination, Dialled, Limits, Pilot, Service, Unplaceable};
use crate::snapshot::{CallId, Cause, Event};

/// Parallel branches that an INVITE may lead to in all, over all hops (RFC 5393 §5.3.3).
const MAX_BREADTH: u32 = 60;
/// Hops that an INVITE may take when it names no number (RFC 3261 §16.6 item 3).
const MAX_FORWARDS: u32 = 70;

/// How the caller wants provisional responses (RFC 3262 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reliability {
    /// Not reliably.
    Unsupported,
    /// As we like.
    Supported,
    /// Always reliably.
    Required,
}

/// The leg with the phone that calls.
#[derive(Debug)]
pub(crate) struct CallerLeg {
    pub call_id: Bytes,
    pub flow: Flow,
    pub transaction: ServerTransaction,
    pub invite: Request,
    pub reliability: Reliability,
    pub timer: TimerOffer,
    /// The tag of responses that make no dialog.
    pub tag: String,
    /// The offer/answer table after the INVITE: every early dialog begins with a copy of it.
    pub exchange: Exchange,
    /// The offer, when the INVITE has one.
    pub offer: Option<Description>,
    /// When it comes over a trunk.
    pub outside: Option<Box<Outside>>,
    /// How secret its media is.
    pub secrecy: Secrecy,
}

impl CallerLeg {
    /// The tag of the phone that calls.
    pub(crate) fn their_tag(&self) -> Bytes {
        their_tag(&self.invite)
    }
}

/// The tag in From, in a buffer of its own.
pub(crate) fn their_tag(invite: &Request) -> Bytes {
    Bytes::copy_from_slice(&invite.headers().from_tag().unwrap_or_default())
}

/// What an INVITE became.
pub(crate) enum Started {
    /// Phones ring.
    Call(Box<Call>),
    /// The server itself takes the call.
    Service(Box<CallerLeg>, Service, String),
    /// It waits for a leg of another call.
    Fetches(Box<Newcomer>),
    /// An attendant or a queue takes it.
    Pilot(Box<CallerLeg>, Box<Caller>, (Pilot, Course)),
    /// It was refused, and answered so.
    Refused,
}

/// Takes a new INVITE from a caller who was authenticated.
pub(crate) fn start(arrival: Arrival, id: CallId, context: &mut Context<'_>) -> Started {
    let (transaction, request) = (arrival.transaction, arrival.request.clone());
    let (leg, caller) = match check(arrival, context) {
        Ok(checked) => checked,
        Err(status) => {
            if status != 422 {
                wire::refuse(context, transaction, &request, status);
            }
            return Started::Refused;
        }
    };
    let of_trunk = caller.trunk.as_ref().and_then(|from| context.house.trunks.by_name(&from.name));
    let dialled = match of_trunk {
        Some(trunk) => trunk.dialled(&request),
        None => request.uri().ok().and_then(|uri| dialled(&uri, &context.house.domain)),
    };
    let Some(dialled) = dialled else {
        wire::refuse(context, transaction, &request, 416);
        return Started::Refused;
    };
    let asked = Dialled { diversions: course::diversions_before(request.headers()), ..dialled };
    let (mut dialled, mut caller) = (asked.clone(), caller);
    let limits = Limits { calls_per_line_max: context.house.limits.calls_per_line_max };
    let placed = place::place(&*context.house.directory, &mut dialled, &mut caller, limits);
    // Behind a code, the number that it stands for is what counts: for the record, and to be dialled again.
    let view = View::new(id, &caller, context.now.civil).dialling(&leg.invite);
    let view = if dialled.user == asked.user { view } else { view.for_number(&dialled.user) };
    match placed {
        Ok(Destination::Service(service)) => Started::Service(Box::new(leg), service, dialled.user),
        Ok(Destination::Pilot { pilot, course }) => {
            Started::Pilot(Box::new(leg), Box::new(caller), (pilot, course))
        }
        Ok(Destination::Setting(change)) => match context.house.directory.set(&caller, &change) {
            Ok(()) => Started::Service(Box::new(leg), Service::Confirmation, dialled.user),
            Err(reason) => unplaceable(leg, view, reason, context),
        },
        Ok(Destination::Resume) => {
            let held =
                caller.line.as_ref().and_then(|line| shared_line::held(line, context.house.lines.board()));
            match held.zip(caller.line.clone()) {
                Some((call, line)) => {
                    let wanted = (Wanted::PartnerOf(call, line), FetchPurpose::Replace);
                    Started::Fetches(replaces::fetch((leg, caller, view), wanted, id, context))
                }
                None => unplaceable(leg, view, Unplaceable::NotFound, context),
            }
        }
        Ok(Destination::CallBack(wish)) => {
            let done = match &wish {
                Some(number) => call_back::wish(number, &caller, context),
                None => call_back::cancel(&caller, context.house),
            };
            match done {
                Ok(()) => Started::Service(Box::new(leg), Service::Confirmation, dialled.user),
                Err(reason) => unplaceable(leg, view, reason, context),
            }
        }
        Ok(outward) => ring(leg, (&caller, view), outward, id, context),
        Err(reason) => unplaceable(leg, view, reason, context),
    }
}

fn unplaceable(leg: CallerLeg, view: View, reason: Unplaceable, context: &mut Context<'_>) -> Started {
    let verdict = Verdict::from(reason);
    metrics::counter!("carillon_calls_ended_total", "cause" => verdict.cause.word()).increment(1);
    view.refused(verdict.cause, &context.house.lines, context.now.civil);
    if announcement::is_wanted(&leg, verdict.cause, context) {
        context.index.letters.push_back(Letter::Announce { leg: Box::new(leg), verdict });
        return Started::Refused;
    }
    let (request, tag) = (&leg.invite, leg.tag.as_bytes());
    match reason {
        Unplaceable::TooMuch(barred) => {
            wire::refuse_for(context, leg.transaction, (request, tag), verdict.status, &barred.to_string());
        }
        _ => wire::refuse_with_tag(context, leg.transaction, request, verdict.status, tag),
    }
    Started::Refused
}

/// What must hold before a call is placed; `Err` is the status that refuses it (422 was already sent).
pub(crate) fn check(arrival: Arrival, context: &mut Context<'_>) -> Result<(CallerLeg, Caller), u16> {
    let Arrival { transaction, request, flow, caller } = arrival;
    let headers = request.headers();
    if headers.max_forwards().ok().flatten() == Some(0) {
        return Err(483);
    }
    if request.unsupported(&EXTENSIONS_OF_CALLS).next().is_some() {
        return Err(420);
    }
    // RFC 3261 §8.1.1.8: Contact is mandatory in an INVITE; without it there is no dialog.
    let contact = headers.contact().map_err(|_| 400_u16)?;
    let whereabouts = Whereabouts { source: flow.remote.ip(), claimed: host_address(contact.uri()) };
    let described = wire::is_described(headers, request.body()).map_err(|()| 415_u16)?;
    let policy_of_trunk = caller.trunk.as_ref().and_then(|from| context.house.trunks.by_name(&from.name));
    let srtp = match policy_of_trunk {
        Some(trunk) => trunk.srtp(),
        None => context.house.directory.srtp(caller.line.as_ref()),
    };
    let server = Server::of(&*context.house.ports);
    let mut secrecy = Secrecy::new(srtp, flow.transport, server, context.endpoint);
    if !secrecy.can_offer() {
        return Err(488);
    }
    let offer = match described {
        true => Some(secrecy.read(request.body(), whereabouts, None).map_err(|_| 400_u16)?),
        false => None,
    };
    if offer.as_ref().is_some_and(|offer| !offer.has_media_for_us()) {
        return Err(488);
    }
    let timer = timer_offer(headers)?;
    if let Answer::IntervalTooSmall { min_se } = policy(context).answer(&timer) {
        too_small(transaction, &request, min_se, context);
        return Err(422);
    }
    let reliability =
        match (headers.has_token(Name::Require, b"100rel"), headers.has_token(Name::Supported, b"100rel")) {
            (true, _) => Reliability::Required,
            (false, true) => Reliability::Supported,
            (false, false) => Reliability::Unsupported,
        };
    let mut exchange = Exchange::new();
    exchange.pass(Side::Remote, Carrier::Invite, described).map_err(|refusal| refusal.status())?;
    let call_id = Bytes::copy_from_slice(&headers.call_id().map_err(|_| 400_u16)?);
    let tag = context.endpoint.new_tag();
    let outside = Outside::calling(&caller, context.house);
    let leg = CallerLeg {
        call_id,
        flow,
        transaction,
        reliability,
        timer,
        tag,
        exchange,
        offer,
        secrecy,
        invite: request,
        outside,
    };
    Ok((leg, caller))
}

/// `path` and `outbound` make no sense in an INVITE.
const EXTENSIONS_OF_CALLS: [&[u8]; 4] = [b"100rel", b"timer", b"replaces", b"join"];

/// What a request says about session timers (RFC 4028 §4, §5).
pub(crate) fn timer_offer(headers: &sip::Headers) -> Result<TimerOffer, u16> {
    let names = [Name::Supported, Name::Require];
    Ok(TimerOffer {
        supported: names.into_iter().any(|name| headers.has_token(name, b"timer")),
        session_expires: headers.session_expires().map_err(|_| 400_u16)?,
        min_se: headers.min_se().map_err(|_| 400_u16)?,
    })
}

/// What we want of session timers.
pub(crate) fn policy(context: &Context<'_>) -> Policy {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let limits = &context.house.limits;
    Policy { session_expires: seconds(limits.session_expires), min_se: seconds(limits.session_expires_min) }
}

/// Refuses a session interval that is too short (RFC 4028 §6).
pub(crate) fn too_small(
    transaction: ServerTransaction,
    request: &Request,
    min_se: u32,
    context: &mut Context<'_>,
) {
    let tag = context.endpoint.new_tag();
    let response =
        wire::response(context.house, request, 422, Some(tag.as_bytes())).header(Name::MinSe, &min_se);
    context.endpoint.respond(transaction, &response.finish(), context.now.instant);
}

/// What was dialled: the user part of a Request-URI or Refer-To. `None`: a scheme that calls do not know.
pub(crate) fn dialled(uri: &Uri, domain: &str) -> Option<Dialled> {
    if uri.scheme() == Scheme::Other {
        return None;
    }
    let mut user = String::from_utf8_lossy(&uri.user_decoded().unwrap_or_default()).into_owned();
    if uri.scheme() == Scheme::Tel {
        // RFC 3966 §3: visual separators have no meaning.
        user.retain(|c| !matches!(c, '-' | '.' | '(' | ')'));
        return Some(Dialled::here(user));
    }
    let host = String::from_utf8_lossy(uri.host()).into_owned();
    // Phones that know us by address dial `sip:1002@10.0.0.1`.
    let is_address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    let foreign = !is_address && !host.eq_ignore_ascii_case(domain);
    Some(Dialled { foreign_domain: foreign.then_some(host), ..Dialled::here(user) })
}

/// Calls all phones of the destination.
fn ring(
    leg: CallerLeg,
    (caller, view): (&Caller, View),
    phones: Destination,
    id: CallId,
    context: &mut Context<'_>,
) -> Started {
    let headers = leg.invite.headers();
    let breadth =
        headers.named(b"Max-Breadth").and_then(sip::scan::number).unwrap_or(MAX_BREADTH).min(MAX_BREADTH);
    if breadth == 0 {
        wire::refuse_with_tag(context, leg.transaction, &leg.invite, 440, leg.tag.as_bytes());
        return Started::Refused;
    }
    context.index.dialogs.begin(&leg.call_id, leg.their_tag(), id);
    context.index.servers.insert(leg.transaction, id);
    let mut call = Box::new(Call {
        id,
        phase: Phase::Ringing,
        branches: Vec::with_capacity(1),
        course: Course::default(),
        ringing: Ringing::default(),
        pairs: Vec::with_capacity(1),
        requests: Vec::with_capacity(1),
        streams: Streams::new(id.0),
        view,
        timers: Timers::default(),
        early_media: None,
        placed_by: caller.clone(),
        change: None,
        departed: Vec::new(),
        caller: Some(leg),
    });
    call.ring(phones, context);
    call.publish(Event::Originated, Cause::NormalClearing, context);
    metrics::counter!("carillon_calls_started_total").increment(1);
    // A branch that could not even be sent is a failed branch; when all are, the call ends here.
    call.conclude(context);
    Started::Call(call)
}

impl Call {
    /// Rings the phones of a destination: the first of the call, or the next one.
    pub(crate) fn ring(&mut self, phones: Destination, context: &mut Context<'_>) {
        self.ringing.ways.clear();
        self.ringing.is_emergency = false;
        self.unask(Some(Cause::Redirected), context);
        match phones {
            Destination::Phones { branches, address, name, ring_time, course } => {
                self.course = course;
                self.ring_branches(branches, (address, name), ring_time, context);
            }
            Destination::Trunk { attempts, is_emergency, course } => {
                self.course = course;
                self.ringing.is_emergency = is_emergency;
                self.ringing.ways = context.house.trunks.ways(&attempts, is_emergency, context.now.instant);
                self.ring_next_way(context);
            }
            Destination::Pilot { pilot, course } => {
                self.ringing.leaves = true;
                let letter = Letter::TakeIn { call: self.id, pilot, course };
                context.index.letters.push_back(letter);
            }
            Destination::RoutePoint { course } => self.come_to_route_point(course, context),
            Destination::Service(_)
            | Destination::Setting(_)
            | Destination::CallBack(_)
            | Destination::Resume
            | Destination::Again { .. } => {}
        }
    }

    /// Rings these phones at once.
    pub(super) fn ring_branches(
        &mut self,
        mut branches: Vec<place::Branch>,
        (address, name): (String, Option<String>),
        ring_time: Option<Duration>,
        context: &mut Context<'_>,
    ) {
        let Some(asker) = &self.caller else { return };
        let (invite, reliability) = (asker.invite.clone(), asker.reliability);
        let headers = invite.headers();
        let breadth =
            headers.named(b"Max-Breadth").and_then(sip::scan::number).unwrap_or(MAX_BREADTH).min(MAX_BREADTH);
        branches.truncate(breadth as usize);
        // RFC 3261 §13.3.1: a caller may want to wait less long than we let phones ring; zero is no wish.
        let patience = headers.expires().ok().flatten().filter(|seconds| *seconds > 0);
        let patience = patience.map_or(Duration::MAX, |seconds| Duration::from_secs(u64::from(seconds)));
        let ring_time = ring_time.unwrap_or(context.house.limits.ring_time).min(patience);
        self.timers.ring = Some(context.now.instant + ring_time);
        // What the caller hears is that of phones that ring now.
        self.early_media = None;
        let caller = self.placed_by.clone();
        let course = self.course.clone();
        self.ringing.first_branch = self.branches.len();
        let invitation = Invitation {
            caller: &caller,
            address: &address,
            max_forwards: headers.max_forwards().ok().flatten().unwrap_or(MAX_FORWARDS) - 1,
            max_breadth: (breadth / branches.len().max(1) as u32).max(1),
            inherited: Some(&invite),
            reliability,
            referred_by: None,
            diversions: &course.diversions,
            answers_itself: course.is_intercom,
        };
        for branch in branches {
            let connection = self.view.add(&branch, &address, name.as_deref(), context.now.civil);
            self.invite_branch(branch, connection, &invitation, context);
        }
    }

    /// Sends the INVITE of one branch.
    fn invite_branch(
        &mut self,
        branch: place::Branch,
        connection: usize,
        invitation: &Invitation<'_>,
        context: &mut Context<'_>,
    ) {
        let index = self.branches.len();
        let mut leg = BranchLeg::new(branch, policy(context), context);
        leg.connection = connection;
        self.view.calls(connection, &leg.call_id);
        let offer = self.caller.as_ref().and_then(|caller| caller.offer.as_ref());
        let between = context.house.directory.between((&self.placed_by).into(), (&leg.place).into());
        let admitted = match leg.said.can_offer() {
            true => between.admit(offer, &leg.place, self.ringing.is_emergency, context),
            false => Err(Failure::NotAcceptable),
        };
        let (offer, failure) = match admitted {
            Ok((offer, grant)) => {
                leg.grant = grant;
                (offer, Failure::Overloaded)
            }
            Err(failure) => (None, failure),
        };
        let body = match offer {
            None if failure != Failure::Overloaded => None,
            None => Some(None),
            Some(offer) => {
                let streams = &mut self.streams;
                let ports = &*context.house.ports;
                let address =
                    context.house.addresses.media(leg.target.flow.local.ip(), leg.target.flow.remote.ip());
                let written = leg.said.write(&offer, address, Lines::Offer(None), |at, kind| {
                    // Both sides of a line get their port together, or the line is refused.
                    streams.port(ports, at, kind, End::Caller)?;
                    streams.port(ports, at, kind, End::Callee)
                });
                written.map(Some)
            }
        };
        context.index.dialogs.begin(&leg.call_id, leg.tag.clone().into(), self.id);
        let target = leg.target.clone();
        let Some(body) = body else {
            leg.state = BranchState::Failed(failure);
            self.view.not_called(connection, failure.verdict().cause, context.now.civil);
            self.branches.push(leg);
            return;
        };
        let request = leg.invite(invitation, body.as_ref(), context.house);
        self.branches.push(leg);
        match self.send(request, &target, super::Purpose::Invite { branch: index }, context) {
            Some(transaction) => self.branches[index].transaction = Some(transaction),
            None => self.branches[index].state = BranchState::Failed(Failure::Overloaded),
        }
    }
}
