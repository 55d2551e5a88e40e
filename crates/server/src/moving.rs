//! Handing the accounts of another server over, in pieces of bounded size.

use std::collections::BTreeSet;

use model::BareJid;
use operations::migration::{AccountHead, Files, Place, Step};
use operations::{
    AccountGiven, AccountsGiven, AccountsTaken, Counts, Failure, Listener, Progress, Request, Secret,
};

use crate::access::Access;

/// Text that is handed over at once, in bytes.
const BATCH_BYTES_MAX: usize = 2 << 20;
/// Accounts that are handed over at once.
const BATCH_ACCOUNTS_MAX: usize = 200;
/// All of one account but its messages, in bytes.
const ACCOUNT_BYTES_MAX: usize = 10 << 20;
/// What is told of what was left out.
pub const LEFT_OUT_MAX: usize = 1_000;

/// What came of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// What is new.
    pub counts: Counts,
    /// Accounts in the files.
    pub accounts: u64,
    /// What was left out: where, whose, why. At most [`LEFT_OUT_MAX`].
    pub left_out: Vec<(Place, String, String)>,
    /// What was left out in all.
    pub left_out_count: u64,
}

/// Reads files and hands accounts over.
pub struct Import<'a> {
    access: &'a mut Access,
    trial: bool,
    imported: Imported,
    batch: Vec<(AccountGiven, Place, Vec<Place>)>,
    bytes: usize,
    /// The account that is being read.
    open: Option<Open>,
    /// Domains that are not served here, told once.
    foreign: BTreeSet<String>,
}

struct Open {
    given: AccountGiven,
    place: Place,
    places: Vec<Place>,
    bytes: usize,
    /// Messages that wait come last, for the archive may have them, too.
    waiting: Vec<(Place, String)>,
    /// Something of the account was handed over already.
    begun: bool,
}

impl<'a> Import<'a> {
    /// An import by this way; with `trial` nothing is kept.
    pub fn new(access: &'a mut Access, trial: bool) -> Self {
        Self {
            access,
            trial,
            imported: Imported::default(),
            batch: Vec::new(),
            bytes: 0,
            open: None,
            foreign: BTreeSet::new(),
        }
    }

    /// Reads all and hands it over.
    ///
    /// # Errors
    /// The files cannot be read to their end, or the storage takes no writes. What was handed over before is kept, and
    /// the import can be run again.
    pub async fn run(
        mut self,
        files: &mut Files,
        steps: u64,
        progress: Listener<'_>,
    ) -> Result<Imported, Failure> {
        let mut done = 0;
        while let Some((place, step)) = files.step()? {
            done += 1;
            match step {
                Step::Account(head) => self.begin(head, place),
                Step::Part(element) => {
                    let text = String::from_utf8_lossy(&element.to_bytes()).into_owned();
                    let message = element.name() == "message";
                    let archived = element.name() == "result";
                    self.part(place, text, message, archived).await?;
                }
                Step::End => self.end().await?,
                Step::LeftOut(message) => {
                    let whose = self.open.as_ref().map(|open| open.given.jid.to_string()).unwrap_or_default();
                    self.leave_out(place, whose, message);
                }
            }
            if done % 64 == 0 {
                progress(Progress { done, total: steps });
            }
        }
        self.hand_over().await?;
        progress(Progress { done: steps, total: steps });
        Ok(self.imported)
    }

    fn begin(&mut self, head: AccountHead, place: Place) {
        self.imported.accounts += u64::from(!head.again);
        self.open = None;
        let address = format!("{}@{}", head.name, head.host);
        match address.parse::<BareJid>() {
            Ok(jid) => {
                let password = head.password.filter(|password| !password.is_empty()).map(Secret);
                let given = AccountGiven { jid, password, parts: Vec::new() };
                let (places, waiting) = (Vec::new(), Vec::new());
                self.open = Some(Open { given, place, places, bytes: 0, waiting, begun: false });
            }
            Err(_) => {
                self.leave_out(place, address, "this is no address: the account is left out".to_owned())
            }
        }
    }

    async fn part(
        &mut self,
        place: Place,
        text: String,
        message: bool,
        archived: bool,
    ) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if open.bytes + text.len() > ACCOUNT_BYTES_MAX && !archived {
            let whose = open.given.jid.to_string();
            let message =
                format!("the account has more than {} MiB: this is left out", ACCOUNT_BYTES_MAX >> 20);
            self.leave_out(place, whose, message);
            return Ok(());
        }
        if message {
            open.bytes += text.len();
            open.waiting.push((place, text));
            return Ok(());
        }
        open.bytes += text.len();
        open.given.parts.push(text);
        open.places.push(place);
        if archived && open.bytes > BATCH_BYTES_MAX {
            self.hand_over_archive().await?;
        }
        Ok(())
    }

    /// A long archive goes ahead of the rest of its account.
    async fn hand_over_archive(&mut self) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut ahead =
            (AccountGiven { parts: Vec::new(), ..open.given.clone() }, open.place.clone(), Vec::new());
        if open.begun {
            ahead.0.password = None;
        }
        let (mut kept, mut kept_places, mut bytes) = (Vec::new(), Vec::new(), 0);
        let parts = std::mem::take(&mut open.given.parts);
        for (part, place) in parts.into_iter().zip(std::mem::take(&mut open.places)) {
            // Nodes belong together: their configuration may come later.
            if part.starts_with("<pubsub") {
                bytes += part.len();
                kept.push(part);
                kept_places.push(place);
            } else {
                ahead.0.parts.push(part);
                ahead.2.push(place);
            }
        }
        open.given.parts = kept;
        open.places = kept_places;
        open.bytes = bytes + open.waiting.iter().map(|(_, text)| text.len()).sum::<usize>();
        open.begun = true;
        self.batch.push(ahead);
        self.hand_over().await
    }

    async fn end(&mut self) -> Result<(), Failure> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        for (place, text) in open.waiting {
            open.given.parts.push(text);
            open.places.push(place);
        }
        self.bytes += open.bytes;
        self.batch.push((open.given, open.place, open.places));
        if self.bytes > BATCH_BYTES_MAX || self.batch.len() >= BATCH_ACCOUNTS_MAX {
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self) -> Result<(), Failure> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let mut accounts = Vec::with_capacity(batch.len());
        let mut places = Vec::with_capacity(batch.len());
        for (given, place, parts) in batch {
            places.push((given.jid.clone(), place, parts));
            accounts.push(given);
        }
        let request = Request::AccountsTake(AccountsGiven { trial: self.trial, accounts });
        let taken: AccountsTaken = self.access.perform(request, &|_| {}).await?;
        self.imported.counts.add(&taken.counts);
        for left_out in taken.left_out {
            let Some((jid, place, parts)) = places.get(left_out.account) else { continue };
            let place = left_out.part.and_then(|part| parts.get(part)).unwrap_or(place).clone();
            self.leave_out(place, jid.to_string(), left_out.message);
        }
        Ok(())
    }

    fn leave_out(&mut self, place: Place, whose: String, message: String) {
        // Every account of a domain that is not served is left out for the same reason.
        let domain = whose.split_once('@').map(|(_, domain)| domain.to_owned());
        if message.contains("not of this server's domain")
            && let Some(domain) = domain
            && !self.foreign.insert(domain)
        {
            self.imported.left_out_count += 1;
            return;
        }
        self.imported.left_out_count += 1;
        if self.imported.left_out.len() < LEFT_OUT_MAX {
            self.imported.left_out.push((place, whose, message));
        }
    }
}
