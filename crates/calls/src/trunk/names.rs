//! The questions of RFC 3263, asked of the system's name servers.

use std::sync::Arc;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::{RData, RecordType};
use runtime::Runtime;
use sip::endpoint::Transport as Kind;
use sip::location::{Answer, Destination, Hop, Lookup, Naptr, Next, Question, Srv};

/// The transports that we choose among where the plan names none, the preferred one first (RFC 3263 §4.1). TLS is used where
/// the plan wants it: whom to believe is for an administrator to say.
const ABLE: [Kind; 2] = [Kind::Udp, Kind::Tcp];

/// The name service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Names {
    runtime: Runtime,
    /// Made at the first question, inside the executor.
    resolver: Arc<tokio::sync::OnceCell<TokioResolver>>,
}

impl Names {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self { runtime, resolver: Arc::default() }
    }

    /// The servers of a destination, in the order in which they are tried.
    ///
    /// # Errors
    /// The name service did not answer.
    pub(crate) async fn look_up(&self, destination: Destination) -> Result<Vec<Hop>, String> {
        let able: &[Kind] = if destination.secure { &[Kind::Tls] } else { &ABLE };
        let mut lookup = Lookup::new(destination, able);
        loop {
            match lookup.proceed() {
                Next::Done(hops) => return Ok(hops),
                Next::Unanswered => return Err("the name service did not answer".to_owned()),
                Next::Ask(question) => {
                    let answer = self.ask(&question).await;
                    lookup.answer(answer, &mut || self.draw());
                }
            }
        }
    }

    fn draw(&self) -> u32 {
        let mut bytes = [0; 4];
        self.runtime.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    async fn ask(&self, question: &Question) -> Answer {
        let make = || async { TokioResolver::builder_tokio()?.build() };
        let Ok(resolver) = self.resolver.get_or_try_init(make).await else { return Answer::Failed };
        match question {
            Question::Naptr(name) => {
                let found = resolver.lookup(absolute(name), RecordType::NAPTR).await;
                let records =
                    found.map(|found| found.answers().iter().filter_map(|r| naptr(&r.data)).collect());
                records.map_or_else(|error| refused(&error), Answer::Naptr)
            }
            Question::Srv(name) => {
                let found = resolver.srv_lookup(absolute(name)).await;
                let records =
                    found.map(|found| found.answers().iter().filter_map(|r| srv(&r.data)).collect());
                records.map_or_else(|error| refused(&error), Answer::Srv)
            }
            // As it is written: names of this machine, such as `localhost`, are in no zone.
            Question::Addresses(name) => match resolver.lookup_ip(name.as_str()).await {
                Ok(found) => Answer::Addresses(found.iter().collect()),
                Err(error) => refused(&error),
            },
        }
    }
}

/// A dot at the end: the name is complete, and no search list of this machine is tried.
fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

fn refused(error: &NetError) -> Answer {
    if error.is_no_records_found() { Answer::Nothing } else { Answer::Failed }
}

fn naptr(data: &RData) -> Option<Naptr> {
    let RData::NAPTR(naptr) = data else { return None };
    Some(Naptr {
        order: naptr.order,
        preference: naptr.preference,
        flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
        service: String::from_utf8_lossy(&naptr.services).into_owned(),
        replacement: naptr.replacement.to_string(),
    })
}

fn srv(data: &RData) -> Option<Srv> {
    let RData::SRV(srv) = data else { return None };
    let (priority, weight, port, target) = (srv.priority, srv.weight, srv.port, srv.target.to_string());
    Some(Srv { priority, weight, port, target })
}
