//! What goes from end to end without a meaning for the call (INFO), and whether an end holds the call.

use sip::endpoint::ServerTransaction;
use sip::sdp::Direction;
use sip::{Method, Name, Request};

use super::describe::Description;
use super::house::Context;
use super::talking::Passed;
use super::{Call, End, Phase, wire};
use crate::snapshot::{Cause, ConnectionState, Event};

/// The longest INFO body that is passed on, in bytes: digits and picture requests are far shorter.
const INFO_BYTES_MAX: usize = 4096;

impl Call {
    /// Digits (`application/dtmf-relay`) and what else phones say by INFO go to the other end as they are
    /// (RFC 2976 usage; RFC 6086 §3).
    pub(super) fn pass_info_on(
        &mut self,
        pair: usize,
        from: End,
        transaction: ServerTransaction,
        request: Request,
        context: &mut Context<'_>,
    ) {
        if self.phase != Phase::Answered(pair) || request.body().is_empty() {
            let status = if request.body().is_empty() { 200 } else { 481 };
            let response = wire::response(context.house, &request, status, None).finish();
            return context.endpoint.respond(transaction, &response, context.now.instant);
        }
        if request.body().len() > INFO_BYTES_MAX {
            return wire::refuse(context, transaction, &request, 413);
        }
        let headers = request.headers();
        let kind =
            String::from_utf8_lossy(headers.first(Name::ContentType).unwrap_or(b"application/octet-stream"));
        let out = self.pairs[pair]
            .half_mut(from.other())
            .request(Method::Info, context.house)
            .copy(headers, Name::InfoPackage)
            .copy(headers, Name::ContentDisposition)
            .body(&kind, request.body());
        let passed = Passed { from, transaction, request, carrier: None, sent: None, offer: None };
        self.send_on(pair, passed, out, context);
    }

    /// Shows whether the end that changed the session holds the call now (RFC 3264 §8.4).
    pub(super) fn show_hold(&mut self, pair: usize, end: End, context: &Context<'_>) {
        let direction = self.pairs[pair].half(end).heard.as_ref().map(Description::direction);
        let connection = self.connection(pair, end);
        let was = self.view.state(connection);
        match (direction, was) {
            (Some(Direction::SendOnly | Direction::Inactive), ConnectionState::Connected) => {
                self.show(connection, ConnectionState::Hold, Event::Held, Cause::NormalClearing, context);
            }
            (Some(Direction::SendRecv | Direction::RecvOnly), ConnectionState::Hold) => {
                self.show(
                    connection,
                    ConnectionState::Connected,
                    Event::Retrieved,
                    Cause::NormalClearing,
                    context,
                );
            }
            _ => {}
        }
    }
}
