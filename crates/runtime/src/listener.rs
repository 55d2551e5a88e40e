//! Listeners: tasks that serve a socket, kept by name and address so that anybody can ask whether they still do.

use std::future::Future;
use std::net::SocketAddr;

use tokio::task::AbortHandle;

use crate::{Runtime, Task};

/// One address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// What is spoken there: "XMPP", "SIP over TLS".
    pub name: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// Every task that serves it runs.
    pub is_up: bool,
}

/// A task that serves an address. There are as many as the configuration asks for, so the list needs no limit.
pub(crate) struct Serving {
    name: &'static str,
    address: SocketAddr,
    task: AbortHandle,
}

impl Runtime {
    /// Starts a task that serves listening sockets. Several tasks may share an address (one reader a core): it
    /// is up as long as all of them run, because each serves a part of the peers.
    pub fn spawn_listener<F>(
        &self,
        name: &'static str,
        addresses: &[SocketAddr],
        future: F,
    ) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = self.spawn(name, future);
        let handle = task.abort_handle();
        let serving =
            addresses.iter().map(|address| Serving { name, address: *address, task: handle.clone() });
        self.inner.listeners.lock().extend(serving);
        task
    }

    /// Every address that is or was listened on, in the order in which they were opened.
    pub fn listeners(&self) -> Vec<Listener> {
        let mut listeners: Vec<Listener> = Vec::new();
        for serving in self.inner.listeners.lock().iter() {
            let is_up = !serving.task.is_finished();
            let same = |known: &&mut Listener| (known.name, known.address) == (serving.name, serving.address);
            match listeners.iter_mut().find(same) {
                Some(known) => known.is_up &= is_up,
                None => listeners.push(Listener { name: serving.name, address: serving.address, is_up }),
            }
        }
        listeners
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_up_as_long_as_every_task_that_serves_it() {
        let runtime = Runtime::real();
        let (one, two): (SocketAddr, SocketAddr) =
            ("127.0.0.1:5060".parse().unwrap(), "127.0.0.1:5222".parse().unwrap());
        let inside = runtime.clone();
        runtime.spawn_listener("SIP", &[one], async move { inside.stopping().await });
        let inside = runtime.clone();
        runtime.spawn_listener("XMPP", &[two], async move { inside.stopping().await });
        let second = runtime.spawn_listener("SIP", &[one], std::future::pending::<()>());
        let states = || -> Vec<(&str, bool)> {
            runtime.listeners().iter().map(|listener| (listener.name, listener.is_up)).collect()
        };
        assert_eq!(states(), [("SIP", true), ("XMPP", true)]);
        second.abort();
        second.join().await;
        assert_eq!(states(), [("SIP", false), ("XMPP", true)]);
    }
}
