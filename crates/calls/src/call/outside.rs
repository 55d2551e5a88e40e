//! What only a leg over a trunk has: what it costs, and credentials within its dialog. A provider may challenge any
//! request of a call, not only the INVITE that began it (RFC 3261 §22.3).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sip::dialog::Dialog;
use sip::endpoint::{ClientTransaction, Target};
use sip::message::Edit;
use sip::{CSeq, Message, Method, Name, Request, RequestBuilder, Response};

use super::half::Half;
use super::house::{Context, House};
use super::pair::Pair;
use super::service::ServiceCall;
use super::{Call, Purpose};
use crate::guard::Charge;
use crate::place::Caller;
use crate::trunk::{Outgoing, Trunk};

/// Challenges that are answered for one request.
const CHALLENGES_MAX: u8 = 2;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Outside {
    trunk: Arc<Trunk>,
    /// Counts as long as the leg lives, wherever it goes.
    charge: Option<Arc<Charge>>,
    /// The latest request of ours within the dialog.
    asked: Option<Asked>,
    /// What our latest INVITE was signed with.
    signed: Option<Signed>,
}

/// Credentials of an INVITE, for its ACK.
#[derive(Clone, Debug)]
struct Signed {
    cseq: u32,
    /// Name and value of each field, in a buffer of its own: the INVITE is not kept for them.
    fields: Vec<(Name, Bytes)>,
}

#[derive(Clone, Debug)]
struct Asked {
    transaction: ClientTransaction,
    request: Request,
    challenges: u8,
}

impl Outside {
    /// Of a leg that was called over a trunk.
    pub(crate) fn called(outgoing: Option<&Arc<Outgoing>>, invite: &Request) -> Option<Box<Self>> {
        let outgoing = outgoing?;
        let (trunk, charge) = (Arc::clone(&outgoing.trunk), outgoing.charge.clone());
        Some(Box::new(Self { trunk, charge, asked: None, signed: Signed::of(invite) }))
    }

    /// Nobody will talk over this leg.
    pub(super) fn costs_nothing(&mut self) {
        self.charge = None;
    }

    /// Of a leg whose caller came in over a trunk.
    pub(crate) fn calling(caller: &Caller, house: &House) -> Option<Box<Self>> {
        let trunk = house.trunks.by_name(&caller.trunk.as_ref()?.name)?;
        Some(Box::new(Self { trunk, charge: None, asked: None, signed: None }))
    }

    /// How long the leg, which was answered, may last for what it costs.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.charge.as_ref().map(|charge| charge.time_left())
    }

    /// Adds credentials for the nonce that the trunk gave us last.
    pub(super) fn sign(&self, builder: RequestBuilder, method: &Method, dialog: &Dialog) -> RequestBuilder {
        let cnonce = String::from_utf8_lossy(&dialog.id().local_tag).into_owned();
        match self.trunk.credentials(method.as_bytes(), dialog.remote_target().as_bytes(), &cnonce) {
            Some((name, value, _)) => builder.header(name, &value),
            None => builder,
        }
    }

    /// "The ACK MUST contain the same credentials as the INVITE" (RFC 3261 §13.2.2.4): none can be asked for later (§22.1).
    pub(super) fn sign_ack(&self, builder: RequestBuilder, invite_cseq: u32) -> RequestBuilder {
        let signed = self.signed.iter().filter(|signed| signed.cseq == invite_cseq);
        signed
            .flat_map(|signed| &signed.fields)
            .fold(builder, |builder, (name, value)| builder.header(*name, value))
    }

    fn sent(&mut self, transaction: ClientTransaction, request: Request, challenges: u8) {
        if *request.method() == Method::Invite {
            self.signed = Signed::of(&request);
        }
        self.asked = Some(Asked { transaction, request, challenges });
    }

    /// The request that was refused so, once more with credentials. `None`: there are none, or they were refused.
    fn again(
        &mut self,
        transaction: ClientTransaction,
        response: &Response,
        dialog: &mut Dialog,
    ) -> Option<(Request, u8)> {
        let Asked { request, challenges, .. } =
            self.asked.take_if(|asked| asked.transaction == transaction)?;
        let headers = request.headers();
        let mut used =
            headers.credentials(Name::Authorization).chain(headers.credentials(Name::ProxyAuthorization));
        let nonce = used.next().map(|used| String::from_utf8_lossy(&used.nonce()).into_owned());
        if challenges >= CHALLENGES_MAX || !self.trunk.challenged(response, nonce.as_deref()) {
            return None;
        }
        let number = dialog.local_cseq() + 1;
        dialog.raise_local_cseq(number);
        let method = request.method().clone();
        let cnonce = String::from_utf8_lossy(&dialog.id().local_tag).into_owned();
        let (name, value, _) = self.trunk.credentials(method.as_bytes(), request.uri_bytes(), &cnonce)?;
        let edit = Edit::request(&request).replace(Name::CSeq, &CSeq { number, method });
        let edit = edit.remove(Name::Authorization).remove(Name::ProxyAuthorization).push(name, &value);
        match edit.finish() {
            Message::Request(request) => Some((request, challenges + 1)),
            Message::Response(_) => None,
        }
    }
}

impl Signed {
    /// `None`: it has no credentials.
    fn of(invite: &Request) -> Option<Self> {
        let headers = invite.headers();
        let copied = |name| headers.all(name).map(move |value| (name, Bytes::copy_from_slice(value)));
        let fields: Vec<_> = copied(Name::Authorization).chain(copied(Name::ProxyAuthorization)).collect();
        (!fields.is_empty()).then_some(Self { cseq: headers.cseq().ok()?.number, fields })
    }
}

impl Half {
    /// Is a request one of this dialog's, over a trunk?
    fn asks_outside(&self, request: &Request) -> bool {
        self.outside.is_some() && request.headers().call_id().is_ok_and(|id| id == self.dialog.id().call_id)
    }

    fn again(&mut self, transaction: ClientTransaction, response: &Response) -> Option<(Request, u8)> {
        self.outside.as_mut()?.again(transaction, response, &mut self.dialog)
    }
}

impl Call {
    /// Remembers a request within a dialog over a trunk, which may be challenged.
    pub(super) fn asked_outside(&mut self, transaction: ClientTransaction, request: &Request) {
        let mut halves = self.pairs.iter_mut().flat_map(Pair::halves_mut);
        if let Some(outside) =
            halves.find(|half| half.asks_outside(request)).and_then(|half| half.outside.as_mut())
        {
            outside.sent(transaction, request.clone(), 0);
        }
    }

    /// 401 or 407 within a dialog: the request goes out again with credentials (RFC 3261 §22.2), and what waits for its
    /// answer waits for that one. False when there is nothing to answer with.
    pub(super) fn answers_challenge_within(
        &mut self,
        (transaction, purpose): (ClientTransaction, Purpose),
        response: &Response,
        context: &mut Context<'_>,
    ) -> bool {
        let mut halves = self.pairs.iter_mut().flat_map(Pair::halves_mut);
        let again = halves.find_map(|half| {
            let (request, challenges) = half.again(transaction, response)?;
            Some((request, challenges, half.target(context.house)))
        });
        let Some((request, challenges, target)) = again else { return false };
        let Some(new) = self.send(request.clone(), &target, purpose, context) else { return false };
        let number = request.headers().cseq().map_or(0, |cseq| cseq.number);
        let mut halves = self.pairs.iter_mut().flat_map(Pair::halves_mut);
        if let Some(outside) =
            halves.find(|half| half.asks_outside(&request)).and_then(|half| half.outside.as_mut())
        {
            outside.sent(new, request, challenges);
        }
        let mut transits = self.pairs.iter_mut().flat_map(|pair| &mut pair.transits);
        if let Some(transit) = transits.find(|transit| transit.client == transaction) {
            (transit.client, transit.cseq) = (new, number);
        }
        true
    }
}

impl ServiceCall {
    /// Sends a request that may be challenged.
    pub(super) fn send_outside(
        &mut self,
        request: &Request,
        (target, challenges): (&Target, u8),
        context: &mut Context<'_>,
    ) -> Option<ClientTransaction> {
        let sent = context.endpoint.send_request(request.clone(), target, context.now.instant).ok()?;
        if let Some(outside) = &mut self.half.outside {
            outside.sent(sent, request.clone(), challenges);
        }
        Some(sent)
    }

    /// 401 or 407 within the dialog: the request goes out again with credentials.
    pub(super) fn answers_challenge(
        &mut self,
        transaction: ClientTransaction,
        method: Method,
        response: &Response,
        context: &mut Context<'_>,
    ) -> bool {
        let Some((request, challenges)) = self.half.again(transaction, response) else { return false };
        let target = self.half.target(context.house);
        let Some(sent) = self.send_outside(&request, (&target, challenges), context) else { return false };
        self.requests.push((sent, method));
        context.index.clients.insert(sent, self.id);
        true
    }
}
