//! One phone that is called: its INVITE, and how far it has got.

use bytes::Bytes;
use sip::endpoint::{ClientTransaction, Target};
use sip::header::SessionExpires;
use sip::session_timer::{MIN_SE, Policy};
use sip::uri::Scheme;
use sip::{CSeq, Method, Name, NameAddr, Request, RequestBuilder, Response, Uri};

use super::describe::Said;
use super::handshake::Server;
use super::house::{Context, House};
use super::incoming::Reliability;
use super::outcome::Failure;
use super::secrecy::Secrecy;
use super::{ALLOW, SUPPORTED, wire};
use crate::admission::Grant;
use crate::course::Diversion;
use crate::features::{alerting, do_not_disturb, intercom};
use crate::place::{Branch, Caller};
use crate::trunk::anonymous;

/// Challenges that are answered for one INVITE.
const CHALLENGES_MAX: u8 = 2;

/// How far a branch has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BranchState {
    /// Nothing was heard of the phone.
    Calling,
    /// It rings.
    Ringing,
    /// It answered.
    Answered,
    /// It failed, or was given up.
    Failed(Failure),
    /// It was cancelled because the call was answered elsewhere, or ended.
    Cancelled,
}

/// One phone that is called.
#[derive(Debug)]
pub(crate) struct BranchLeg {
    pub place: Branch,
    /// Its place among the connections of the call's view.
    pub connection: usize,
    pub call_id: Bytes,
    pub tag: String,
    pub target: Target,
    pub transaction: Option<ClientTransaction>,
    /// The INVITE as it was sent: what dialogs are made from.
    pub invite: Option<Request>,
    pub state: BranchState,
    pub said: Said,
    /// The session interval that we asked for.
    pub policy: Policy,
    /// The nonce that the INVITE's credentials answer, when it has any.
    pub nonce: Option<String>,
    /// Challenges of a trunk that were answered.
    pub challenges: u8,
    /// What it holds of the bandwidth to where it is.
    pub grant: Option<Grant>,
}

/// What all INVITEs of one call share.
pub(crate) struct Invitation<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The number or name that was reached: what To says.
    pub address: &'a str,
    /// Hops left.
    pub max_forwards: u32,
    /// Branches left to each phone (RFC 5393 §5.3.3).
    pub max_breadth: u32,
    /// The caller's INVITE, whose fields are passed on; `None` when the server calls for somebody.
    pub inherited: Option<&'a Request>,
    /// How the caller wants provisional responses.
    pub reliability: Reliability,
    /// Who had the call made (RFC 3892), as that phone said it.
    pub referred_by: Option<&'a Bytes>,
    /// Where the call was diverted from, first to last (RFC 5806).
    pub diversions: &'a [Diversion],
    /// The phone is asked to answer by itself.
    pub answers_itself: bool,
}

impl BranchLeg {
    pub(crate) fn new(place: Branch, policy: Policy, context: &mut Context<'_>) -> Self {
        let target = context.house.target(place.target.clone());
        let call_id = context.house.shard.call_id(context.endpoint);
        let session_id = call_id.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
        let srtp = match &place.trunk {
            Some(outgoing) => outgoing.trunk.srtp(),
            None => context.house.directory.srtp(place.line.as_ref()),
        };
        let secrecy =
            Secrecy::new(srtp, target.flow.transport, Server::of(&*context.house.ports), context.endpoint);
        Self {
            place,
            connection: 0,
            call_id,
            tag: context.endpoint.new_tag(),
            target,
            transaction: None,
            invite: None,
            state: BranchState::Calling,
            said: Said::new(session_id, secrecy),
            policy,
            nonce: None,
            challenges: 0,
            grant: None,
        }
    }

    /// The phone may still answer.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, BranchState::Calling | BranchState::Ringing)
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        match self.state {
            BranchState::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// Writes the INVITE.
    pub(crate) fn invite(
        &mut self,
        invitation: &Invitation<'_>,
        body: Option<&Bytes>,
        house: &House,
    ) -> Request {
        let mut builder = RequestBuilder::new(Method::Invite, self.place.contact.as_bytes());
        for route in &self.place.path {
            builder = builder.header(Name::Route, route);
        }
        let outgoing = self.place.trunk.clone();
        let (from, to) = match &outgoing {
            Some(outgoing) => (outgoing.from(invitation.caller, &house.domain), outgoing.to()),
            None if invitation.caller.withheld => {
                (anonymous(), address(invitation.address, None, &house.domain))
            }
            None => (
                address(&invitation.caller.number, invitation.caller.name.as_deref(), &house.domain),
                address(invitation.address, None, &house.domain),
            ),
        };
        builder = builder
            .header(Name::MaxForwards, &invitation.max_forwards)
            .header(Name::From, &NameAddr::with_tag(&from, self.tag.as_bytes()))
            .header(Name::To, &to)
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, &CSeq { number: 1, method: Method::Invite })
            .header(Name::Contact, house.contact(&self.target.flow).as_str())
            .header(Name::Allow, ALLOW)
            .header(Name::Supported, supported(invitation.reliability))
            .header(Name::UserAgent, &house.product)
            .named("Max-Breadth", &invitation.max_breadth);
        builder = builder.header_opt(Name::ReferredBy, invitation.referred_by);
        // RFC 5806 §4: the last one stands first.
        for Diversion { from, reason } in invitation.diversions.iter().rev() {
            let from = address(from.number.as_str(), None, &house.domain);
            let value = [from.as_bytes(), b";reason=", reason.word().as_bytes()].concat();
            builder = builder.header(Name::Diversion, value.as_slice());
        }
        if invitation.answers_itself {
            builder = intercom::answer(builder, &house.domain);
        }
        if let Some(inherited) = invitation.inherited {
            let rings_as_we_say = self.place.is_silent || invitation.answers_itself;
            builder = alerting::passed_on(builder, (invitation.caller, inherited), rings_as_we_say);
        }
        if self.place.is_silent {
            builder = do_not_disturb::silence(builder, &house.domain);
        }
        match (&outgoing, invitation.inherited) {
            (Some(outgoing), inherited) => {
                let who = (invitation.caller, inherited);
                (builder, self.nonce) = outgoing.complete(builder, who, (&self.tag, &house.domain));
            }
            // RFC 8224 §6: a phone may verify who calls, unless that is nobody: what is signed names the caller (RFC 8225 §5.2.1).
            (None, Some(inherited)) if invitation.caller.trunk.is_some() && !invitation.caller.withheld => {
                builder = crate::trunk::carried_identity(builder, inherited);
            }
            (None, _) => {}
        }
        let request = finish(with_timer(builder, self.policy), body);
        self.invite = Some(request.clone());
        request
    }

    /// The same INVITE once more with a longer session interval (RFC 4028 §7.4).
    pub(crate) fn invite_again(&mut self, policy: Policy) -> Option<Request> {
        self.policy = policy;
        self.repeated()
    }

    /// The same INVITE once more with credentials that answer a trunk's challenge (RFC 3261 §22.2). `None`: there are
    /// none, or they are refused.
    pub(crate) fn invite_signed(&mut self, response: &Response) -> Option<Request> {
        let outgoing = self.place.trunk.clone()?;
        if self.challenges >= CHALLENGES_MAX || !outgoing.trunk.challenged(response, self.nonce.as_deref()) {
            return None;
        }
        self.challenges += 1;
        self.repeated()
    }

    /// The INVITE under the next CSeq, what changes written anew.
    fn repeated(&mut self) -> Option<Request> {
        let last = self.invite.as_ref()?;
        let headers = last.headers();
        let number = headers.cseq().ok()?.number + 1;
        let mut builder = RequestBuilder::new(Method::Invite, last.uri_bytes());
        for field in headers.iter() {
            let written_anew = matches!(
                field.name,
                Name::CSeq
                    | Name::SessionExpires
                    | Name::MinSe
                    | Name::ContentLength
                    | Name::ContentType
                    | Name::Authorization
                    | Name::ProxyAuthorization
            );
            if !written_anew {
                builder = match field.name {
                    Name::Other => builder.named(&String::from_utf8_lossy(field.name_bytes), field.value),
                    name => builder.header(name, field.value),
                };
            }
        }
        builder = builder.header(Name::CSeq, &CSeq { number, method: Method::Invite });
        let credentials = self
            .place
            .trunk
            .as_ref()
            .and_then(|outgoing| outgoing.trunk.credentials(b"INVITE", last.uri_bytes(), &self.tag));
        if let Some((name, value, nonce)) = credentials {
            builder = builder.header(name, &value);
            self.nonce = Some(nonce);
        }
        let body = Some(last.body()).filter(|body| !body.is_empty());
        let request = finish(with_timer(builder, self.policy), body);
        self.invite = Some(request.clone());
        Some(request)
    }
}

fn supported(reliability: Reliability) -> &'static str {
    // What the caller cannot take reliably, it cannot have passed on reliably: an offer in a provisional
    // response would have nowhere to go.
    match reliability {
        Reliability::Unsupported => SUPPORTED,
        Reliability::Supported | Reliability::Required => "timer, replaces, join, 100rel",
    }
}

fn with_timer(builder: RequestBuilder, policy: Policy) -> RequestBuilder {
    let expires = SessionExpires { seconds: policy.session_expires, refresher: None };
    let builder = builder.header(Name::SessionExpires, &expires);
    // "The default value is 90 seconds" (RFC 4028 §5): then it need not be said.
    if policy.min_se > MIN_SE { builder.header(Name::MinSe, &policy.min_se) } else { builder }
}

fn finish(builder: RequestBuilder, body: Option<&Bytes>) -> Request {
    match body {
        Some(body) => builder.body(wire::SDP, body),
        None => builder.finish(),
    }
}

/// `"Ann" <sip:1001@example.org>`.
fn address(user: &str, name: Option<&str>, domain: &str) -> NameAddr {
    let uri = Uri::compose(Scheme::Sip, Some(user.as_bytes()), domain, None, "")
        .or_else(|_| Uri::compose(Scheme::Sip, Some(b"anonymous"), "anonymous.invalid", None, ""))
        .expect("a fixed URI is well formed");
    NameAddr::compose(name, &uri, None)
}
