//! The task of a session: reads, writes, counts, answers, and begins again when the connection breaks.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jid::FullJid;
use runtime::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use xmpp::sm::{ACK_REQUEST, Outbound, Signal, UNACKED_STANZAS_MAX};
use xmpp::xep::{ping, roster};
use xmpp::{
    Builder, Condition, Context, Frame, Framer, Kind, Stanza, StanzaError, StreamCondition, StreamError, ns,
};

use super::event::{Ending, Event, Message, Presence};
use super::requests::{Answer, Requests};
use super::sign_in::{Access, Entered, Stream};
use super::{Error, Options};

/// What may wait for the socket before no further command is taken, in bytes.
const OUT_BYTES_MAX: usize = 65_536;
/// How long the server may take to close its side, in time.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(2);
/// The wait before the first new connection; doubled for each further one, in time.
const RECONNECT_DELAY_MIN: Duration = Duration::from_millis(100);

/// What the owner wants.
pub(super) enum Command {
    Send(Bytes),
    Request { id: String, to: Option<String>, stanza: Bytes, answer: oneshot::Sender<Answer> },
    Acknowledged(oneshot::Sender<()>),
    Sever,
    Close(oneshot::Sender<()>),
}

/// Where stream management stands (XEP-0198 §3).
enum Counting {
    Off,
    /// `<enable/>` is out.
    Asked,
    /// Both sides count; the identifier to resume by, if the server gave one.
    On(Option<String>),
}

/// Why one connection is over.
enum Over {
    Broken(io::Error),
    /// We have what the session needed.
    Ended(Ending),
}

pub(super) struct Session {
    runtime: Runtime,
    access: Access,
    options: Options,
    jid: FullJid,
    events: mpsc::Sender<Event>,
    out: BytesMut,
    requests: Requests,
    counting: Counting,
    /// What the server has not acknowledged.
    sent: Outbound<Bytes>,
    /// How many stanzas we have handled.
    handled: u32,
    /// Who waits for the acknowledgement of how many.
    waiting: Vec<(u32, oneshot::Sender<()>)>,
    ready: Option<oneshot::Sender<()>>,
    closed: Option<oneshot::Sender<()>>,
}

impl Session {
    pub(super) fn new(
        runtime: Runtime,
        access: Access,
        options: Options,
        jid: FullJid,
        events: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            runtime,
            access,
            options,
            jid,
            events,
            out: BytesMut::new(),
            requests: Requests::default(),
            counting: Counting::Off,
            sent: Outbound::new(UNACKED_STANZAS_MAX),
            handled: 0,
            waiting: Vec::new(),
            ready: None,
            closed: None,
        }
    }

    /// The session, over as many connections as it takes.
    pub(super) async fn run(
        mut self,
        entered: Entered,
        mut commands: mpsc::Receiver<Command>,
        ready: oneshot::Sender<()>,
    ) {
        self.ready = Some(ready);
        self.begin(entered.features.stream_management);
        let (mut stream, mut framer) = (entered.stream, entered.framer);
        let ending = loop {
            let error = match self.drive(stream, framer, &mut commands).await {
                Over::Ended(ending) => break ending,
                Over::Broken(error) => error,
            };
            match self.enter_again().await {
                Some(entered) => {
                    (stream, framer) = (entered.stream, entered.framer);
                    self.taken_up(&entered.jid, entered.features.stream_management, entered.resumed);
                }
                None => break Ending::Broken(error.to_string()),
            }
        };
        self.requests.lost();
        self.tell(Event::Disconnected(ending));
        if let Some(closed) = self.closed.take() {
            let _ = closed.send(());
        }
    }

    /// A session begins: asks for counting if both sides know it.
    fn begin(&mut self, offered: bool) {
        self.handled = 0;
        self.sent = Outbound::new(UNACKED_STANZAS_MAX);
        self.counting = Counting::Off;
        if offered && self.options.stream_management {
            Signal::Enable { resume: true, max_seconds: None }.write(&mut self.out);
            self.counting = Counting::Asked;
        } else {
            self.is_ready();
        }
    }

    fn is_ready(&mut self) {
        if let Some(ready) = self.ready.take() {
            let _ = ready.send(());
        }
    }

    /// Another connection, for the same session if it can be resumed.
    async fn enter_again(&mut self) -> Option<Entered> {
        let resume = match &self.counting {
            Counting::On(Some(id)) => Some((id.clone(), self.handled, self.jid.clone())),
            _ => None,
        };
        self.access.login.resume = resume;
        let mut delay = RECONNECT_DELAY_MIN;
        for _ in 0..self.options.reconnect_attempts_max {
            tokio::select! {
                biased;
                () = self.runtime.stopping() => return None,
                () = self.runtime.sleep(delay) => {}
            }
            delay *= 2;
            match self.access.enter(&self.runtime).await {
                Ok(entered) => return Some(entered),
                // Trying again cannot help, and may lock the account.
                Err(Error::Negotiation(_) | Error::Tls(_) | Error::Over) => return None,
                Err(error) => tracing::debug!(%error, "no new connection yet"),
            }
        }
        None
    }

    /// There is a new connection.
    fn taken_up(&mut self, jid: &FullJid, counts: bool, resumed: Option<u32>) {
        self.out.clear();
        let goes_on = resumed.is_some_and(|h| self.acknowledged(h).is_ok());
        if goes_on {
            // XEP-0198 §5: what was not acknowledged goes out again.
            self.sent.resumed();
            for stanza in self.sent.unacknowledged() {
                self.out.extend_from_slice(stanza);
            }
            self.tell(Event::Reconnected { resumed: true, lost: Vec::new() });
            return;
        }
        let lost = std::mem::replace(&mut self.sent, Outbound::new(UNACKED_STANZAS_MAX));
        self.requests.lost();
        self.waiting.clear();
        self.jid = jid.clone();
        self.begin(counts);
        self.tell(Event::Reconnected { resumed: false, lost: lost.into_unacknowledged().collect() });
    }

    /// One connection until it is over.
    async fn drive(
        &mut self,
        stream: Stream,
        mut framer: Framer,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Over {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut unflushed = true;
        loop {
            if let Some(over) = self.take_frames(&mut framer) {
                return self.finish(over, &mut writer).await;
            }
            if self.sent.idle() {
                self.out.extend_from_slice(ACK_REQUEST);
            }
            let writing = !self.out.is_empty() || unflushed;
            let room = self.out.len() < OUT_BYTES_MAX && self.sent.len() < UNACKED_STANZAS_MAX;
            tokio::select! {
                biased;
                () = self.runtime.stopping() => {
                    return self.close(&mut reader, &mut writer, &mut framer).await;
                }
                written = write(&mut writer, &mut self.out), if writing => match written {
                    Ok(flushed) => unflushed = !flushed,
                    Err(error) => return Over::Broken(error),
                },
                read = reader.read_buf(framer.buffer()) => match read {
                    Ok(0) => return Over::Broken(io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {}
                    Err(error) => return Over::Broken(error),
                },
                command = commands.recv(), if room => match command {
                    Some(Command::Sever) => return Over::Broken(io::ErrorKind::ConnectionAborted.into()),
                    Some(Command::Close(closed)) => {
                        self.closed = Some(closed);
                        return self.close(&mut reader, &mut writer, &mut framer).await;
                    }
                    None => return self.close(&mut reader, &mut writer, &mut framer).await,
                    Some(Command::Acknowledged(done)) => self.wait_for_acknowledgement(done),
                    Some(Command::Send(stanza)) => self.send(stanza),
                    Some(Command::Request { id, to, stanza, answer }) => {
                        self.requests.expect(id, to, answer);
                        self.send(stanza);
                    }
                },
            }
        }
    }

    /// Handles what has come in.
    fn take_frames(&mut self, framer: &mut Framer) -> Option<Over> {
        loop {
            match framer.next_frame() {
                Ok(None) => return None,
                Ok(Some(Frame::Stanza(stanza))) => {
                    if let Err(over) = self.handle(stanza) {
                        return Some(over);
                    }
                }
                Ok(Some(Frame::Close)) => return Some(Over::Ended(Ending::ByServer(None))),
                Ok(Some(Frame::Open(_))) => {}
                Err(error) => {
                    error.write(&mut self.out);
                    return Some(Over::Ended(Ending::Broken(error.to_string())));
                }
            }
        }
    }

    fn handle(&mut self, stanza: Stanza) -> Result<(), Over> {
        match stanza.kind() {
            Kind::Other => return self.handle_signal(&stanza),
            Kind::Message => self.tell(Event::Message(Message { stanza })),
            Kind::Presence => self.tell(Event::Presence(Presence { stanza })),
            Kind::Iq => self.handle_iq(stanza),
        }
        self.handled = self.handled.wrapping_add(1);
        Ok(())
    }

    fn handle_iq(&mut self, stanza: Stanza) {
        if matches!(stanza.type_().as_deref(), Some("result" | "error")) {
            self.requests.answered(&stanza, &self.jid);
            return;
        }
        let payload = stanza.first_child().map(|child| child.element());
        // RFC 6121 §2.1.6: only our own account may change our roster.
        let own = stanza.from().is_none_or(|from| *from == *self.jid.to_bare().as_str());
        match &payload {
            Some(ping) if ping::is_ping(ping) => self.acknowledge(&stanza),
            Some(query) if query.is("query", roster::NS) && own => {
                self.acknowledge(&stanza);
                for item in roster::Query::from_element(query).map(|query| query.items).unwrap_or_default() {
                    self.tell(Event::Roster(item));
                }
            }
            _ if self.options.answers_requests => self.tell(Event::Request(stanza)),
            _ => {
                let refusal = StanzaError::from(Condition::ServiceUnavailable);
                if let Some(reply) = refusal.reply(&stanza, None, Context::Client) {
                    self.send(reply);
                }
            }
        }
    }

    /// Answers a request with an empty result.
    fn acknowledge(&mut self, request: &Stanza) {
        let mut reply = Builder::iq(Context::Client);
        reply.type_("result").attr_if("id", request.id().as_deref()).attr_if("to", request.from().as_deref());
        self.send(reply.finish());
    }

    fn handle_signal(&mut self, stanza: &Stanza) -> Result<(), Over> {
        if stanza.is("error", ns::STREAMS) {
            let error = StreamError::from_element(&stanza.element());
            return Err(match error {
                Some(error) if passes(error.condition) => Over::Broken(io::Error::other(error)),
                error => Over::Ended(Ending::ByServer(error)),
            });
        }
        match Signal::parse(stanza) {
            Some(Ok(Signal::Request)) => Signal::Ack { h: self.handled }.write(&mut self.out),
            Some(Ok(Signal::Ack { h })) => self.acknowledged(h)?,
            Some(Ok(Signal::Enabled { id, .. })) => {
                self.handled = 0;
                self.counting = Counting::On(id);
                self.is_ready();
            }
            Some(Ok(Signal::Failed { .. })) => {
                self.counting = Counting::Off;
                self.waiting.clear();
                self.sent = Outbound::new(UNACKED_STANZAS_MAX);
                self.is_ready();
            }
            _ => {}
        }
        Ok(())
    }

    /// The server has handled `h` stanzas.
    fn acknowledged(&mut self, h: u32) -> Result<(), Over> {
        if let Err(error) = self.sent.acknowledged(h).map(|stanzas| stanzas.for_each(drop)) {
            error.write(&mut self.out);
            return Err(Over::Ended(Ending::Broken(error.to_string())));
        }
        // Counts wrap, so what is reached is what is not ahead by less than half of all (XEP-0198 §4).
        let waiting = std::mem::take(&mut self.waiting);
        for (count, done) in waiting {
            if h.wrapping_sub(count) < u32::MAX / 2 {
                let _ = done.send(());
            } else {
                self.waiting.push((count, done));
            }
        }
        Ok(())
    }

    fn wait_for_acknowledgement(&mut self, done: oneshot::Sender<()>) {
        if matches!(self.counting, Counting::Off) || self.sent.is_empty() {
            let _ = done.send(());
            return;
        }
        self.out.extend_from_slice(ACK_REQUEST);
        self.waiting.push((self.sent.send_count(), done));
    }

    /// Puts a stanza on the way.
    fn send(&mut self, stanza: Bytes) {
        self.out.extend_from_slice(&stanza);
        if matches!(self.counting, Counting::Off) {
            return;
        }
        // The loop takes no command while the queue is full; our own answers may still come on top of it.
        if self.sent.push(stanza).is_err() {
            tracing::warn!("the server acknowledges nothing");
        }
        if self.sent.request_due() {
            self.out.extend_from_slice(ACK_REQUEST);
        }
    }

    fn tell(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            tracing::warn!("an event is left out: nobody takes the events of this session");
        }
    }

    /// Sends the last bytes of a stream that the other side, or a fault, has ended.
    async fn finish(&mut self, over: Over, writer: &mut WriteHalf<Stream>) -> Over {
        self.out.extend_from_slice(b"</stream:stream>");
        tokio::select! {
            biased;
            _ = async {
                writer.write_all_buf(&mut self.out).await?;
                writer.shutdown().await
            } => {}
            () = self.runtime.sleep(CLOSE_TIME_MAX) => {}
        }
        over
    }

    /// Ends the stream in order (RFC 6120 §4.4): our end tag, then all that still comes up to the server's.
    async fn close(
        &mut self,
        reader: &mut ReadHalf<Stream>,
        writer: &mut WriteHalf<Stream>,
        framer: &mut Framer,
    ) -> Over {
        if matches!(self.counting, Counting::On(_)) {
            Signal::Ack { h: self.handled }.write(&mut self.out);
        }
        self.out.extend_from_slice(b"</stream:stream>");
        let runtime = self.runtime.clone();
        let orderly = async {
            writer.write_all_buf(&mut self.out).await?;
            writer.flush().await?;
            while self.take_frames(framer).is_none() {
                if reader.read_buf(framer.buffer()).await? == 0 {
                    break;
                }
            }
            writer.shutdown().await
        };
        tokio::select! {
            biased;
            _ = orderly => {}
            () = runtime.sleep(CLOSE_TIME_MAX) => {}
        }
        Over::Ended(Ending::Closed)
    }
}

/// True when the server may be there again soon.
fn passes(condition: StreamCondition) -> bool {
    matches!(
        condition,
        StreamCondition::SystemShutdown | StreamCondition::Reset | StreamCondition::ConnectionTimeout
    )
}

/// Writes some of `out`, or flushes when there is nothing: true once all is on its way.
async fn write(writer: &mut WriteHalf<Stream>, out: &mut BytesMut) -> io::Result<bool> {
    if out.is_empty() {
        writer.flush().await?;
        return Ok(true);
    }
    writer.write_buf(out).await?;
    Ok(false)
}
