//! What a shard's rooms share: the endpoint to answer by, and the tables of the whole server.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use model::BareJid;
use presence::Engine;
use runtime::Runtime;
use sip::endpoint::{Endpoint, Flow, ServerTransaction};
use sip::{Name, Request, Response, ResponseBuilder, Uri};
use store::Store;

use super::mailbox::Mailbox;
use crate::MessageGateway;
use crate::admission::Pools;
use crate::authentication::Authentication;
use crate::call::{House, Now, Reception};
use crate::dialplan::{DialPlan, Resolution};
use crate::events::{Publications, WatchCounts};
use crate::features::line_settings::LineTable;
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::registrar::Registrar;
use crate::trunk::{Names, Trunks};

/// The methods that this server answers anywhere (RFC 3261 §20.5).
pub(crate) const ALLOW_ALL: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, REGISTER, MESSAGE, SUBSCRIBE, NOTIFY, PUBLISH";
/// Retry-After of a 503, in seconds.
const RETRY_AFTER_SECONDS: u32 = 5;

/// The tables of the whole server.
pub(crate) struct Rooms {
    pub runtime: Runtime,
    pub store: Store,
    pub plan: Arc<ArcSwap<DialPlan>>,
    /// What the users of lines have set.
    pub lines: Arc<LineTable>,
    pub registrar: Arc<Registrar>,
    pub authentication: Authentication,
    pub engine: Arc<Engine>,
    pub publications: Publications,
    pub gateway: ArcSwapOption<Gateway>,
    /// Who changes something waits for whoever does.
    pub changing: Changing,
    /// What answers callers before people do.
    pub reception: Reception,
    /// The ways to other systems.
    pub trunks: Arc<Trunks>,
    /// What calls out may cost.
    pub guard: Arc<Guard>,
    /// The name service, for trunks.
    pub names: Names,
    /// The bandwidth between places.
    pub pools: Arc<Pools>,
}

/// Held while something is read or kept and put in place, so that what is older never follows what is newer.
#[derive(Default)]
pub(crate) struct Changing {
    /// The dial plan.
    pub plan: tokio::sync::Mutex<()>,
    /// The settings of a line.
    pub lines: tokio::sync::Mutex<()>,
}

/// A gateway, behind a thin pointer.
pub(crate) struct Gateway(pub Arc<dyn MessageGateway>);

/// What handles one input.
pub(crate) struct Desk<'a> {
    pub endpoint: &'a mut Endpoint,
    pub house: &'a House,
    pub rooms: &'a Arc<Rooms>,
    pub metrics: &'a Metrics,
    pub mailbox: &'a Arc<Mailbox>,
    pub watch_counts: &'a WatchCounts,
    pub now: Now,
}

impl Desk<'_> {
    /// Begins a response, with a To tag of ours when the request has none.
    pub(crate) fn response(&mut self, request: &Request, status: u16) -> ResponseBuilder {
        let tag = self.endpoint.new_tag();
        Response::to(request, status, Some(tag.as_bytes())).header(Name::Server, &self.house.product)
    }

    /// Begins a response that is the same for every repetition of the request.
    pub(crate) fn stateless_response(&mut self, request: &Request, status: u16) -> ResponseBuilder {
        let tag = self.endpoint.stateless_tag(request);
        Response::to(request, status, Some(&tag)).header(Name::Server, &self.house.product)
    }

    /// Sends a response, and forgets the request.
    pub(crate) fn respond_stateless(&mut self, transaction: ServerTransaction, response: &Response) {
        self.metrics.response(response.status());
        self.endpoint.respond_stateless(transaction, response);
    }

    /// Sends a response.
    pub(crate) fn respond(&mut self, transaction: ServerTransaction, response: &Response) {
        self.metrics.response(response.status());
        self.endpoint.respond(transaction, response, self.now.instant);
    }

    /// Answers with a status, and what the RFCs want beside it.
    pub(crate) fn answer(&mut self, transaction: ServerTransaction, request: &Request, status: u16) {
        if status == 503 {
            // Who is told that there is no room takes none.
            let builder = self.stateless_response(request, status);
            let response = builder.header(Name::RetryAfter, &RETRY_AFTER_SECONDS).finish();
            return self.respond_stateless(transaction, &response);
        }
        let builder = self.response(request, status);
        let builder = match status {
            405 => builder.header(Name::Allow, ALLOW_ALL),
            489 => builder.header(Name::AllowEvents, crate::events::ALLOW_EVENTS),
            _ => builder,
        };
        self.respond(transaction, &builder.finish());
    }

    /// Is this host one of our names: the domain, or the address that the phone sees of us?
    pub(crate) fn is_ours(&self, host: &[u8], flow: &Flow) -> bool {
        if host.eq_ignore_ascii_case(self.house.domain.as_bytes()) {
            return true;
        }
        let address =
            std::str::from_utf8(host).ok().and_then(|text| text.trim_matches(['[', ']']).parse().ok());
        address.is_some_and(|address: IpAddr| {
            address.to_canonical() == flow.local.ip().to_canonical()
                || Some(address) == self.house.addresses.sip_advertise
        })
    }

    /// The user part of an address of ours, unescaped; `None` when it has none or is not UTF-8.
    pub(crate) fn user_of(&self, uri: &Uri) -> Option<String> {
        String::from_utf8(uri.user_decoded()?.into_owned()).ok()
    }

    /// Is there such a number or name at all?
    pub(crate) fn is_there(&self, dialled: &str) -> bool {
        matches!(self.rooms.plan.load().address(dialled, self.now.civil), Resolution::Lines(_))
    }

    /// Our address for a user.
    pub(crate) fn address_of(&self, user: &BareJid) -> String {
        let name = user.node().map_or("", |node| node.as_str());
        self.address(name)
    }

    /// `sip:<user>@<domain>`, escaped.
    pub(crate) fn address(&self, user: &str) -> String {
        let uri = Uri::compose(sip::uri::Scheme::Sip, Some(user.as_bytes()), &self.house.domain, None, "");
        uri.map_or_else(|_| format!("sip:{}", self.house.domain), |uri| uri.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::ALLOW;

    #[test]
    fn every_method_of_calls_is_allowed() {
        for method in ALLOW.split(", ") {
            assert!(ALLOW_ALL.split(", ").any(|allowed| allowed == method), "{method}");
        }
    }
}
