//! Taking accounts of another server, and giving them away, as XEP-0227 writes them.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use model::{BareJid, Timestamp};
use serde::{Deserialize, Serialize};
use store::{
    ARCHIVE_PAGE_MAX, Account, AccountsAdded, ArchiveQuery, Archives, Entry, PageFrom, SPOOLED_PAGE_MAX, Seq,
};

use crate::migration::account::{self, Message, Reading};
use crate::migration::document;
use crate::{Context, Failure, Secret, password, user};

/// The kind of the document that says which waiting messages came with an import: they are not brought again.
const BROUGHT: &str = "import-brought";
/// Messages of one account that are remembered so.
const BROUGHT_MAX: usize = 10_000;

/// Accounts to be taken.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountsGiven {
    /// Nothing is kept, and only told what would be.
    pub trial: bool,
    /// The accounts.
    pub accounts: Vec<AccountGiven>,
}

/// One account, or more of one.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountGiven {
    /// The address.
    pub jid: BareJid,
    /// The password, where it is known.
    pub password: Option<Secret>,
    /// Elements as they stand in `<user/>`.
    pub parts: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountsTaken {
    /// What is new.
    pub counts: Counts,
    /// What was not taken.
    pub left_out: Vec<LeftOut>,
}

/// What is new, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts.
    pub accounts: u64,
    /// Accounts that got the password that they had.
    pub passwords: u64,
    /// Contacts.
    pub contacts: u64,
    /// Requests of others to see somebody.
    pub requests: u64,
    /// Cards and private documents.
    pub documents: u64,
    /// Blocked addresses.
    pub blocked: u64,
    /// Nodes of personal events.
    pub nodes: u64,
    /// Their items.
    pub items: u64,
    /// Messages of archives.
    pub archived: u64,
    /// Messages that wait.
    pub waiting: u64,
}

/// Something that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The place of the account in the list.
    pub account: usize,
    /// The place of the part in the account; `None` for the account itself.
    pub part: Option<usize>,
    /// Why, and what to do.
    pub message: String,
}

/// An account, or more of its archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountExported {
    /// Elements that stand in `<user/>` as they are.
    pub parts: Vec<String>,
    /// Messages that wait.
    pub waiting: Vec<String>,
    /// Results of the archive.
    pub archived: Vec<String>,
    /// Behind this the archive goes on.
    pub next: Option<String>,
}

impl Counts {
    /// Adds the numbers of another.
    pub fn add(&mut self, more: &Self) {
        self.accounts += more.accounts;
        self.passwords += more.passwords;
        self.contacts += more.contacts;
        self.requests += more.requests;
        self.documents += more.documents;
        self.blocked += more.blocked;
        self.nodes += more.nodes;
        self.items += more.items;
        self.archived += more.archived;
        self.waiting += more.waiting;
    }

    fn added(&mut self, added: &AccountsAdded) {
        self.accounts = added.users;
        self.passwords = added.passwords;
        self.contacts = added.contacts;
        self.requests = added.requests;
        self.documents = added.documents;
        self.blocked = added.blocked;
        self.nodes = added.nodes;
        self.items = added.items;
    }
}

/// Adds what is not there yet. What is there stays as it is, so that the same may be given again.
pub(crate) async fn take(context: &Context, given: AccountsGiven) -> Result<AccountsTaken, Failure> {
    let (mut taken, trial) = (AccountsTaken::default(), given.trial);
    let mut readings = read(context, given.accounts, &mut taken).await?;
    let accounts: Vec<Account> = readings.iter().map(|reading| reading.account.clone()).collect();
    let jids: Vec<BareJid> = accounts.iter().map(|account| account.jid.clone()).collect();
    let known = messages_known(context, &readings).await?;
    taken.counts.added(&context.store.accounts_add(accounts, trial).await?);
    let mut last = None;
    let mut brought = Vec::new();
    for reading in &mut readings {
        let jid = reading.account.jid.clone();
        let known = known.get(&jid);
        let mut fresh = Fresh { jid, known, brought: BTreeSet::new() };
        for message in std::mem::take(&mut reading.messages) {
            let Some(entry) = fresh.entry(context, message) else { continue };
            taken.counts.archived += u64::from(entry.archives.owner);
            taken.counts.waiting += u64::from(entry.spool);
            if !trial {
                last = Some(append(context, entry).await?);
            }
        }
        if !fresh.brought.is_empty() {
            brought.push((fresh.jid, fresh.brought));
        }
    }
    if let Some(last) = last {
        context.store.kept(last).await?;
    }
    if !trial {
        for (jid, fresh) in brought {
            remember(context, &jid, known.get(&jid), fresh).await?;
        }
        if let Some(node) = &context.node {
            node.accounts_added(&jids).await;
        }
    }
    Ok(taken)
}

/// What the elements say; passwords that are known become credentials, on all cores.
async fn read(
    context: &Context,
    given: Vec<AccountGiven>,
    taken: &mut AccountsTaken,
) -> Result<Vec<Reading>, Failure> {
    let tasks = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let now = context.runtime.timestamp();
    let mut wanted = Vec::new();
    for (place, account) in given.into_iter().enumerate() {
        match user::check_address(context, &account.jid) {
            Ok(()) => wanted.push((place, account)),
            Err(failure) => {
                taken.left_out.push(LeftOut { account: place, part: None, message: failure.message });
            }
        }
    }
    let reading = |(place, account): (usize, AccountGiven)| async move {
        let has = match &account.password {
            Some(_) => {
                context.store.credentials(&account.jid).await?.is_some_and(|known| !known.scram.is_empty())
            }
            None => true,
        };
        let (inside, hashes) = (context.runtime.clone(), context.hashes.clone());
        let read = move || {
            let mut reading = account::read(&account.jid, &account.parts, now);
            // A password is worth more than one record of it: it gives all.
            if let Some(Secret(password)) = account.password.filter(|_| !has) {
                match password::check(&password)
                    .map(|()| password::derive(&password, &password::entropy(&inside), &hashes))
                {
                    Ok(Ok(scram)) => reading.account.scram = scram,
                    Ok(Err(error)) => reading.refused.push(format!("the password: {error}")),
                    Err(failure) => reading.refused.push(format!("the password: {failure}")),
                }
            }
            reading
        };
        let reading = context.runtime.blocking(read).join().await;
        reading.map(|reading| (place, reading)).ok_or_else(|| {
            Failure::new(crate::exit::Exit::Failed, "reading an account broke off: see the log")
        })
    };
    let mut readings = Vec::with_capacity(wanted.len());
    let mut all = futures::stream::iter(wanted).map(reading).buffered(tasks);
    while let Some(read) = all.next().await {
        let (account, mut reading) = read?;
        for message in reading.refused.drain(..) {
            taken.left_out.push(LeftOut { account, part: None, message });
        }
        for (part, message) in reading.left_out.drain(..) {
            taken.left_out.push(LeftOut { account, part: Some(part), message });
        }
        readings.push(reading);
    }
    Ok(readings)
}

/// What is there of an account's messages.
#[derive(Default)]
struct Known {
    archived: BTreeSet<u64>,
    waiting: BTreeSet<u64>,
    brought: BTreeSet<u64>,
}

/// Which messages are not there yet.
struct Fresh<'a> {
    jid: BareJid,
    known: Option<&'a Known>,
    brought: BTreeSet<u64>,
}

impl Fresh<'_> {
    fn entry(&mut self, context: &Context, message: Message) -> Option<Entry> {
        let mark = account::fingerprint(message.at, &message.stanza);
        let (mut archive, mut wait) = (message.archived, message.waits);
        if let Some(known) = self.known {
            archive &= !known.archived.contains(&mark);
            wait &= !known.waiting.contains(&mark) && !known.brought.contains(&mark);
        }
        // It is in the archive, and waits no more there.
        if !archive && (!wait || message.archived) {
            return None;
        }
        if wait {
            self.brought.insert(mark);
        }
        let id = context.store.stanza_id();
        let stanza = if archive && wait { with_id(&message.stanza, &self.jid, id) } else { message.stanza };
        Some(Entry {
            id,
            owner: self.jid.clone(),
            from: message.from,
            to: message.to,
            stanza,
            at: message.at,
            spool: wait,
            archives: Archives { owner: archive, sender: false },
            told: None,
        })
    }
}

/// A client that gets the message, and reads the archive, too, knows it by its id (XEP-0359).
fn with_id(stanza: &Bytes, owner: &BareJid, id: store::StanzaId) -> Bytes {
    const END: &[u8] = b"</message>";
    let Some(head) = stanza.strip_suffix(END) else { return stanza.clone() };
    let mut out = BytesMut::with_capacity(stanza.len() + 128);
    out.extend_from_slice(head);
    xmpp::xep::stanza_ids::write(&mut out, id.encode(&mut [0; 36]), owner.as_str());
    out.extend_from_slice(END);
    out.freeze()
}

/// Looks which messages are there, of those that have some: read before anything is written, so that the archive's
/// index is waited for once.
async fn messages_known(
    context: &Context,
    readings: &[Reading],
) -> Result<BTreeMap<BareJid, Known>, Failure> {
    let mut all = BTreeMap::<BareJid, Known>::new();
    for reading in readings.iter().filter(|reading| !reading.messages.is_empty()) {
        let jid = &reading.account.jid;
        let known = all.entry(jid.clone()).or_default();
        let times = || reading.messages.iter().filter(|message| message.archived).map(|message| message.at);
        if let (Some(first), Some(last)) = (times().min(), times().max()) {
            archive_known(context, jid, (first, last), known).await?;
        }
        if reading.messages.iter().any(|message| message.waits) {
            let mut after = Seq(0);
            loop {
                let page = context.store.spooled(jid, after, SPOOLED_PAGE_MAX).await?;
                let Some(last) = page.last() else { break };
                after = last.seq;
                known.waiting.extend(page.iter().map(|s| account::marked(jid, s.at, &s.stanza)));
            }
            let brought = context.store.user_document(jid, BROUGHT).await?.unwrap_or_default();
            let brought = String::from_utf8_lossy(&brought);
            known.brought.extend(brought.lines().filter_map(|mark| u64::from_str_radix(mark, 16).ok()));
        }
    }
    Ok(all)
}

async fn archive_known(
    context: &Context,
    jid: &BareJid,
    (first, last): (Timestamp, Timestamp),
    known: &mut Known,
) -> Result<(), Failure> {
    let mut from = PageFrom::Start;
    loop {
        let query = ArchiveQuery {
            start: Some(first),
            end: Some(last),
            from,
            max: ARCHIVE_PAGE_MAX,
            ..ArchiveQuery::default()
        };
        let page = context.store.archive_page(jid, &query).await?;
        known.archived.extend(page.entries.iter().map(|entry| account::marked(jid, entry.at, &entry.stanza)));
        match page.entries.last() {
            Some(entry) if !page.complete => from = PageFrom::After(entry.id),
            _ => return Ok(()),
        }
    }
}

/// Appends an entry, and lets the storage catch up when too many wait.
async fn append(context: &Context, entry: Entry) -> Result<Seq, Failure> {
    let mut durable = context.store.durable();
    loop {
        match context.store.journal_append(entry.clone()) {
            Err(store::Error::QueueFull) => {
                durable.changed().await.map_err(|_| Failure::from(store::Error::Closed))?;
            }
            appended => return Ok(appended?),
        }
    }
}

async fn remember(
    context: &Context,
    jid: &BareJid,
    known: Option<&Known>,
    fresh: BTreeSet<u64>,
) -> Result<(), Failure> {
    let all = fresh.iter().chain(known.into_iter().flat_map(|known| &known.brought)).take(BROUGHT_MAX);
    let text: String = all.map(|mark| format!("{mark:016x}\n")).collect();
    Ok(context.store.user_document_put(jid, BROUGHT, text.into()).await?)
}

/// One account, or the next page of its archive.
pub(crate) async fn export(
    context: &Context,
    jid: &BareJid,
    after: Option<String>,
) -> Result<AccountExported, Failure> {
    let text = |element: xmpp::Element| String::from_utf8_lossy(&element.to_bytes()).into_owned();
    let mut exported =
        AccountExported { parts: Vec::new(), waiting: Vec::new(), archived: Vec::new(), next: None };
    let from = match after {
        Some(id) => PageFrom::After(id.parse().map_err(|_| Failure::invalid(format!("{id:?} is no id")))?),
        None => {
            let account = context.store.account(jid).await?;
            let account = account.ok_or_else(|| Failure::not_found(format!("there is no user {jid}")))?;
            exported.parts = document::parts(&account).into_iter().map(text).collect();
            let mut after = Seq(0);
            loop {
                let page = context.store.spooled(jid, after, SPOOLED_PAGE_MAX).await?;
                let Some(last) = page.last() else { break };
                after = last.seq;
                let waiting = page.iter().filter_map(|s| document::waiting(context.domain.as_str(), s));
                exported.waiting.extend(waiting.map(text));
            }
            PageFrom::Start
        }
    };
    let query = ArchiveQuery { from, max: ARCHIVE_PAGE_MAX, ..ArchiveQuery::default() };
    let page = context.store.archive_page(jid, &query).await?;
    exported.archived = page.entries.iter().filter_map(document::archived).map(text).collect();
    exported.next = page.entries.last().filter(|_| !page.complete).map(|entry| entry.id.to_string());
    Ok(exported)
}
