//! The proxy's connections: two that came by the same name wait until one of them asks to be joined, then what each sends goes
//! to the other, no faster than is allowed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::BareJid;
use parking_lot::Mutex;
use runtime::Runtime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use xmpp::socks5::{self, Event, Refusal, Reply};

use crate::Im;

/// Connections that have not said by which name they come, and that wait for the other party.
const WAITING_MAX: usize = 1_000;
/// Streams at a time.
const STREAMS_MAX: usize = 500;
/// Streams of one user at a time.
const STREAMS_PER_USER_MAX: usize = 10;
/// Time to say by which name one comes.
const GREETING_TIME_MAX: Duration = Duration::from_secs(10);
/// Time to be joined.
const WAITING_TIME_MAX: Duration = Duration::from_secs(120);
/// Time without a byte in either direction after which a stream ends.
const IDLE_TIME_MAX: Duration = Duration::from_secs(300);
/// Bytes that are passed on at a time.
const CHUNK_BYTES: usize = 16 * 1024;
/// A name is a SHA-1 in hexadecimal.
const NAME_DIGITS: usize = 40;

/// Why two parties were not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unjoined {
    /// Nobody has come by that name.
    Nobody,
    /// Only one has come.
    One,
    /// Too many streams run.
    TooMany,
}

/// All connections of the proxy.
#[derive(Default)]
pub(crate) struct Relay(Arc<Table>);

struct Table {
    /// Who has come, by name: one party or both.
    waiting: Mutex<BTreeMap<String, Vec<Party>>>,
    /// Running streams by the user who asked for them.
    running: Mutex<BTreeMap<BareJid, usize>>,
    places: Arc<Semaphore>,
    tickets: AtomicU64,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            running: Mutex::default(),
            places: Arc::new(Semaphore::new(WAITING_MAX)),
            tickets: AtomicU64::new(0),
        }
    }
}

/// A connection that waits to be joined, and what it has sent already.
struct Party {
    ticket: u64,
    stream: TcpStream,
    early: Vec<u8>,
}

impl Im {
    /// Serves the connections that come to the proxy, until the runtime stops.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn listen_proxy(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let (relay, runtime) = (Arc::clone(&self.services.relay.0), self.runtime.clone());
        let begin = move |stream, _| serve(&relay, stream, &runtime);
        self.runtime.spawn_acceptor("proxy", listener, begin).map(drop)
    }
}

/// Serves one connection until it is joined or has waited for too long; `None` when too many wait.
fn serve(
    table: &Arc<Table>,
    stream: TcpStream,
    runtime: &Runtime,
) -> Option<impl Future<Output = ()> + Send + use<>> {
    let place = Arc::clone(&table.places).try_acquire_owned().ok()?;
    let (table, runtime) = (Arc::clone(table), runtime.clone());
    Some(async move {
        let greeted = tokio::time::timeout(GREETING_TIME_MAX, greet(&table, stream)).await;
        if let Ok(Some((name, ticket))) = greeted {
            tokio::select! {
                biased;
                () = runtime.stopping() => {}
                () = runtime.sleep(WAITING_TIME_MAX) => {}
            }
            table.forget(&name, ticket);
        }
        drop(place);
    })
}

/// Hears by which name somebody comes, and lets them wait.
async fn greet(table: &Table, mut stream: TcpStream) -> Option<(String, u64)> {
    let (mut server, mut buffer) = (socks5::Server::default(), [0; 512]);
    let name = loop {
        match server.event() {
            Ok(Some(Event::Greeting)) => stream.write_all(&socks5::CHOSEN).await.ok()?,
            Ok(Some(Event::Connect(name))) => break name,
            Ok(None) => match stream.read(&mut buffer).await.ok()? {
                0 => return None,
                count => server.receive(&buffer[..count]),
            },
            Err(refusal) => {
                let answer = match refusal {
                    Refusal::NotSocks => return None,
                    Refusal::Method => socks5::NONE_ACCEPTABLE.to_vec(),
                    Refusal::Request(reply) => socks5::reply(reply, ""),
                };
                stream.write_all(&answer).await.ok()?;
                return None;
            }
        }
    };
    let is_hash = name.len() == NAME_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash || !table.has_room(&name) {
        stream.write_all(&socks5::reply(Reply::NotAllowed, &name)).await.ok()?;
        return None;
    }
    stream.write_all(&socks5::reply(Reply::Succeeded, &name)).await.ok()?;
    let (name, ticket) = (name.to_ascii_lowercase(), table.tickets.fetch_add(1, Ordering::Relaxed));
    let party = Party { ticket, stream, early: server.into_rest() };
    table.add(&name, party).then_some((name, ticket))
}

impl Table {
    fn has_room(&self, name: &str) -> bool {
        self.waiting.lock().get(&name.to_ascii_lowercase()).is_none_or(|parties| parties.len() < 2)
    }

    /// False when two were there before.
    fn add(&self, name: &str, party: Party) -> bool {
        let mut waiting = self.waiting.lock();
        let parties = waiting.entry(name.to_owned()).or_default();
        let is_wanted = parties.len() < 2;
        if is_wanted {
            parties.push(party);
        }
        is_wanted
    }

    fn forget(&self, name: &str, ticket: u64) {
        let mut waiting = self.waiting.lock();
        if let Some(parties) = waiting.get_mut(name) {
            parties.retain(|party| party.ticket != ticket);
            if parties.is_empty() {
                waiting.remove(name);
            }
        }
    }

    fn begin(self: &Arc<Self>, user: &BareJid) -> Option<Running> {
        let mut running = self.running.lock();
        let all: usize = running.values().sum();
        let of_user = running.get(user).copied().unwrap_or(0);
        if all >= STREAMS_MAX || of_user >= STREAMS_PER_USER_MAX {
            return None;
        }
        running.insert(user.clone(), of_user + 1);
        metrics::gauge!("carillon_proxy_streams").increment(1.0);
        Some(Running { table: Arc::clone(self), user: user.clone() })
    }
}

/// A stream that runs, as long as this lives.
struct Running {
    table: Arc<Table>,
    user: BareJid,
}

impl Drop for Running {
    fn drop(&mut self) {
        metrics::gauge!("carillon_proxy_streams").decrement(1.0);
        let mut running = self.table.running.lock();
        if let Some(count) = running.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.user);
            }
        }
    }
}

impl Relay {
    /// Joins the two that have come by a name, as `user` asks.
    pub(crate) fn join(&self, im: &Im, name: &str, user: &BareJid) -> Result<(), Unjoined> {
        let rate = im.config.proxy.as_ref().map_or(0, |proxy| proxy.bytes_per_second);
        self.join_at(&im.runtime, name, user, rate)
    }

    fn join_at(&self, runtime: &Runtime, name: &str, user: &BareJid, rate: u32) -> Result<(), Unjoined> {
        let mut waiting = self.0.waiting.lock();
        match waiting.get(name).map_or(0, Vec::len) {
            0 => return Err(Unjoined::Nobody),
            1 => return Err(Unjoined::One),
            _ => {}
        }
        let running = self.0.begin(user).ok_or(Unjoined::TooMany)?;
        let parties = waiting.remove(name).unwrap_or_default();
        drop(waiting);
        let Ok([one, other]) = <[Party; 2]>::try_from(parties) else { return Err(Unjoined::One) };
        let inside = runtime.clone();
        runtime.spawn_session(async move {
            relay(&inside, one, other, rate).await;
            drop(running);
        });
        Ok(())
    }
}

async fn relay(runtime: &Runtime, one: Party, other: Party, rate: u32) {
    let passed = AtomicU64::new(0);
    let ((one_in, one_out), (other_in, other_out)) = (one.stream.into_split(), other.stream.into_split());
    let both = async {
        tokio::join!(
            pump(runtime, one.early, one_in, other_out, rate, &passed),
            pump(runtime, other.early, other_in, one_out, rate, &passed)
        )
    };
    let idle = async {
        let mut before = u64::MAX;
        loop {
            let now = passed.load(Ordering::Relaxed);
            if std::mem::replace(&mut before, now) == now {
                return;
            }
            runtime.sleep(IDLE_TIME_MAX).await;
        }
    };
    tokio::select! {
        biased;
        () = runtime.stopping() => {}
        () = idle => {}
        // One that breaks ends its own direction; the other may have more to say.
        _ = both => {}
    }
    metrics::counter!("carillon_proxy_bytes_total").increment(passed.load(Ordering::Relaxed));
}

/// One direction, to its end; the end is passed on too.
async fn pump(
    runtime: &Runtime,
    early: Vec<u8>,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    rate: u32,
    passed: &AtomicU64,
) -> io::Result<()> {
    let (mut buffer, mut free_at) = (vec![0; CHUNK_BYTES], runtime.now());
    to.write_all(&early).await?;
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        passed.fetch_add(count as u64, Ordering::Relaxed);
        // What was not used before is not made up for: bursts are one chunk long.
        let time = Duration::from_secs_f64(count as f64 / f64::from(rate.max(1)));
        free_at = free_at.max(runtime.now()) + time;
        runtime.sleep_until(free_at).await;
    }
}

#[cfg(test)]
mod tests {
    use runtime::SocketOptions;

    use super::*;

    const NAME: &str = "a9993e364706816aba3e25717850c26c9cd0d89d";
    const FAST: u32 = 1 << 30;

    struct House {
        relay: Relay,
        runtime: Runtime,
        address: std::net::SocketAddr,
    }

    fn house() -> House {
        let (relay, runtime) = (Relay::default(), Runtime::real());
        let listener = runtime.listen_tcp("127.0.0.1:0".parse().unwrap(), SocketOptions::default()).unwrap();
        let (table, inside) = (Arc::clone(&relay.0), runtime.clone());
        let begin = move |stream, _| serve(&table, stream, &inside);
        let address = runtime.spawn_acceptor("proxy", listener, begin).unwrap();
        House { relay, runtime, address }
    }

    impl House {
        /// Comes by a name; gives the connection and the code of the answer.
        async fn come(&self, name: &str) -> (TcpStream, u8) {
            let mut stream = self.runtime.connect_tcp(self.address, SocketOptions::default()).await.unwrap();
            let length = u8::try_from(name.len()).unwrap();
            let request = [&[5, 1, 0, 5, 1, 0, 3, length], name.as_bytes(), &[0, 0]].concat();
            stream.write_all(&request).await.unwrap();
            let mut answer = vec![0; 2 + 7 + name.len()];
            stream.read_exact(&mut answer).await.unwrap();
            (stream, answer[3])
        }

        /// Asks until the answer is no longer `not_yet`: a connection is there a moment after it was answered.
        async fn join(&self, user: &str, rate: u32, not_yet: Unjoined) -> Result<(), Unjoined> {
            let user = user.parse().unwrap();
            for _ in 0..200 {
                match self.relay.join_at(&self.runtime, NAME, &user, rate) {
                    Err(answer) if answer == not_yet => self.runtime.sleep(Duration::from_millis(5)).await,
                    other => return other,
                }
            }
            Err(not_yet)
        }
    }

    impl Drop for House {
        fn drop(&mut self) {
            self.runtime.stop();
        }
    }

    #[tokio::test]
    async fn two_are_joined_when_one_asks_and_both_are_there() {
        let house = house();
        let user = "ann@x".parse().unwrap();
        assert_eq!(house.relay.join_at(&house.runtime, NAME, &user, FAST), Err(Unjoined::Nobody));
        let (mut one, code) = house.come(NAME).await;
        assert_eq!(code, 0);
        assert_eq!(house.join("ann@x", FAST, Unjoined::Nobody).await, Err(Unjoined::One));
        let (mut other, _) = house.come(&NAME.to_uppercase()).await;
        // What is sent too early is not lost.
        one.write_all(b"hello").await.unwrap();
        assert_eq!(house.join("ann@x", FAST, Unjoined::One).await, Ok(()));
        let mut heard = [0; 5];
        other.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
        other.write_all(b"there").await.unwrap();
        one.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"there");
        drop(one);
        assert_eq!(other.read(&mut heard).await.unwrap(), 0, "the end is passed on");
        assert_eq!(house.relay.join_at(&house.runtime, NAME, &user, FAST), Err(Unjoined::Nobody));
    }

    #[tokio::test]
    async fn nobody_joins_two_that_are_there() {
        let house = house();
        let (_one, _) = house.come(NAME).await;
        assert_eq!(house.join("ann@x", FAST, Unjoined::Nobody).await, Err(Unjoined::One));
        let (_other, code) = house.come(NAME).await;
        assert_eq!(code, 0);
        while house.relay.0.has_room(NAME) {
            house.runtime.sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(house.come(NAME).await.1, 2, "a third is not allowed");
        assert_eq!(house.come("example.org").await.1, 2, "nobody gets out to other hosts");
    }

    #[tokio::test]
    async fn a_stream_is_no_faster_than_allowed() {
        let house = house();
        let ((mut one, _), (mut other, _)) = (house.come(NAME).await, house.come(NAME).await);
        let began = house.runtime.now();
        assert_eq!(house.join("ann@x", 400_000, Unjoined::One).await, Ok(()));
        let bytes = vec![7; 100_000];
        let (sent, _) = tokio::join!(one.write_all(&bytes), async {
            other.read_exact(&mut vec![0; 100_000]).await.unwrap();
        });
        sent.unwrap();
        let time = house.runtime.now() - began;
        assert!(time >= Duration::from_millis(150), "{time:?}");
    }

    #[tokio::test]
    async fn one_user_has_only_so_many_streams() {
        let table = Arc::new(Table::default());
        let (ann, bob): (BareJid, BareJid) = ("ann@x".parse().unwrap(), "bob@x".parse().unwrap());
        let streams: Vec<_> = (0..STREAMS_PER_USER_MAX).map(|_| table.begin(&ann).unwrap()).collect();
        assert!(table.begin(&ann).is_none() && table.begin(&bob).is_some());
        drop(streams);
        assert!(table.begin(&ann).is_some());
        assert!(table.running.lock().is_empty(), "nothing is left");
    }
}
