//! A scripted phone: writes what the script says, and knows only as much as that needs.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use sip::{CSeq, Headers, Message, Method, Name, Request, RequestBuilder, Response, ResponseBuilder};

/// The address of the one with whom a phone speaks, as its own requests need it.
struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
}

pub struct Phone {
    pub name: String,
    pub number: String,
    pub address: SocketAddr,
    pub inbox: VecDeque<Message>,
    seen: BTreeSet<Bytes>,
    dialog: Option<Dialog>,
    invite: Option<Request>,
    accepted: Option<Response>,
    reliable: Option<Response>,
    requests: Vec<Request>,
    last_sent: Option<Bytes>,
    cseq: u32,
    session: u32,
    rseq: u32,
    server_key: Option<String>,
    /// Times that ICE began.
    ice: u32,
    /// Fragments and passwords of the server, the last one last.
    server_ice: Vec<(String, String)>,
    branches: u32,
    calls: u32,
}

/// What a sentence adds to a message: `with offer`, `with header Supported: 100rel`, `with body TYPE TEXT`.
#[derive(Default)]
pub struct Extras {
    pub session: Option<Session>,
    pub headers: Vec<(String, String)>,
    pub body: Option<(String, String)>,
    pub reliable: bool,
    pub to_method: Option<String>,
    /// Codecs other than PCMA and telephone events.
    pub codecs: Vec<String>,
    pub keys: Option<Keys>,
    /// It answers: its keys are for the line of the offer.
    pub is_answer: bool,
    /// Its keys are for another suite than it was offered.
    pub other_suite: bool,
    /// They are for a line that it was not offered.
    pub other_tag: bool,
    /// Its part in a handshake, when that is not the usual one.
    pub setup: Option<&'static str>,
    /// ICE begins anew.
    pub restarts: bool,
    /// It makes no checks.
    pub without_ice: bool,
}

/// What a description says of keys of SRTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keys {
    /// None.
    None,
    /// Some, beside plain RTP.
    Optional,
    /// Nothing without them.
    Insists,
    /// They are agreed on by DTLS.
    Handshake,
}

/// A session description by what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Session {
    /// Sound both ways.
    Plain,
    /// On hold: sendonly.
    Hold,
    /// The answer to a hold: recvonly.
    Held,
    /// No sound either way.
    Inactive,
    /// Sound and pictures.
    Video,
    /// Sound, and pictures refused by port 0.
    VideoRefused,
    /// Facsimile in the place of sound.
    Fax,
    /// Facsimile beside sound that is refused.
    FaxBeside,
    /// Only what this server does not carry.
    Encrypted,
    /// The same description as the time before.
    Same,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn value(headers: &Headers, name: Name) -> String {
    text(headers.first(name).unwrap_or_default())
}

impl Phone {
    pub fn new(name: &str, number: &str, address: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            number: number.to_owned(),
            address,
            inbox: VecDeque::new(),
            seen: BTreeSet::new(),
            dialog: None,
            invite: None,
            accepted: None,
            reliable: None,
            requests: Vec::new(),
            last_sent: None,
            cseq: 0,
            session: 0,
            rseq: 0,
            server_key: None,
            ice: 1,
            server_ice: Vec::new(),
            branches: 0,
            calls: 0,
        }
    }

    /// The key of what it sends, as it writes it.
    pub fn key(&self) -> String {
        let number: u32 = self.number.parse().expect("a number");
        format!("{}{}", "A".repeat(36), char::from(b'A' + (number % 16) as u8).to_string().repeat(4))
    }

    /// The key that the server has written to it last.
    pub fn key_heard(&self) -> Option<String> {
        self.server_key.clone()
    }

    /// What its certificate is known by.
    pub fn fingerprint(&self) -> String {
        let number: u32 = self.number.parse().expect("a number");
        format!("sha-256 {}", vec![format!("{:02X}", number % 256); 32].join(":"))
    }

    /// Fragments and passwords of the server, the last one last.
    pub fn ice_heard(&self) -> &[(String, String)] {
        &self.server_ice
    }

    /// Where the phone wants its sound.
    pub fn media(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), 4000)
    }

    /// A message arrives. Gives what the phone sends by itself: the ACK to a refusal of its INVITE.
    pub fn take(&mut self, bytes: Bytes) -> Option<Bytes> {
        let message = Message::parse(bytes.clone()).expect("the server writes well-formed messages");
        let body = text(message.body());
        if let Some(line) = body.lines().find(|line| line.starts_with("a=crypto:")) {
            self.server_key = line.split("inline:").nth(1).map(str::to_owned);
        }
        let attribute = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        if let (Some(fragment), Some(password)) = (attribute("a=ice-ufrag:"), attribute("a=ice-pwd:"))
            && self.server_ice.last().is_none_or(|(last, _)| *last != fragment)
        {
            self.server_ice.push((fragment, password));
        }
        if let Message::Response(response) = &message
            && response.status() >= 300
            && value(response.headers(), Name::CSeq).ends_with("INVITE")
        {
            let ack = self.refusal_ack(response);
            self.remember(bytes, message);
            return Some(ack);
        }
        self.remember(bytes, message);
        None
    }

    fn remember(&mut self, bytes: Bytes, message: Message) {
        // What the server repeats, the script hears once; 100 says nothing.
        if !self.seen.insert(bytes)
            || matches!(&message, Message::Response(response) if response.status() == 100)
        {
            return;
        }
        match &message {
            Message::Request(request) => {
                if *request.method() == Method::Invite && request.headers().to_tag().is_none() {
                    self.dialog = Some(self.called(request));
                    self.cseq = 100;
                }
                if *request.method() != Method::Ack {
                    self.requests.push(request.clone());
                }
            }
            Message::Response(response) => self.answered(response),
        }
        self.inbox.push_back(message);
    }

    fn called(&self, invite: &Request) -> Dialog {
        let headers = invite.headers();
        Dialog {
            call_id: value(headers, Name::CallId),
            local: format!("{};tag={}-tag", value(headers, Name::To), self.name),
            remote: value(headers, Name::From),
            target: headers.contact().expect("a Contact").uri().to_string(),
        }
    }

    fn answered(&mut self, response: &Response) {
        let headers = response.headers();
        if response.status() >= 300 || !value(headers, Name::CSeq).ends_with("INVITE") {
            return;
        }
        if headers.has(Name::RSeq) {
            self.reliable = Some(response.clone());
        }
        if response.is_success() {
            self.accepted = Some(response.clone());
        }
        if let (Some(dialog), Some(_), Ok(contact)) = (&mut self.dialog, headers.to_tag(), headers.contact())
        {
            dialog.target = contact.uri().to_string();
            if value(headers, Name::From) == dialog.local {
                dialog.remote = value(headers, Name::To);
            }
        }
    }

    fn branch(&mut self) -> String {
        self.branches += 1;
        format!("z9hG4bK-{}-{}", self.name, self.branches)
    }

    /// The phone's dialog as a Replaces names it to whoever is at its other end (RFC 3891 §3).
    pub fn replaces(&self) -> String {
        let dialog = self.dialog.as_ref().expect("a dialog");
        let tag = |address: &str| address.split("tag=").nth(1).unwrap_or_default().to_owned();
        format!("{};to-tag={};from-tag={}", dialog.call_id, tag(&dialog.remote), tag(&dialog.local))
    }

    /// Could the phone send this now? What it never got, it cannot answer or acknowledge.
    pub fn can_request(&self, method: &str) -> bool {
        match method {
            "CANCEL" => self.invite.is_some(),
            "ACK" => self.accepted.is_some(),
            "PRACK" => self.dialog.is_some() && self.reliable.is_some(),
            _ => self.dialog.is_some(),
        }
    }

    /// Is there a request that it could answer?
    pub fn can_respond(&self) -> bool {
        !self.requests.is_empty()
    }

    /// Has it sent anything?
    pub fn has_sent(&self) -> bool {
        self.last_sent.is_some()
    }

    /// Writes a request. The first INVITE of a call names its target.
    pub fn request(&mut self, method: &str, target: Option<&str>, extras: &Extras) -> Bytes {
        let parsed = Method::parse(&Bytes::copy_from_slice(method.as_bytes())).expect("a method");
        let bytes = match (parsed, target) {
            (Method::Cancel, _) => self.cancel(),
            (Method::Ack, _) => self.ack(extras),
            (method, Some(target)) => self.begin(method, target, extras),
            (method, None) => self.within(method, extras),
        };
        self.last_sent = Some(bytes.clone());
        bytes
    }

    /// The latest request or response once more, byte for byte.
    pub fn again(&self) -> Bytes {
        self.last_sent.clone().expect("something was sent before")
    }

    fn begin(&mut self, method: Method, target: &str, extras: &Extras) -> Bytes {
        self.calls += 1;
        self.cseq = 1;
        let call_id = format!("{}-call-{}", self.name, self.calls);
        let local = format!("<sip:{}@localhost>;tag={}-from{}", self.number, self.name, self.calls);
        let remote = format!("<{target}>");
        self.dialog = Some(Dialog { call_id, local, remote, target: target.to_owned() });
        self.reliable = None;
        self.accepted = None;
        self.write(method, extras)
    }

    fn within(&mut self, method: Method, extras: &Extras) -> Bytes {
        self.cseq += 1;
        self.write(method, extras)
    }

    fn write(&mut self, method: Method, extras: &Extras) -> Bytes {
        let branch = self.branch();
        let body = self.body(extras);
        let dialog = self.dialog.as_ref().expect("a dialog");
        let mut builder = RequestBuilder::new(method.clone(), dialog.target.as_bytes())
            .via("UDP", &self.address.to_string(), branch.as_bytes())
            .header(Name::From, dialog.local.as_str())
            .header(Name::To, dialog.remote.as_str())
            .header(Name::CallId, dialog.call_id.as_str())
            .header(Name::CSeq, &CSeq { number: self.cseq, method: method.clone() });
        if !extras.headers.iter().any(|(name, _)| name == "Contact") {
            builder =
                builder.header(Name::Contact, format!("<sip:{}@{}>", self.number, self.address).as_str());
        }
        if !extras.headers.iter().any(|(name, _)| name == "Max-Forwards") {
            builder = builder.header(Name::MaxForwards, "70");
        }
        if !extras.headers.iter().any(|(name, _)| name == "Allow") {
            builder = builder.header(Name::Allow, "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO");
        }
        if method == Method::Prack {
            let response = self.reliable.as_ref().expect("a reliable response");
            let headers = response.headers();
            let rack = format!("{} {}", value(headers, Name::RSeq), value(headers, Name::CSeq));
            builder = builder.header(Name::RAck, rack.as_str());
        }
        for (name, value) in extras.headers.iter().filter(|(_, value)| value != "none") {
            builder = builder.named(name, value.as_str());
        }
        let request = match body {
            Some((kind, body)) => builder.body(&kind, body.as_bytes()),
            None => builder.finish(),
        };
        if method == Method::Invite {
            self.invite = Some(request.clone());
        }
        request.bytes().clone()
    }

    /// ACK to the latest 2xx.
    fn ack(&mut self, extras: &Extras) -> Bytes {
        let branch = self.branch();
        let body = self.body(extras);
        let accepted = self.accepted.as_ref().expect("a 2xx");
        let headers = accepted.headers();
        let number = headers.cseq().expect("CSeq").number;
        let target = headers.contact().expect("a Contact").uri().to_string();
        let builder = RequestBuilder::new(Method::Ack, target.as_bytes())
            .via("UDP", &self.address.to_string(), branch.as_bytes())
            .header(Name::MaxForwards, "70")
            .copy(headers, Name::From)
            .copy(headers, Name::To)
            .copy(headers, Name::CallId)
            .header(Name::CSeq, &CSeq { number, method: Method::Ack });
        let request = match body {
            Some((kind, body)) => builder.body(&kind, body.as_bytes()),
            None => builder.finish(),
        };
        request.bytes().clone()
    }

    fn cancel(&mut self) -> Bytes {
        self.hop_by_hop(Method::Cancel, None)
    }

    fn refusal_ack(&mut self, refusal: &Response) -> Bytes {
        self.hop_by_hop(Method::Ack, Some(value(refusal.headers(), Name::To)))
    }

    fn hop_by_hop(&mut self, method: Method, to: Option<String>) -> Bytes {
        let invite = self.invite.as_ref().expect("an INVITE");
        let headers = invite.headers();
        let number = headers.cseq().expect("CSeq").number;
        let to = to.unwrap_or_else(|| value(headers, Name::To));
        let request = RequestBuilder::new(method.clone(), invite.uri_bytes())
            .copy(headers, Name::Via)
            .header(Name::MaxForwards, "70")
            .copy(headers, Name::From)
            .header(Name::To, to.as_str())
            .copy(headers, Name::CallId)
            .header(Name::CSeq, &CSeq { number, method })
            .finish();
        request.bytes().clone()
    }

    /// Writes a response to the latest request (of a method, when one is named).
    pub fn response(&mut self, status: u16, extras: &Extras) -> Bytes {
        let wanted = extras.to_method.as_deref();
        let of_method =
            |request: &&Request| wanted.is_none_or(|method| request.method().as_bytes() == method.as_bytes());
        let request = self.requests.iter().rev().find(of_method).expect("a request to answer").clone();
        let tag = format!("{}-tag", self.name);
        let mut builder: ResponseBuilder = Response::to(&request, status, Some(tag.as_bytes()));
        if matches!(*request.method(), Method::Invite | Method::Update) && status < 300 {
            builder =
                builder.header(Name::Contact, format!("<sip:{}@{}>", self.number, self.address).as_str());
        }
        if !extras.headers.iter().any(|(name, _)| name == "Allow") {
            builder = builder.header(Name::Allow, "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, INFO");
        }
        if extras.reliable {
            self.rseq += 1;
            builder = builder.header(Name::Require, "100rel").header(Name::RSeq, &self.rseq);
        }
        for (name, value) in &extras.headers {
            builder = builder.named(name, value.as_str());
        }
        let response = match self.body(extras) {
            Some((kind, body)) => builder.body(&kind, body.as_bytes()),
            None => builder.finish(),
        };
        let bytes = response.bytes().clone();
        self.last_sent = Some(bytes.clone());
        bytes
    }

    fn body(&mut self, extras: &Extras) -> Option<(String, String)> {
        if let Some(session) = extras.session {
            return Some(("application/sdp".to_owned(), self.describe(session, extras)));
        }
        extras.body.clone()
    }

    fn describe(&mut self, session: Session, extras: &Extras) -> String {
        if session != Session::Same {
            self.session += 1;
        }
        let host = self.address.ip();
        let (protocol, more) = match session {
            Session::Plain | Session::Same | Session::Fax | Session::FaxBeside => ("RTP/AVP", String::new()),
            Session::Hold => ("RTP/AVP", "a=sendonly\r\n".to_owned()),
            Session::Held => ("RTP/AVP", "a=recvonly\r\n".to_owned()),
            Session::Inactive => ("RTP/AVP", "a=inactive\r\n".to_owned()),
            Session::Video => ("RTP/AVP", "m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n".to_owned()),
            Session::VideoRefused => ("RTP/AVP", "m=video 0 RTP/AVP 97\r\n".to_owned()),
            Session::Encrypted => {
                ("RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n".to_owned())
            }
        };
        let head = format!(
            "v=0\r\no={} {} {} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n",
            self.name, self.number, self.session
        );
        let fax = "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\na=T38FaxRateManagement:transferredTCF\r\n";
        match session {
            Session::Fax => return head + fax,
            Session::FaxBeside => return head + "m=audio 0 RTP/AVP 8\r\n" + fax,
            _ => {}
        }
        let (formats, mut maps) = formats(&extras.codecs);
        let protocol = match extras.keys {
            Some(Keys::Insists) => "RTP/SAVP",
            Some(Keys::Handshake) => "UDP/TLS/RTP/SAVPF",
            _ => protocol,
        };
        if extras.keys == Some(Keys::Handshake) {
            self.ice += u32::from(extras.restarts);
            maps += &self.handshake(extras);
        }
        if matches!(extras.keys, Some(Keys::Insists | Keys::Optional)) {
            maps += "a=crypto:9 F8_128_HMAC_SHA1_80 inline:AAAA\r\n";
            let tag = if extras.is_answer && !extras.other_tag { 1 } else { 4 };
            let length = if extras.other_suite { 32 } else { 80 };
            let suite = format!("AES_CM_128_HMAC_SHA1_{length}");
            maps += &format!("a=crypto:{tag} {suite} inline:{}|2^31\r\n", self.key());
        }
        format!("{head}m=audio 4000 {protocol}{formats}\r\n{maps}{more}")
    }
}

impl Phone {
    /// What a browser says, with what only its bundle understands.
    fn handshake(&self, extras: &Extras) -> String {
        let usual = if extras.is_answer { "active" } else { "actpass" };
        let mut lines = format!(
            "a=mid:0\r\na=setup:{}\r\na=fingerprint:{}\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=ssrc:77 cname:{}\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=msid:stream track\r\n",
            extras.setup.unwrap_or(usual),
            self.fingerprint(),
            self.name,
        );
        if !extras.without_ice {
            let host = self.address.ip();
            lines += &format!(
                "a=ice-ufrag:{}{}\r\na=ice-pwd:password-of-twenty-two\r\na=candidate:1 1 udp 1 {host} 4000 typ host\r\n",
                self.name, self.ice
            );
        }
        lines
    }
}

/// The payload types of these codecs, and the lines that explain them; those of a usual phone when none are named.
fn formats(codecs: &[String]) -> (String, String) {
    let usual = ["PCMA".to_owned(), "events".to_owned()];
    let codecs = if codecs.is_empty() { &usual } else { codecs };
    let known = |name: &str| match name {
        "PCMU" => "0 PCMU/8000",
        "PCMA" => "8 PCMA/8000",
        "G722" => "9 G722/8000",
        "G729" => "18 G729/8000",
        "opus" => "96 opus/48000/2",
        "events" => "101 telephone-event/8000",
        _ => panic!("no codec is called {name}"),
    };
    let mut out = (String::new(), String::new());
    for map in codecs.iter().map(|name| known(name)) {
        out.0 += &format!(" {}", map.split(' ').next().unwrap_or_default());
        out.1 += &format!("a=rtpmap:{map}\r\n");
    }
    out
}
