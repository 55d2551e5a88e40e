//! Answers that go out later: wrong credentials are told late, so that time tells nothing about accounts.

use std::collections::BTreeMap;
use std::time::Instant;

use sip::Response;
use sip::endpoint::ServerTransaction;

/// Answers that wait at once; more go out at once.
const WAITING_MAX: usize = 10_000;

/// The answers that wait.
#[derive(Default)]
pub(super) struct Late {
    waiting: BTreeMap<(Instant, u64), (ServerTransaction, Response)>,
    count: u64,
}

impl Late {
    /// Puts an answer off until `at`.
    ///
    /// # Errors
    /// Too many wait: the answer comes back, to go out now.
    pub(super) fn put(
        &mut self,
        transaction: ServerTransaction,
        response: Response,
        at: Instant,
    ) -> Result<(), Box<Response>> {
        if self.waiting.len() >= WAITING_MAX {
            return Err(Box::new(response));
        }
        self.count += 1;
        self.waiting.insert((at, self.count), (transaction, response));
        Ok(())
    }

    /// The next answer that is due.
    pub(super) fn due(&mut self, now: Instant) -> Option<(ServerTransaction, Response)> {
        let ((at, _), _) = self.waiting.first_key_value()?;
        if *at > now {
            return None;
        }
        self.waiting.pop_first().map(|(_, answer)| answer)
    }

    /// When the next one is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sip::endpoint::{Config, Endpoint, Event, Flow, Output, Transport};
    use sip::{CSeq, Method, Name, RequestBuilder};

    use super::*;

    /// The transaction of a request, and a response to it.
    fn request(endpoint: &mut Endpoint, number: u32, now: Instant) -> (ServerTransaction, Response) {
        let request = RequestBuilder::new(Method::Options, b"sip:b@h")
            .via("UDP", "192.0.2.9:5060", format!("z9hG4bK{number}").as_bytes())
            .header(Name::From, "<sip:a@h>;tag=1")
            .header(Name::To, "<sip:b@h>")
            .header(Name::CallId, &format!("c{number}"))
            .header(Name::MaxForwards, &70_u32)
            .header(Name::CSeq, &CSeq { number, method: Method::Options })
            .finish();
        let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "192.0.2.9:5060".parse().unwrap());
        let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
        endpoint.handle_message(sip::Message::Request(request), flow, now);
        match endpoint.poll_output() {
            Some(Output::Event(Event::Request { transaction, request, .. })) => {
                (transaction, Response::to(&request, 401, Some(b"t")).finish())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_go_out_at_their_moments_whatever_order_they_were_put_in() {
        let now = runtime::Runtime::real().now();
        let after = |millis| now + Duration::from_millis(millis);
        let mut endpoint = Endpoint::new(Config::default(), [7; 32]);
        let mut late = Late::default();
        let asked = [1, 2, 3].map(|number| request(&mut endpoint, number, now));
        for ((transaction, response), at) in asked.iter().zip([100, 50, 100]) {
            late.put(*transaction, response.clone(), after(at)).unwrap();
        }
        assert_eq!(late.next_timeout(), Some(after(50)));
        assert!(late.due(after(49)).is_none());
        let due = |late: &mut Late, at| late.due(after(at)).map(|(transaction, _)| transaction);
        assert_eq!(due(&mut late, 50), Some(asked[1].0));
        assert_eq!(due(&mut late, 99), None);
        assert_eq!([due(&mut late, 100), due(&mut late, 100)], [Some(asked[0].0), Some(asked[2].0)]);
        assert_eq!(late.next_timeout(), None);
    }
}
