//! What happens to a stanza that a client sends, top to bottom: plain calls, each answering `Continue` or a verdict.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use model::{BareJid, Jid};
use store::Seq;
use xmpp::xep::pubsub::{NS, OWNER};
use xmpp::xep::register;
use xmpp::{Builder, Condition, Context, Element, Stamp, Stanza, StanzaError, ns};

use crate::Im;
use crate::delivery::{Address, Delivery, Reach, What, decide};
use crate::features::{
    api_token, archive, avatars, blocking, caps, carbons, commands, disco, external_services, last, ping,
    presence, private_storage, push, registration, roster, stanza_ids, subscription, time, vcard, version,
};
use crate::muc;
use crate::outbox::Item;
use crate::pubsub::{self, Service};
use crate::router::{Routed, Target};
use crate::services::{self, ServiceName};
use crate::sessions::{Account, Seat};

/// What became of a stanza.
#[derive(Debug)]
pub(crate) enum Handled {
    /// It is on its way; with its place in the journal when it was kept.
    Done(Option<Seq>),
    /// These go back to the client.
    Answers(Vec<Bytes>),
    /// The client is told why not.
    Refused(StanzaError),
    /// The client takes messages from now on.
    LookIntoSpool,
}

impl From<Result<Option<Seq>, StanzaError>> for Handled {
    fn from(result: Result<Option<Seq>, StanzaError>) -> Self {
        match result {
            Ok(seq) => Self::Done(seq),
            Err(error) => Self::Refused(error),
        }
    }
}

/// A message that cannot be served without the store.
pub(crate) enum Later {
    /// Its addressee has no session.
    Absent(BareJid, Address),
    /// A room sends it to somebody who has no session.
    OfRoom(Box<muc::ToAbsent>),
    /// It is for one of our services.
    Service(ServiceName),
}

/// A message. No await on this way: a message to somebody who is there costs no task switch.
pub(crate) fn message(im: &Im, seat: &Seat, stanza: &mut Stanza) -> ControlFlow<Handled, Later> {
    stanza_ids::cut_forged(stanza, im.domain());
    let to = stanza.to();
    // RFC 6121 §5.2.1: a message without `to` is to oneself.
    let to = to.as_deref().unwrap_or(seat.account.jid.as_str());
    if im.rooms.owns(to) {
        return match muc::message(im, seat.visitor(), stanza, to) {
            Ok(muc::Spoken::Done(seq)) => ControlFlow::Break(Handled::Done(seq)),
            Ok(muc::Spoken::ToAbsent(message)) => ControlFlow::Continue(Later::OfRoom(message)),
            Err(error) => ControlFlow::Break(Handled::Refused(error)),
        };
    }
    im.note_answer(seat, stanza, to);
    match im.route_message(stanza, seat.jid.as_str(), to) {
        Ok(Routed::Absent(owner, address)) => ControlFlow::Continue(Later::Absent(owner, address)),
        Ok(Routed::Service(service)) => ControlFlow::Continue(Later::Service(service)),
        Ok(Routed::Done(seq)) => ControlFlow::Break(Handled::Done(seq)),
        Err(error) => ControlFlow::Break(Handled::Refused(error)),
    }
}

/// A message that the store is asked for.
pub(crate) async fn message_later(im: &Im, seat: &Seat, stanza: &Stanza, later: Later) -> Handled {
    match later {
        Later::Absent(owner, address) => {
            im.route_message_absent(stanza, seat.jid.as_str(), &owner, address).await.into()
        }
        Later::OfRoom(message) => message.send(im).await.into(),
        Later::Service(service) => {
            services::message(im, service, &seat.jid, stanza).await.map(|()| None).into()
        }
    }
}

/// Presence: one's own, directed, or about a subscription (RFC 6121 §3, §4).
pub(crate) async fn presence(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) -> Handled {
    let with_hash = if stanza.type_().is_none() { avatars::with_hash(im, seat, stanza) } else { None };
    let stanza = with_hash.as_ref().unwrap_or(stanza);
    let (kind, to) = (stanza.type_(), stanza.to());
    if let Some(Err(error)) = to.as_deref().map(|to| im.check_blocked(seat.jid.as_str(), to)) {
        // XEP-0191 §3.4: whoever is blocked hears nothing; who blocks is told that they do.
        return if error.app.is_some() { Handled::Refused(error) } else { Handled::Done(None) };
    }
    if let Some(to) = to.as_deref().filter(|to| im.rooms.owns(to)) {
        return match muc::presence(im, seat.visitor(), stanza, to).await {
            Ok(()) => Handled::Done(None),
            Err(error) => Handled::Answers(vec![muc::refusal(stanza, seat.jid.as_str(), &error)]),
        };
    }
    let done = match (kind.as_deref(), to.as_deref()) {
        (None, None) => match presence::available(im, seat, stanza).await {
            Ok(presence::Became::TakingMessages) => return Handled::LookIntoSpool,
            Ok(presence::Became::Other) => Ok(()),
            Err(error) => Err(error),
        },
        (Some("unavailable"), None) => {
            presence::unavailable(im, seat, Some(stanza)).await;
            Ok(())
        }
        (None | Some("unavailable" | "error"), Some(to)) => presence::directed(im, seat, stanza, to),
        (Some("probe"), Some(to)) => presence::probe(im, seat, to).await,
        (Some(kind), Some(to)) => match subscription::request(kind) {
            Some(request) => subscription::outbound(im, seat, stanza, request, to).await,
            None => Err(Condition::BadRequest.into()),
        },
        (Some("error"), None) => Ok(()),
        (Some(_), None) => Err(Condition::BadRequest.into()),
    };
    match done {
        Ok(()) => Handled::Done(None),
        Err(error) => Handled::Refused(error),
    }
}

/// An IQ: to the server, to an account, or to somebody's client (RFC 6120 §8.2.3).
pub(crate) async fn iq(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) -> Handled {
    let request = match check_iq(stanza) {
        Ok(request) => request,
        Err(error) => return Handled::Refused(error),
    };
    let to = stanza.to();
    if let Some(Err(error)) = to.as_deref().map(|to| im.check_blocked(seat.jid.as_str(), to)) {
        return if request { Handled::Refused(error) } else { Handled::Done(None) };
    }
    if let Some(to) = to.as_deref().filter(|to| im.rooms.owns(to)) {
        return match muc::answer_iq(im, seat.visitor(), stanza, to).await {
            Ok(None) => Handled::Done(None),
            Ok(Some((mut answers, payload))) => {
                answers.push(result(stanza, seat.jid.as_str(), payload));
                Handled::Answers(answers)
            }
            Err(_) if !request => Handled::Done(None),
            Err(error) => Handled::Refused(error),
        };
    }
    if request && let Some(delegated) = im.delegate(seat, stanza) {
        return match delegated {
            Ok(()) => Handled::Done(None),
            Err(error) => Handled::Refused(error),
        };
    }
    let target = match to.as_deref() {
        None => Target::Online(Arc::clone(&seat.account), Address::Bare, None),
        Some(to) => im.locate(to),
    };
    let what = if request { What::IqRequest } else { What::IqAnswer };
    let answer = match target {
        Target::Online(account, address, other) => {
            let delivery = decide(what, address, Reach::Reachable);
            return iq_online(im, seat, stanza, (&account, other.as_deref()), delivery).await;
        }
        Target::Host if !request => {
            caps::answer(im, seat, stanza).await;
            return Handled::Done(None);
        }
        Target::Remote(to) => {
            return match im.iq_remote(stanza, seat.jid.as_str(), &to) {
                Err(error) if request => Handled::Refused(error),
                _ => Handled::Done(None),
            };
        }
        _ if !request => return Handled::Done(None),
        Target::Host if external_services::is_asked(stanza) => {
            external_services::answer(im, &seat.jid, stanza)
        }
        Target::Host if api_token::is_asked(stanza) => api_token::give(im, &seat.account.jid).await,
        Target::Host if registration::is_asked(stanza) => own_registration(im, seat, stanza).await,
        Target::Host => match commands::answer(im, &seat.account.jid, stanza).await {
            Some(answer) => answer,
            None => host(im, stanza).await,
        },
        Target::Service(service) => services::iq(im, service, &seat.jid, stanza).await,
        Target::Absent(user, Address::Bare) => other_account(im, &seat.jid, stanza, &user).await,
        Target::Absent(..) => Err(Condition::ServiceUnavailable.into()),
        Target::Contact(..) => contact(stanza),
        Target::Malformed => Err(Condition::JidMalformed.into()),
    };
    answered(stanza, seat, answer)
}

/// An IQ to an account that has sessions, as `decide` says.
async fn iq_online(
    im: &Im,
    seat: &Arc<Seat>,
    stanza: &Stanza,
    (account, other): (&Arc<Account>, Option<&Seat>),
    delivery: Delivery,
) -> Handled {
    match (delivery, other) {
        (Delivery::Resource, Some(other)) => pass_iq(im, seat, stanza, other),
        (Delivery::OnBehalf, _) if Arc::ptr_eq(account, &seat.account) => own_account(im, seat, stanza).await,
        (Delivery::OnBehalf, _) => {
            let answer = other_account(im, &seat.jid, stanza, &account.jid).await;
            answered(stanza, seat, answer)
        }
        (Delivery::Bounce, _) => Handled::Refused(Condition::ServiceUnavailable.into()),
        // An answer to the bare address: to one of our own questions in the account's name, or to none.
        _ => Handled::Done(None),
    }
}

/// RFC 6120 §8.2.3: a type that is one of four, an `id`, and in a request exactly one child. True for a request.
pub(crate) fn check_iq(stanza: &Stanza) -> Result<bool, StanzaError> {
    let kind = stanza.type_();
    let bad = |text| Err(StanzaError::from(Condition::BadRequest).with_text(text));
    if stanza.id().is_none() {
        return bad("an IQ needs an id");
    }
    match kind.as_deref() {
        Some("result" | "error") => Ok(false),
        Some("get" | "set") if stanza.children().count() == 1 => Ok(true),
        Some("get" | "set") => bad("a request has exactly one child"),
        _ => bad("the type must be get, set, result or error"),
    }
}

/// XEP-0077 §3.3: what is about the user's own account may be asked of the host.
async fn own_registration(im: &Im, seat: &Seat, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let (set, payload) = payload(stanza)?;
    registration::own(im, &seat.account.jid, set, &payload).await
}

/// On to another client, or to oneself.
fn pass_iq(im: &Im, seat: &Seat, stanza: &Stanza, other: &Seat) -> Handled {
    let bytes = stanza.to_bytes(Context::Client, &Stamp::default().from(seat.jid.as_str()));
    if im.push(other, Item::passing(bytes)) {
        return Handled::Done(None);
    }
    Handled::Refused(Condition::RecipientUnavailable.into())
}

/// What the server itself answers.
pub(crate) async fn host(im: &Im, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let (set, payload) = payload(stanza)?;
    match (set, payload.ns(), payload.name()) {
        (false, disco::INFO, "query") => disco::host_info(im, &payload),
        (false, disco::ITEMS, "query") => disco::host_items(im, &payload),
        (false, ping::NS, "ping") => ping::get(),
        (false, version::NS, "query") => version::get(im),
        (false, time::NS, "time") => time::get(im.runtime.timestamp()),
        (false, last::NS, "query") => last::host(im),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

/// What the server answers for the user's own account.
async fn own_account(im: &Im, seat: &Arc<Seat>, stanza: &Stanza) -> Handled {
    let (set, payload) = match payload(stanza) {
        Ok(payload) => payload,
        Err(error) => return Handled::Refused(error),
    };
    let user = &seat.account.jid;
    let answer = match (set, payload.ns(), payload.name()) {
        (false, ns::ROSTER, "query") => match roster::get(im, seat, &payload).await {
            Ok((answer, pushes)) => {
                let mut answers = vec![result(stanza, seat.jid.as_str(), answer)];
                answers.extend(pushes);
                return Handled::Answers(answers);
            }
            Err(error) => Err(error),
        },
        (true, ns::ROSTER, "query") => roster::set(im, user, &payload).await.map(|()| None),
        (true, archive::NS, "query") => match archive::page_of(im, user, &seat.jid, &payload, None).await {
            Ok((mut answers, fin)) => {
                answers.push(result(stanza, seat.jid.as_str(), Some(fin)));
                return Handled::Answers(answers);
            }
            Err(error) => Err(error),
        },
        (false, archive::NS, "query") => Ok(Some(archive::form())),
        (false, archive::NS, "metadata") => archive::metadata(im, user, None).await,
        (false, archive::NS, "prefs") => Ok(Some(archive::preferences(im, user))),
        (true, archive::NS, "prefs") => archive::set_preferences(im, user, &payload).await,
        (_, NS | OWNER, "pubsub") => {
            pubsub::answer(im, &Service::personal(user), &seat.jid, set, &payload).await
        }
        (false, blocking::NS, "blocklist") => Ok(Some(blocking::get(im, seat))),
        (true, blocking::NS, "block" | "unblock") => blocking::set(im, seat, &payload).await,
        (false, private_storage::NS, "query") => private_storage::get(im, user, &payload).await,
        (true, private_storage::NS, "query") => private_storage::set(im, user, &payload).await,
        (set, register::NS, "query") => registration::own(im, user, set, &payload).await,
        (false, vcard::NS, "vCard") => vcard::own(im, user).await,
        (true, vcard::NS, "vCard") => vcard::set(im, user, &payload).await,
        (true, push::NS, "enable" | "disable") => push::set(im, seat, &payload).await,
        (true, carbons::NS, word @ ("enable" | "disable")) => {
            carbons::set(seat, word == "enable");
            Ok(None)
        }
        // COMPAT: clients of RFC 3921 ask for a session, and get what they have already.
        (true, ns::SESSION, "session") => Ok(None),
        (false, disco::INFO, "query") => disco::account_info(im, &seat.jid, user, &payload).await,
        (false, disco::ITEMS, "query") => disco::items(im, &seat.jid, user, &payload).await,
        (false, ping::NS, "ping") => ping::get(),
        (false, last::NS, "query") => last::account(im, user, user).await,
        _ => Err(Condition::ServiceUnavailable.into()),
    };
    answered(stanza, seat, answer)
}

/// What the server answers for somebody else's account; an unknown account gives the same answers as one
/// that lets nobody look (RFC 6121 §8.5.1).
pub(crate) async fn other_account(
    im: &Im,
    asker: &Jid,
    stanza: &Stanza,
    user: &BareJid,
) -> Result<Option<Element>, StanzaError> {
    let (set, payload) = payload(stanza)?;
    match (set, payload.ns(), payload.name()) {
        (false, disco::INFO, "query") => disco::account_info(im, asker, user, &payload).await,
        (false, last::NS, "query") => last::account(im, &asker.to_bare(), user).await,
        (false, vcard::NS, "vCard") => vcard::of(im, user).await,
        (_, NS | OWNER, "pubsub") => pubsub::answer(im, &Service::personal(user), asker, set, &payload).await,
        (false, disco::ITEMS, "query") => disco::items(im, asker, user, &payload).await,
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

/// What a contact of ours answers: that it is there.
pub(crate) fn contact(stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let (set, payload) = payload(stanza)?;
    match (set, payload.ns(), payload.name()) {
        (false, disco::INFO, "query") => disco::contact_info(&payload),
        (false, ping::NS, "ping") => ping::get(),
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn payload(stanza: &Stanza) -> Result<(bool, Element), StanzaError> {
    let child = stanza.first_child().ok_or(Condition::BadRequest)?;
    Ok((stanza.type_().as_deref() == Some("set"), child.element()))
}

fn answered(stanza: &Stanza, seat: &Seat, answer: Result<Option<Element>, StanzaError>) -> Handled {
    match answer {
        Ok(payload) => Handled::Answers(vec![result(stanza, seat.jid.as_str(), payload)]),
        Err(error) => Handled::Refused(error),
    }
}

/// The result of a request, from whom it was sent to.
pub(crate) fn result(stanza: &Stanza, asker: &str, payload: Option<Element>) -> Bytes {
    let (id, to) = (stanza.id(), stanza.to());
    let mut result = Builder::iq(Context::Client);
    result.type_("result").to(asker).attr_if("id", id.as_deref()).attr_if("from", to.as_deref());
    if let Some(payload) = payload {
        result.element(&payload);
    }
    result.finish()
}
