//! What the handles ask of the phone's task.

use bytes::Bytes;
use tokio::sync::oneshot;

use super::Error;
use super::call::Call;

/// Where the answer goes.
pub(super) type Reply<T = ()> = oneshot::Sender<Result<T, Error>>;

/// One wish.
pub(super) enum Command {
    Call { target: String, reply: Reply<Call> },
    InCall { call: u64, verb: Verb, reply: Reply },
    Message { target: String, content_type: String, body: Bytes, reply: Reply },
    Subscribe { target: String, package: String, accept: String, expires: u32, reply: Reply<u64> },
    Unsubscribe { subscription: u64, reply: Reply },
    Unregister { reply: Reply },
}

/// What can be done with a call.
pub(super) enum Verb {
    Answer,
    Reject(u16),
    HangUp,
    Hold(bool),
    Refer(String),
}
