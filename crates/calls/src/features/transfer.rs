//! Transfer by REFER (RFC 3515, RFC 5589), on either of two calls: blind, or consultative when Refer-To names a
//! dialog to replace (RFC 3891). This server does what it is asked for itself; the other phone never sees a REFER.
//!
//! The other phone stays as it is until the target has answered. When the target fails, the transferor has the
//! call as before; one that has hung up meanwhile is rung once more.

use bytes::Bytes;
use sip::endpoint::ServerTransaction;
use sip::header::Replaces;
use sip::sdp::Direction;
use sip::subscription::{Reason, State};
use sip::uri::unescape;
use sip::{Method, Name, NameAddr, Request, Uri};

use crate::call::half::Half;
use crate::call::house::Context;
use crate::call::incoming::dialled;
use crate::call::join::{Change, Plan};
use crate::call::leg::Leg;
use crate::call::letter::{Fetch, FetchPurpose, Letter, Loan, Order, Place, Unlent, Wanted};
use crate::call::outcome::Verdict;
use crate::call::{Call, End, Phase, wire};
use crate::command::Refusal;

use crate::place::{Caller, Dialled, OwnPlace};
use crate::snapshot::{CallId, Cause, Event};

/// The longest Refer-To and Referred-By that are taken, in bytes.
const REFER_BYTES_MAX: usize = 1024;
/// How long the subscription to a transfer lasts, in seconds: longer than phones ring.
const SUBSCRIPTION_SECONDS: u32 = 600;
/// The body of a NOTIFY about a transfer (RFC 3515 §2.4.5).
const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// A transfer that waits for its target.
#[derive(Debug)]
pub(crate) struct Transfer {
    /// The end that wants it, and leaves.
    pub end: End,
    /// What the transferor is told; `None` when it did not ask by REFER, or does not want to know.
    referral: Option<Referral>,
    /// The phones that are rung for it.
    pub attempt: Option<CallId>,
    order: Asked,
}

/// What was asked for, kept so that a consultation call that still rings can become a blind transfer.
#[derive(Clone, Debug)]
struct Asked {
    dialled: Dialled,
    referred_by: Option<Bytes>,
}

/// The implicit subscription of a REFER (RFC 3515 §2.4.4).
#[derive(Clone, Copy, Debug)]
struct Referral {
    /// The CSeq of the REFER: the `id` of the subscription (RFC 3515 §2.4.6).
    id: u32,
    told: u16,
}

/// What a REFER asks for.
struct Wish {
    dialled: Dialled,
    replaces: Option<Replaces>,
    referred_by: Option<Bytes>,
}

/// A phone of the call asks for a transfer.
pub(crate) fn refer(
    call: &mut Call,
    (pair, end): (usize, End),
    transaction: ServerTransaction,
    request: &Request,
    context: &mut Context<'_>,
) {
    if call.phase != Phase::Answered(pair) {
        return wire::refuse(context, transaction, request, 403);
    }
    if call.change.is_some() {
        return wire::refuse(context, transaction, request, 491);
    }
    let wish = match read(request, &context.house.domain) {
        Ok(wish) => wish,
        Err(status) => return wire::refuse(context, transaction, request, status),
    };
    let referral = accept(call.pairs[pair].half(end), transaction, request, context);
    let Wish { dialled, replaces, referred_by } = wish;
    let order = Asked { dialled, referred_by };
    let mut transfer = Transfer { end, referral, attempt: None, order };
    transfer.tell(call.pairs[pair].half_mut(end), 100, context);
    begin(call, pair, transfer, replaces.map(Wanted::Dialog), context);
}

/// An application has a line transferred: to a number, or to whom the line talks to in another call.
pub(crate) fn command(
    call: &mut Call,
    (pair, end): (usize, End),
    target: Result<Dialled, Wanted>,
    context: &mut Context<'_>,
) {
    let (dialled, wanted) = match target {
        Ok(dialled) => (dialled, None),
        Err(wanted) => (Dialled::here(""), Some(wanted)),
    };
    let order = Asked { dialled, referred_by: None };
    begin(call, pair, Transfer { end, referral: None, attempt: None, order }, wanted, context);
}

fn begin(
    call: &mut Call,
    pair: usize,
    transfer: Transfer,
    wanted: Option<Wanted>,
    context: &mut Context<'_>,
) {
    let who = call.member(pair, transfer.end);
    let own = || context.house.directory.own_place(&transfer.order.dialled, &who);
    match if wanted.is_none() { own() } else { None } {
        Some(OwnPlace::Slot(slot)) => return park_at(call, pair, transfer, &slot, context),
        Some(OwnPlace::Conference(room)) => return confer_at(call, pair, transfer, room, context),
        None => {}
    }
    let letter = match wanted {
        Some(wanted) => {
            let purpose = FetchPurpose::Transfer;
            Some(Letter::Fetch(Box::new(Fetch { wanted, by: call.id, who, purpose, tries: 0 })))
        }
        None => order(call, pair, &transfer, who).map(|order| Letter::Ring(Box::new(order))),
    };
    call.change = Some(Change::Transfer(transfer));
    match letter {
        Some(letter) => context.index.letters.push_back(letter),
        None => failed(call, Verdict { status: 500, cause: Cause::ResourcesNotAvailable }, context),
    }
}

/// A transfer to a slot parks the other side there.
fn park_at(call: &mut Call, pair: usize, transfer: Transfer, slot: &str, context: &mut Context<'_>) {
    if !call.is_quiet(pair) {
        call.change = Some(Change::Transfer(transfer));
        return failed(call, Verdict { status: 491, cause: Cause::ResourcesNotAvailable }, context);
    }
    let slot = context.house.parking.take(Some(slot), call.id);
    call.change = Some(Change::Transfer(transfer));
    match slot {
        Some(slot) => context.index.letters.push_back(Letter::Park { call: call.id, slot }),
        None => failed(call, Verdict { status: 486, cause: Cause::Busy }, context),
    }
}

/// A transfer to the number of a conference brings the other side there.
fn confer_at(call: &mut Call, pair: usize, transfer: Transfer, room: String, context: &mut Context<'_>) {
    let leaves = Some(transfer.end);
    let is_quiet = call.is_quiet(pair);
    call.change = Some(Change::Transfer(transfer));
    match is_quiet {
        false => failed(call, Verdict { status: 491, cause: Cause::ResourcesNotAvailable }, context),
        true if !context.house.conferences.has_room(&room, 1) => {
            failed(call, Verdict { status: 486, cause: Cause::Busy }, context);
        }
        true => context.index.letters.push_back(Letter::Confer { call: call.id, room, leaves }),
    }
}

/// An application has a line park the other side: gives the slot.
pub(crate) fn park_command(
    call: &mut Call,
    (pair, end): (usize, End),
    slot: Option<&str>,
    context: &mut Context<'_>,
) -> Result<String, Refusal> {
    if call.change.is_some() || !call.is_quiet(pair) {
        return Err(Refusal::Busy);
    }
    let slot = context.house.parking.take(slot, call.id).ok_or(Refusal::NoSlot)?;
    let order = Asked { dialled: Dialled::here(slot.clone()), referred_by: None };
    call.change = Some(Change::Transfer(Transfer { end, referral: None, attempt: None, order }));
    context.index.letters.push_back(Letter::Park { call: call.id, slot: slot.clone() });
    Ok(slot)
}

/// What a REFER outside of a dialog wants called: a number or an address, and nothing that is there already.
pub(crate) fn target(request: &Request, domain: &str) -> Result<Dialled, u16> {
    let wish = read(request, domain)?;
    if wish.replaces.is_some() { Err(501) } else { Ok(wish.dialled) }
}

/// The phones that shall ring for the end that stays. The transferor's rights count: it has them dialled.
fn order(call: &Call, pair: usize, transfer: &Transfer, transferor: Caller) -> Option<Order> {
    let stays = transfer.end.other();
    let offer = call.pairs[pair].half(stays).heard.as_ref()?.directed(Direction::SendRecv);
    let Asked { dialled, referred_by } = transfer.order.clone();
    let shown = call.member(pair, stays);
    Some(Order {
        host: call.id,
        place: Place::Dialled(dialled),
        allowed_as: transferor,
        shown,
        offer,
        referred_by,
        ring_time: None,
        answers_itself: false,
        rung: 0,
    })
}

/// The target answered, or is here on loan.
pub(crate) fn arrived(
    call: &mut Call,
    leg: Leg,
    lender: Option<CallId>,
    context: &mut Context<'_>,
) -> Result<(), Box<Leg>> {
    let Phase::Answered(pair) = call.phase else { return Err(Box::new(leg)) };
    let Some(Change::Transfer(transfer)) =
        call.change.take_if(|change| matches!(change, Change::Transfer(_)))
    else {
        return Err(Box::new(leg));
    };
    let plan = if lender.is_some() { Plan::Fresh } else { Plan::Answered };
    let end = transfer.end;
    call.join_leg(leg, (pair, end), (plan, lender), Some(transfer), context);
    Ok(())
}

/// What became of the wish for a leg of another call.
pub(crate) fn fetched(
    call: &mut Call,
    loan: Result<Loan, Unlent>,
    context: &mut Context<'_>,
) -> Option<Loan> {
    let status = match loan {
        Ok(Loan { leg, lender }) => {
            let refused = arrived(call, leg, Some(lender), context).err();
            return refused.map(|leg| Loan { leg: *leg, lender });
        }
        Err(Unlent::StillRings(dialled)) => {
            // The consultation call is not answered yet: its target is rung for the other phone instead.
            let Phase::Answered(pair) = call.phase else { return None };
            let Some(Change::Transfer(mut transfer)) = call.change.take() else { return None };
            transfer.order.dialled = dialled;
            begin(call, pair, transfer, None, context);
            return None;
        }
        Err(unlent) => unlent.status(),
    };
    failed(call, Verdict { status, cause: Cause::NotAllowed }, context);
    None
}

/// The target will not come: the transferor has the call as before.
pub(crate) fn failed(call: &mut Call, verdict: Verdict, context: &mut Context<'_>) {
    let Some(Change::Transfer(mut transfer)) =
        call.change.take_if(|change| matches!(change, Change::Transfer(_)))
    else {
        return;
    };
    let Phase::Answered(pair) = call.phase else { return };
    transfer.tell(call.pairs[pair].half_mut(transfer.end), verdict.status, context);
    call.publish(Event::Failed, verdict.cause, context);
}

/// The target rings.
pub(crate) fn progress(call: &mut Call, status: u16, context: &mut Context<'_>) {
    let Phase::Answered(pair) = call.phase else { return };
    if let Some(Change::Transfer(transfer)) = &mut call.change {
        transfer.tell(call.pairs[pair].half_mut(transfer.end), status, context);
    }
}

impl Transfer {
    /// Tells the transferor how far it has got: NOTIFY with the status line of a response (RFC 3515 §2.4.5).
    pub(crate) fn tell(&mut self, half: &mut Half, status: u16, context: &mut Context<'_>) {
        let Some(referral) = self.referral.as_mut().filter(|referral| referral.told < status) else { return };
        if half.dialog.state() == sip::dialog::State::Terminated {
            return;
        }
        referral.told = status;
        let event = format!("refer;id={}", referral.id);
        let state = match status {
            ..200 => State::Active { expires: Some(SUBSCRIPTION_SECONDS) },
            _ => State::Terminated { reason: Some(Reason::NoResource), retry_after: None },
        };
        let line = format!("SIP/2.0 {status} {}\r\n", sip::message::reason_phrase(status));
        let request = half
            .request(Method::Notify, context.house)
            .header(Name::Event, event.as_str())
            .header(Name::SubscriptionState, state.to_value().as_str())
            .body(SIPFRAG, line.as_bytes());
        if status >= 200 {
            self.referral = None;
        }
        let target = half.target(context.house);
        // Whatever it answers, the call goes on (RFC 5057 §5.1: a NOTIFY ends its own usage at most).
        if let Err(error) = context.endpoint.send_request(request, &target, context.now.instant) {
            tracing::debug!(%error, "a NOTIFY could not be sent");
        }
    }

    /// Nobody waits for the target any more.
    pub(crate) fn give_up(self, context: &mut Context<'_>) {
        if let Some(attempt) = self.attempt {
            context.index.letters.push_back(Letter::GiveUp { attempt });
        }
    }
}

/// 202, and the subscription that it makes, unless the phone wants none (RFC 4488 §4).
fn accept(
    half: &Half,
    transaction: ServerTransaction,
    request: &Request,
    context: &mut Context<'_>,
) -> Option<Referral> {
    let headers = request.headers();
    let unwanted = headers.first(Name::ReferSub).is_some_and(|value| value.eq_ignore_ascii_case(b"false"));
    let mut builder = wire::response(context.house, request, 202, None)
        .header(Name::Contact, context.house.contact(&half.flow).as_str());
    if unwanted {
        builder = builder.header(Name::ReferSub, "false");
    }
    context.endpoint.respond(transaction, &builder.finish(), context.now.instant);
    let id = headers.cseq().ok()?.number;
    (!unwanted).then_some(Referral { id, told: 0 })
}

/// Reads a REFER.
fn read(request: &Request, domain: &str) -> Result<Wish, u16> {
    let headers = request.headers();
    let too_long = |value: &[u8]| value.len() > REFER_BYTES_MAX;
    if headers.all(Name::ReferTo).any(too_long) || headers.all(Name::ReferredBy).any(too_long) {
        return Err(413);
    }
    // RFC 3515 §2.4.2: exactly one Refer-To.
    let target = headers.refer_to().ok().flatten().ok_or(400_u16)?;
    let uri = target.uri();
    // "any method" may be asked for; we ring phones, and do nothing else (RFC 3515 §2.4.2: 603).
    if uri.params().value(b"method").is_some_and(|method| !method.eq_ignore_ascii_case(b"INVITE")) {
        return Err(603);
    }
    let mut replaces = None;
    for (name, value) in uri.headers() {
        if name.eq_ignore_ascii_case(b"Replaces") {
            let value = Bytes::from(unescape(value).into_owned());
            replaces = Some(Replaces::parse(value).map_err(|_| 400_u16)?);
        } else if name.eq_ignore_ascii_case(b"Join") {
            // RFC 3911: three parties need a conference.
            return Err(501);
        }
    }
    let plain = without_headers(uri)?;
    let dialled = dialled(&plain, domain).ok_or(416_u16)?;
    let referred_by = headers.first(Name::ReferredBy).map(|value| headers.share(value));
    Ok(Wish { dialled, replaces, referred_by })
}

fn without_headers(uri: &Uri) -> Result<Uri, u16> {
    let text = uri.as_bytes();
    let end = memchr(text, b'?').unwrap_or(text.len());
    Uri::parse(Bytes::copy_from_slice(&text[..end])).map_err(|_| 400)
}

fn memchr(text: &[u8], byte: u8) -> Option<usize> {
    text.iter().position(|b| *b == byte)
}

/// `Referred-By` of a transferor that wrote none (RFC 3892 §2.1): its own address.
pub(crate) fn referred_by(transferor: &Caller, domain: &str) -> Option<Bytes> {
    let uri =
        Uri::compose(sip::uri::Scheme::Sip, Some(transferor.number.as_bytes()), domain, None, "").ok()?;
    Some(NameAddr::compose(None, &uri, None).bytes())
}

/// The phones that were ordered for the transfer do ring.
pub(crate) fn set_attempt(call: &mut Call, id: CallId, context: &Context<'_>) {
    if let Some(Change::Transfer(transfer)) = &mut call.change {
        transfer.attempt = Some(id);
    }
    call.publish(Event::Originated, Cause::Transfer, context);
}
