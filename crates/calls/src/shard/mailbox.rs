//! What comes to a shard: a bounded queue that never waits, and one wake-up for many inputs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use model::{BareJid, LineId};
use parking_lot::Mutex;
use sip::endpoint::{ConnectionId, Flow, ServerTransaction, Transaction};
use sip::{Malformed, Message, Request};
use store::DigestAccount;
use tokio::sync::{Notify, oneshot};

use crate::call::Post;
use crate::command::{Command, Done, Refusal};
use crate::config::CallLimits;
use crate::events::Wanted;
use crate::snapshot::CallId;
use crate::trace::Trace;
use crate::trunk::{Found, Probed, Trunk};
use crate::{MessageRefusal, TextMessage};

/// Messages from the network that wait for a shard; more get 503 with Retry-After.
pub(crate) const MESSAGES_WAITING_MAX: usize = 20_000;

/// What these messages may weigh together, in bytes.
const BYTES_WAITING_MAX: usize = 64 << 20;

/// All that can wake a shard, besides its own sockets and timers.
#[derive(Debug)]
pub(crate) enum Input {
    /// A message came in.
    Message(Message, Flow),
    /// Something came in that is no message.
    Malformed(Malformed, Flow),
    /// A message could not be sent.
    NotSent(Transaction),
    /// A connection is gone.
    ConnectionLost(ConnectionId),
    /// An account was read for a request that waits for it.
    Read(Box<Waiting>, Result<Option<Arc<DigestAccount>>, store::Error>),
    /// It was decided what a subscriber may see of what it asks for: one answer for each.
    MayWatch(Watch, Vec<bool>),
    /// A line's calls have changed.
    LineChanged(LineId),
    /// Users or lines have changed.
    AccountsChanged,
    /// A user's presence has changed.
    UserChanged(BareJid),
    /// A gateway has taken a message over, or has not.
    Taken(ServerTransaction, Box<Request>, Result<(), MessageRefusal>),
    /// A message for phones, from another room.
    Deliver(Box<Delivery>),
    /// A call is to be ended.
    End(CallId),
    /// The phone at a media port of a call pressed a key.
    Key(CallId, char),
    /// An application wants something of a call.
    Command(Box<Command>, oneshot::Sender<Result<Done, Refusal>>),
    /// A call of another shard has something to say to one of this shard.
    Letter(Box<Post>),
    /// Other limits hold from now on.
    Limits(CallLimits),
    /// Somebody wants to see what was said in legs of calls.
    Trace(TraceAsked),
    /// The name service has answered for a trunk.
    TrunkFound(Found),
    /// A connection to a trunk that was open has ended.
    TrunkLost(ConnectionId),
    /// An administrator wants the servers of a trunk to be asked.
    TrunkTest(Arc<Trunk>, Probed),
}

/// Which legs somebody wants to see.
#[derive(Debug)]
pub(crate) struct TraceAsked {
    pub call_ids: Arc<[Bytes]>,
    pub answer: oneshot::Sender<Vec<Trace>>,
}

/// What it was asked for whether somebody may watch.
#[derive(Debug)]
pub(crate) enum Watch {
    /// A subscription that is not yet accepted.
    New(Box<Wanted>),
    /// One that is held.
    Held(u64),
}

/// A request whose sender's account is being read.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub transaction: ServerTransaction,
    pub request: Request,
    pub flow: Flow,
    /// When it came in.
    pub came_at: Instant,
}

/// A message for the phones of a user.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub message: TextMessage,
    pub lines: Vec<LineId>,
    pub answer: oneshot::Sender<Result<(), MessageRefusal>>,
}

/// A shard's queue.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    inputs: VecDeque<Input>,
    bytes: usize,
}

impl Mailbox {
    /// Puts in what came from the network.
    ///
    /// # Errors
    /// The queue is full: the input comes back.
    pub(crate) fn offer(&self, input: Input) -> Result<(), Box<Input>> {
        let first = {
            let mut queue = self.queue.lock();
            let bytes = match &input {
                Input::Message(message, _) => message.bytes().len(),
                _ => 0,
            };
            if queue.inputs.len() >= MESSAGES_WAITING_MAX || queue.bytes + bytes > BYTES_WAITING_MAX {
                return Err(Box::new(input));
            }
            queue.bytes += bytes;
            queue.inputs.push_back(input);
            queue.inputs.len() == 1
        };
        if first {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Puts in what came from inside: bounded by the requests and connections that it belongs to.
    pub(crate) fn put(&self, input: Input) {
        self.queue.lock().inputs.push_back(input);
        self.wake.notify_one();
    }

    /// Waits until there is something.
    pub(crate) async fn wait(&self) {
        loop {
            let notified = self.wake.notified();
            if !self.queue.lock().inputs.is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// Takes everything.
    pub(crate) fn take(&self, into: &mut VecDeque<Input>) {
        let mut queue = self.queue.lock();
        queue.bytes = 0;
        into.append(&mut queue.inputs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_gives_messages_back_and_still_takes_what_comes_from_inside() {
        let mailbox = Mailbox::default();
        for number in 0..MESSAGES_WAITING_MAX as u64 {
            mailbox.offer(Input::ConnectionLost(ConnectionId(number))).unwrap();
        }
        assert!(mailbox.offer(Input::ConnectionLost(ConnectionId(0))).is_err());
        mailbox.put(Input::End(CallId(1)));
        mailbox.wait().await;
        let mut all = VecDeque::new();
        mailbox.take(&mut all);
        assert_eq!(all.len(), MESSAGES_WAITING_MAX + 1);
    }

    #[test]
    fn large_messages_fill_a_queue_before_many_do() {
        let mailbox = Mailbox::default();
        let text = format!(
            "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:b@h>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 60000\r\n\r\n{}",
            "x".repeat(60_000)
        );
        let message = Message::parse(text.into()).unwrap();
        let address = "192.0.2.1:5060".parse().unwrap();
        let transport = sip::endpoint::Transport::Udp;
        let flow = Flow { transport, local: address, remote: address, connection: None };
        let offer = || mailbox.offer(Input::Message(message.clone(), flow)).is_ok();
        let taken = (0..2_000).take_while(|_| offer()).count();
        assert_eq!(taken, BYTES_WAITING_MAX / message.bytes().len());
        mailbox.take(&mut VecDeque::new());
        assert!(offer());
    }
}
