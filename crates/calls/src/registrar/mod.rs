//! The registrar (RFC 3261 §10): the bindings of all lines, in memory, shared by all shards, written behind.

mod binding;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::{BareJid, LineId, Timestamp};
use parking_lot::Mutex;
use sip::endpoint::{ConnectionId, Flow, Transport};
use store::Store;

pub use binding::{Binding, Change, EXPIRES_MIN, Identity, Order, Refused, Update, is_worth_writing, reach};

use crate::Registration;
use crate::dialplan::Accounts;
use crate::line_state::LineStates;

/// Shards of the table: phones of different lines seldom wait for each other.
const SHARDS: usize = 64;

/// The bindings of all lines.
pub struct Registrar {
    shards: Vec<Mutex<Lines>>,
    store: Store,
    lines: Arc<LineStates>,
    /// The lines with bindings that came over a connection.
    by_connection: Mutex<BTreeMap<ConnectionId, BTreeSet<LineId>>>,
    count: AtomicUsize,
}

#[derive(Default)]
struct Lines {
    bindings: BTreeMap<LineId, Vec<Arc<Binding>>>,
    /// No binding in this shard ends before; `None` when nothing is known.
    next_end: Option<Timestamp>,
}

/// What happened to the bindings of one line.
struct Outcome {
    had: bool,
    has: bool,
    all: Vec<Arc<Binding>>,
}

impl Registrar {
    /// A registrar without bindings.
    pub fn new(store: Store, lines: Arc<LineStates>) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, store, lines, by_connection: Mutex::default(), count: AtomicUsize::new(0) }
    }

    /// Takes back what was kept before a restart; `local` is our address towards a phone.
    pub fn restore(
        &self,
        kept: Vec<store::Binding>,
        accounts: &Accounts,
        now: Timestamp,
        local: impl Fn(Transport, SocketAddr) -> Option<SocketAddr>,
    ) {
        for kept in kept {
            if kept.expires_at <= now || !accounts.is_in_service(&kept.line) {
                continue;
            }
            let owner = accounts.owner(&kept.line).flatten().cloned();
            let Some(binding) = Binding::from_stored(kept, owner.clone(), &local) else { continue };
            let line = binding.line.clone();
            self.change(&line, owner.as_ref(), now, |all| all.push(Arc::new(binding)));
        }
    }

    /// Carries out a REGISTER for a line: all of it or nothing. Gives all bindings of the line.
    ///
    /// # Errors
    /// It is out of order.
    pub fn register(
        &self,
        line: &LineId,
        owner: Option<&BareJid>,
        update: &Update,
        now: Timestamp,
    ) -> Result<Vec<Arc<Binding>>, Refused> {
        let mut refused = None;
        let outcome = self.change(line, owner, now, |all| {
            all.retain(|binding| binding.expires_at > now);
            match rules::apply(all, (line, owner), update, now) {
                Ok(applied) => {
                    for gone in &applied.removed {
                        self.store.binding_remove(line, &gone.stored_key());
                    }
                    for kept in &applied.written {
                        // Neither a WebSocket nor a lent account is there after a restart.
                        if kept.flow.transport.is_web_socket() || kept.lent.is_some() {
                            self.store.binding_remove(line, &kept.stored_key());
                        } else {
                            self.store.binding_put(kept.to_stored());
                        }
                    }
                    *all = applied.bindings;
                }
                Err(reason) => refused = Some(reason),
            }
        });
        if let Some(connection) = update.flow.connection
            && !outcome.is_empty()
        {
            self.by_connection.lock().entry(connection).or_default().insert(line.clone());
        }
        refused.map_or(Ok(outcome), Err)
    }

    /// The phones of a line, most preferred first; those that were registered last come first among equals.
    pub fn contacts(&self, line: &LineId, now: Timestamp) -> Vec<Arc<Binding>> {
        let shard = self.shard(line).lock();
        let mut all: Vec<Arc<Binding>> = shard.bindings.get(line).cloned().unwrap_or_default();
        drop(shard);
        all.retain(|binding| binding.expires_at > now);
        all.sort_by_key(|binding| {
            (std::cmp::Reverse(binding.q_thousandths), std::cmp::Reverse(binding.registered_at))
        });
        // RFC 5626 §5.3: of the flows of one instance only the one that was refreshed last.
        let mut seen: Vec<String> = Vec::new();
        let mut newest = all.clone();
        newest.sort_by_key(|binding| std::cmp::Reverse(binding.expires_at));
        let mut doubled: Vec<Arc<Binding>> = Vec::new();
        for binding in newest {
            if let Some(instance) = binding.identity.instance.clone().filter(|_| binding.identity.is_flow()) {
                if seen.contains(&instance) {
                    doubled.push(binding);
                } else {
                    seen.push(instance);
                }
            }
        }
        all.retain(|binding| !doubled.iter().any(|d| Arc::ptr_eq(d, binding)));
        all
    }

    /// The device that sends over this flow for a line: the one that registered over it, else the only one that
    /// registered from its address.
    pub fn device_at(&self, line: &LineId, flow: &Flow) -> Option<Arc<str>> {
        let shard = self.shard(line).lock();
        let all = shard.bindings.get(line)?;
        let same_flow = |binding: &&Arc<Binding>| {
            binding.flow.transport == flow.transport && binding.flow.remote == flow.remote
        };
        if let Some(binding) = all.iter().find(same_flow) {
            return binding.device.clone();
        }
        let mut here = all.iter().filter(|binding| binding.flow.remote.ip() == flow.remote.ip());
        let first = here.next()?.device.clone()?;
        here.all(|binding| binding.device.as_ref() == Some(&first)).then_some(first)
    }

    /// Removes what has ended; call about once a second.
    pub fn lapse(&self, now: Timestamp) {
        for shard in &self.shards {
            let due: Vec<(LineId, Option<BareJid>)> = {
                let mut shard = shard.lock();
                if shard.next_end.is_some_and(|end| end > now) {
                    continue;
                }
                let ends = |all: &Vec<Arc<Binding>>| all.iter().map(|binding| binding.expires_at).min();
                let due = shard.bindings.iter().filter(|(_, all)| ends(all).is_some_and(|end| end <= now));
                let due = due.map(|(line, all)| (line.clone(), all[0].owner.clone())).collect();
                let later = shard.bindings.values().flatten().map(|binding| binding.expires_at);
                shard.next_end = later.filter(|end| *end > now).min().or(Some(Timestamp(i64::MAX)));
                due
            };
            for (line, owner) in due {
                self.remove(&line, owner.as_ref(), now, |binding| binding.expires_at <= now);
            }
        }
    }

    /// A connection is gone, and with it the bindings that end with it; those of other phones lose their flow.
    pub fn connection_lost(&self, connection: ConnectionId, now: Timestamp) {
        let Some(lines) = self.by_connection.lock().remove(&connection) else { return };
        let over = |binding: &Binding| binding.flow.connection == Some(connection);
        for line in lines {
            let known = self.shard(&line).lock().bindings.get(&line).map(|all| all[0].owner.clone());
            let Some(owner) = known else { continue };
            self.remove(&line, owner.as_ref(), now, |binding| {
                over(binding) && binding.ends_with_connection()
            });
            self.change(&line, owner.as_ref(), now, |all| {
                for binding in all.iter_mut().filter(|binding| over(binding)) {
                    Arc::make_mut(binding).flow.connection = None;
                }
            });
        }
    }

    /// A lent account of a line has ended, and with it what was registered by it.
    pub fn unregister_lent(&self, line: &LineId, username: &str, now: Timestamp) {
        let known = self.shard(line).lock().bindings.get(line).map(|all| all[0].owner.clone());
        if let Some(owner) = known {
            self.remove(line, owner.as_ref(), now, |binding| binding.lent.as_deref() == Some(username));
        }
    }

    /// Users or lines have changed: what is no longer in service is removed.
    pub fn follow(&self, accounts: &Accounts, now: Timestamp) {
        for shard in &self.shards {
            let lines: Vec<(LineId, Option<BareJid>)> = shard
                .lock()
                .bindings
                .iter()
                .map(|(line, all)| (line.clone(), all[0].owner.clone()))
                .collect();
            for (line, owner) in lines {
                let moved = accounts.owner(&line).flatten() != owner.as_ref();
                if moved || !accounts.is_in_service(&line) {
                    self.remove(&line, owner.as_ref(), now, |_| true);
                }
            }
        }
    }

    /// All bindings, for the status page.
    pub fn registrations(&self) -> Vec<Registration> {
        let all = self
            .shards
            .iter()
            .flat_map(|shard| shard.lock().bindings.values().flatten().cloned().collect::<Vec<_>>());
        let mut all: Vec<Registration> = all
            .map(|binding| Registration {
                line: binding.line.clone(),
                owner: binding.owner.clone(),
                contact: binding.contact.to_string(),
                source: format!("{} {}", binding.flow.transport.name(), binding.flow.remote),
                user_agent: binding.user_agent.clone(),
                device: binding.device.as_deref().map(str::to_owned),
                expires: binding.expires_at,
            })
            .collect();
        all.sort_by(|a, b| (&a.line, &a.contact).cmp(&(&b.line, &b.contact)));
        all
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Is nobody registered?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn remove(
        &self,
        line: &LineId,
        owner: Option<&BareJid>,
        now: Timestamp,
        which: impl Fn(&Binding) -> bool,
    ) {
        self.change(line, owner, now, |all| {
            all.retain(|binding| {
                let goes = which(binding);
                if goes {
                    self.store.binding_remove(line, &binding.stored_key());
                }
                !goes
            });
        });
    }

    /// Changes the bindings of a line, and tells presence when it got its first or lost its last one.
    fn change(
        &self,
        line: &LineId,
        owner: Option<&BareJid>,
        now: Timestamp,
        change: impl FnOnce(&mut Vec<Arc<Binding>>),
    ) -> Vec<Arc<Binding>> {
        let outcome = {
            let mut shard = self.shard(line).lock();
            let all = shard.bindings.entry(line.clone()).or_default();
            let before = all.len();
            change(all);
            let outcome = Outcome { had: before > 0, has: !all.is_empty(), all: all.clone() };
            let end = all.iter().map(|binding| binding.expires_at).min();
            if all.is_empty() {
                shard.bindings.remove(line);
            }
            shard.next_end = shard.next_end.into_iter().chain(end).min();
            self.count.fetch_add(outcome.all.len(), Ordering::Relaxed);
            self.count.fetch_sub(before, Ordering::Relaxed);
            outcome
        };
        match (outcome.had, outcome.has) {
            (false, true) => self.lines.registered(line, owner, now),
            (true, false) => self.lines.unregistered(line, owner, now),
            _ => {}
        }
        outcome.all
    }

    fn shard(&self, line: &LineId) -> &Mutex<Lines> {
        let number =
            line.number.as_str().bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
        &self.shards[number % SHARDS]
    }
}

#[cfg(test)]
mod tests;
