//! Plays `tests/sip/events/*.sip`: phones on loopback sockets that watch, and what they are told.
//!
//! A script has one sentence a line; `#` begins a remark:
//!
//! - `phones ann=1001 lobby=1009` sets up phones; `-tcp` behind the number takes a stream
//! - `plan TEXT`, line by line, and `plan applies`: the dial plan of these lines takes effect
//! - `ann registers`, `ann unregisters`, `line 2000 is added`
//! - `ann subscribes dialog 1002` (or `presence bob`), `ann subscribes dialog list 1002,1009`, with any number of
//!   `with header NAME: VALUE` behind it; `ann refreshes`, `ann unsubscribes`
//! - `ann gets 200`, with `with header NAME: PART` behind it
//! - `ann is told PART`: a NOTIFY came whose header or body has this part; ` and PART`, ` but not PART` behind it; it
//!   is answered 200, or as ` answering STATUS` says at the end
//! - `lobby is called by ann`: a call rings; `ann hangs up`: it ends
//! - `ann hears nothing`: nothing came within a moment

use std::path::{Path, PathBuf};
use std::time::Duration;

use calls::dialplan::{Kept, keep, kept};
use model::Timestamp;
use sip::{CSeq, Message, Method, Name, Request, Response};

use crate::phone::{DOMAIN, House, Phone};

/// How long nothing must come for somebody to hear nothing.
const SILENCE: Duration = Duration::from_millis(150);

struct Stage {
    house: House,
    phones: Vec<Actor>,
    plan: String,
}

struct Actor {
    name: String,
    phone: Phone,
    answer: Option<Response>,
    /// What has come and was not yet looked at.
    heard: Vec<Message>,
    invite: Option<Request>,
    /// The package of the last subscription.
    event: String,
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sip/events")
}

/// Plays a script.
pub async fn play(file: &str) {
    let text = std::fs::read_to_string(folder().join(file)).expect("the script is there");
    let mut stage = Stage { house: House::open().await, phones: Vec::new(), plan: String::new() };
    for (number, line) in text.lines().enumerate() {
        let sentence = line.trim();
        if sentence.is_empty() || sentence.starts_with('#') {
            continue;
        }
        if let Err(fault) = stage.act(sentence).await {
            panic!("{file}:{}: {sentence}\n{fault}", number + 1);
        }
    }
}

impl Stage {
    async fn act(&mut self, sentence: &str) -> Result<(), String> {
        let (subject, rest) = sentence.split_once(' ').ok_or("who does what?")?;
        match subject {
            "phones" => {
                for pair in rest.split(' ') {
                    let (name, number) = pair.split_once('=').ok_or("name=number")?;
                    let phone = match number.strip_suffix("-tcp") {
                        Some(number) => Phone::tcp(&self.house, number).await,
                        None => Phone::udp(&self.house, number).await,
                    };
                    let name = name.to_owned();
                    self.phones.push(Actor {
                        name,
                        phone,
                        answer: None,
                        heard: Vec::new(),
                        invite: None,
                        event: String::new(),
                    });
                }
                Ok(())
            }
            "plan" if rest == "applies" => {
                let document = std::mem::take(&mut self.plan);
                model::plan::Plan::read(&document).map_err(|error| error.to_string())?;
                let old = kept(&self.house.store).await.map_err(|error| error.to_string())?;
                keep(&self.house.store, Kept { document, ..old }, Timestamp(0))
                    .await
                    .map_err(|error| error.to_string())?;
                self.house.calls.take_plan().await.map_err(|error| error.to_string())
            }
            "plan" => {
                self.plan.push_str(rest);
                self.plan.push('\n');
                Ok(())
            }
            "line" => {
                let number = rest.strip_suffix(" is added").ok_or("line N is added")?;
                self.house.add_line(number).await;
                Ok(())
            }
            name => {
                if let Some(caller) = rest.strip_prefix("is called by ") {
                    return self.call(name, caller).await;
                }
                let actor = self.phones.iter_mut().find(|actor| actor.name == name).ok_or("no such phone")?;
                actor.act(rest).await
            }
        }
    }

    async fn call(&mut self, callee: &str, caller: &str) -> Result<(), String> {
        let place =
            |name: &str| self.phones.iter().position(|actor| actor.name == name).ok_or("no such phone");
        let (callee, caller) = (place(callee)?, place(caller)?);
        let number = self.phones[callee].phone.number.clone();
        let actor = &mut self.phones[caller];
        let own = actor.phone.number.clone();
        let build = |phone: &mut Phone| phone.request(Method::Invite, &number).finish();
        let (invite, mut heard) = actor.phone.send_signed(&own, &format!("pw{own}"), build).await;
        actor.heard.append(&mut heard);
        actor.invite = Some(invite);
        let invite = self.phones[callee].request(Method::Invite).await?;
        self.phones[callee].phone.answer(&invite, 180).await;
        Ok(())
    }
}

impl Actor {
    async fn act(&mut self, deed: &str) -> Result<(), String> {
        let (verb, rest) = deed.split_once(' ').unwrap_or((deed, ""));
        match verb {
            "registers" => self.register("3600").await,
            "unregisters" => self.register("0").await,
            "subscribes" => self.subscribe(rest).await,
            "refreshes" => self.again("3600").await,
            "unsubscribes" => self.again("0").await,
            "gets" => self.gets(rest),
            "is" => self.told(rest.strip_prefix("told ").ok_or("told what?")?).await,
            "hangs" => self.cancel().await,
            "hears" => loop {
                match self.next(SILENCE).await {
                    Some(Message::Response(_)) => {}
                    Some(message) => return Err(shown(&message)),
                    None => return Ok(()),
                }
            },
            _ => Err(format!("what is `{verb}`?")),
        }
    }

    /// Asks with credentials; what comes in between is kept.
    async fn ask(&mut self, build: impl FnMut(&mut Phone) -> Request) -> Response {
        let number = self.phone.number.clone();
        let (answer, mut heard) = self.phone.ask_among(&number, &format!("pw{number}"), build).await;
        self.heard.append(&mut heard);
        answer
    }

    async fn register(&mut self, expires: &str) -> Result<(), String> {
        let build =
            |phone: &mut Phone| phone.request(Method::Register, "").header(Name::Expires, expires).finish();
        let answer = self.ask(build).await;
        if answer.status() == 200 { Ok(()) } else { Err(format!("{answer:?}")) }
    }

    async fn subscribe(&mut self, what: &str) -> Result<(), String> {
        let (what, headers) = headers(what)?;
        let words: Vec<&str> = what.split_whitespace().collect();
        let (target, list) = match words.as_slice() {
            [_, "list", members] => (self.phone.number.clone(), Some(list(members))),
            [_, target] => ((*target).to_owned(), None),
            _ => return Err("PACKAGE TARGET, or PACKAGE list A,B".to_owned()),
        };
        let answer = self
            .ask(|phone| {
                let mut request = phone.request(Method::Subscribe, &target).header(Name::Event, words[0]);
                for (name, value) in &headers {
                    request = request.named(name, value.as_str());
                }
                match &list {
                    Some(list) => request
                        .header(Name::Require, "recipient-list-subscribe")
                        .header(Name::ContentDisposition, "recipient-list")
                        .body("application/resource-lists+xml", list.as_bytes()),
                    None => request.finish(),
                }
            })
            .await;
        self.event = words[0].to_owned();
        self.answer = Some(answer);
        Ok(())
    }

    /// A SUBSCRIBE within the dialog of the last one.
    async fn again(&mut self, expires: &str) -> Result<(), String> {
        let first = self.answer.clone().ok_or("nothing was subscribed")?;
        let headers = first.headers();
        let text = |name| String::from_utf8_lossy(headers.first(name).unwrap_or_default()).into_owned();
        let target = headers.contact().map_err(|e| e.to_string())?.uri().to_string();
        let request = self
            .phone
            .request(Method::Subscribe, "")
            .header(Name::Event, &self.event)
            .header(Name::Expires, expires)
            .finish();
        let request = sip::message::Edit::request(&request)
            .uri(target.as_bytes())
            .replace(Name::From, &text(Name::From))
            .replace(Name::To, &text(Name::To))
            .replace(Name::CallId, &text(Name::CallId))
            .finish();
        self.phone.send(&request.bytes().clone()).await;
        loop {
            match self.phone.receive().await.ok_or("the connection is gone")? {
                Message::Response(response) if response.status() == 100 => {}
                Message::Response(response) => {
                    self.answer = Some(response);
                    return Ok(());
                }
                message @ Message::Request(_) => self.heard.push(message),
            }
        }
    }

    fn gets(&mut self, what: &str) -> Result<(), String> {
        let (status, headers) = headers(what)?;
        let answer = self.answer.as_ref().ok_or("nothing was asked")?;
        if answer.status().to_string() != status {
            return Err(format!("{}", String::from_utf8_lossy(answer.bytes())));
        }
        for (name, part) in headers {
            let found =
                answer.headers().named(name.as_bytes()).map(|v| String::from_utf8_lossy(v).into_owned());
            if !found.as_ref().is_some_and(|found| found.contains(&part)) {
                return Err(format!("{name} is {found:?}"));
            }
        }
        Ok(())
    }

    async fn told(&mut self, what: &str) -> Result<(), String> {
        let (what, status) = what.split_once(" answering ").unwrap_or((what, "200"));
        let (wanted, unwanted) = what.split_once(" but not ").unwrap_or((what, ""));
        let notify = self.request(Method::Notify).await?;
        self.phone.answer(&notify, status.parse().map_err(|_| "a status")?).await;
        let text = String::from_utf8_lossy(notify.bytes()).into_owned();
        for part in wanted.split(" and ") {
            if !text.contains(part) {
                return Err(format!("without {part}:\n{text}"));
            }
        }
        match unwanted.split(" and ").find(|part| !part.is_empty() && text.contains(part)) {
            Some(part) => Err(format!("with {part}:\n{text}")),
            None => Ok(()),
        }
    }

    async fn cancel(&mut self) -> Result<(), String> {
        let invite = self.invite.take().ok_or("there is no call")?;
        let cseq = CSeq {
            number: invite.headers().cseq().map_err(|e| e.to_string())?.number,
            method: Method::Cancel,
        };
        let mut cancel = sip::RequestBuilder::new(Method::Cancel, invite.uri_bytes());
        for name in [Name::Via, Name::MaxForwards, Name::From, Name::To, Name::CallId] {
            cancel = cancel.copy(invite.headers(), name);
        }
        let cancel = cancel.header(Name::CSeq, &cseq).finish();
        self.phone.send(&cancel.bytes().clone()).await;
        Ok(())
    }

    /// The next request, which must be this.
    async fn request(&mut self, method: Method) -> Result<Request, String> {
        loop {
            match self.next(crate::phone::PATIENCE).await.ok_or("nothing came")? {
                Message::Request(request) if *request.method() == method => return Ok(request),
                // What becomes of calls is looked at elsewhere.
                Message::Response(_) => {}
                other => return Err(shown(&other)),
            }
        }
    }

    async fn next(&mut self, patience: Duration) -> Option<Message> {
        if !self.heard.is_empty() {
            return Some(self.heard.remove(0));
        }
        self.phone.receive_within(patience).await
    }
}

fn shown(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}

/// What stands before ` with header NAME: VALUE`, and these.
fn headers(text: &str) -> Result<(String, Vec<(String, String)>), String> {
    let mut parts = text.split(" with header ");
    let what = parts.next().unwrap_or_default().trim().to_owned();
    let pair = |part: &str| part.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers = parts.map(|part| pair(part).ok_or("a header has a name and a value"));
    Ok((what, headers.collect::<Result<_, _>>()?))
}

/// `application/resource-lists+xml` of numbers, names or whole addresses.
fn list(members: &str) -> String {
    let entry = |member: &str| match member.contains('@') {
        true => format!("<entry uri=\"sip:{member}\"/>"),
        false => format!("<entry uri=\"sip:{member}@{DOMAIN}\"/>"),
    };
    let entries: String = members.split(',').map(entry).collect();
    format!("<?xml version=\"1.0\"?><resource-lists><list>{entries}</list></resource-lists>")
}
