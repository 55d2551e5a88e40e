//! Listeners: tasks that serve a socket, kept by name and address so that anybody can ask whether they still do, and
//! the one loop that accepts connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::{Runtime, Task};

/// The pause when no connection can be accepted: the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
    /// Starts a task that serves listening sockets. Several tasks may share an address (one for each shard): it
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
        self.serves(name, addresses, &task);
        task
    }

    /// Like [`Runtime::spawn_listener`], on a thread that does nothing else, with a poll of its own for the sockets that
    /// the future opens: no other thread is woken when they are readable. What the future spawns runs among the workers.
    /// Where one thread does everything (tests), it is an ordinary task.
    ///
    /// # Errors
    /// The system gives no thread or no poll.
    pub fn spawn_listener_apart<F>(
        &self,
        name: &'static str,
        addresses: &[SocketAddr],
        future: F,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = self.spawn_apart(name, future)?;
        self.serves(name, addresses, &task);
        Ok(())
    }

    fn serves<T>(&self, name: &'static str, addresses: &[SocketAddr], task: &Task<T>) {
        let handle = task.abort_handle();
        let serving =
            addresses.iter().map(|address| Serving { name, address: *address, task: handle.clone() });
        self.inner.listeners.lock().extend(serving);
    }

    /// Starts the task that accepts the connections of a listener until the house stops, and gives its address.
    /// `begin` makes of each connection the future that serves it, which becomes a task of its own; `None` closes
    /// the connection at once.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn spawn_acceptor<B, F>(
        &self,
        name: &'static str,
        listener: TcpListener,
        begin: B,
    ) -> io::Result<SocketAddr>
    where
        B: Fn(TcpStream, SocketAddr) -> Option<F> + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let inside = self.clone();
        self.spawn_listener(name, &[address], async move {
            loop {
                let accepted = tokio::select! {
                    biased;
                    () = inside.stopping() => return,
                    accepted = listener.accept() => accepted,
                };
                match accepted {
                    Ok((stream, peer)) => {
                        if let Some(serving) = begin(stream, peer) {
                            inside.spawn_session(serving);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, listener = name, "no connection can be accepted for the moment");
                        inside.sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        });
        Ok(address)
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::SocketOptions;

    #[tokio::test]
    async fn each_connection_is_served_or_closed_until_the_house_stops() {
        let runtime = Runtime::real();
        let listener = runtime.listen_tcp("127.0.0.1:0".parse().unwrap(), SocketOptions::default()).unwrap();
        let wanted = std::sync::atomic::AtomicBool::new(false);
        let begin = move |mut stream: TcpStream, _| {
            // Every second one.
            let is_wanted = wanted.fetch_not(std::sync::atomic::Ordering::Relaxed);
            is_wanted.then_some(async move { stream.write_all(b"hello").await.unwrap() })
        };
        let address = runtime.spawn_acceptor("greeting", listener, begin).unwrap();
        for expected in ["", "hello", "", "hello"] {
            let mut stream = runtime.connect_tcp(address, SocketOptions::default()).await.unwrap();
            let mut heard = String::new();
            stream.read_to_string(&mut heard).await.unwrap();
            assert_eq!(heard, expected);
        }
        let is_up = || runtime.listeners()[0].is_up;
        assert!(is_up());
        runtime.stop();
        runtime.drained(Duration::from_secs(10)).await;
        assert!(!is_up());
    }

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
