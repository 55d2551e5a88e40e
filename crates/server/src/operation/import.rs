//! Importing users: every bad row is named, and either all come in or none does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use model::{BareJid, LineId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{IMPORT_USERS_MAX, NewLine, NewUser};

use super::{Failure, FailureKind, House, Progress, secret};

/// The columns of an import file, in any order; the last three may be empty.
pub const IMPORT_COLUMNS: [&str; 5] = ["jid", "name", "password", "line", "line_password"];
/// Row errors that are told; the rest is counted.
const ROW_ERRORS_MAX: usize = 50;
/// How often progress is told while passwords are computed.
const PROGRESS_INTERVAL: std::time::Duration = std::time::Duration::from_millis(200);

/// One row as it stands in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportRow {
    /// The line of the file, from 1.
    pub at: u64,
    /// The address.
    pub jid: String,
    /// The name shown to people.
    #[serde(default)]
    pub name: String,
    /// The password.
    pub password: String,
    /// The line's number.
    #[serde(default)]
    pub line: String,
    /// The line's password; without one the line gets a random one, to be set later.
    #[serde(default)]
    pub line_password: String,
}

/// A row that makes sense.
struct Candidate {
    at: u64,
    jid: BareJid,
    name: String,
    password: String,
    line: Option<(LineId, String)>,
}

impl House {
    pub(super) async fn user_import(&self, rows: Vec<ImportRow>, progress: Progress<'_>) -> Result<Value, Failure> {
        if rows.len() > IMPORT_USERS_MAX {
            return Err(Failure::refused(format!("at most {IMPORT_USERS_MAX} users in one import; split the file")));
        }
        let candidates = self.candidates(rows)?;
        let places: Vec<u64> = candidates.iter().map(|candidate| candidate.at).collect();
        let (weak, users) = self.derive(candidates, progress).await?;
        let count = users.len();
        match self.store.users_import(users).await {
            Ok(()) => Ok(json!({ "imported": count, "weak_passwords": weak })),
            Err(store::Error::Conflicts(conflicts)) => {
                let name = |c: &store::Conflict| {
                    let at = places.get(c.row).copied().unwrap_or_default();
                    format!("line {at}: {} exists already", c.what)
                };
                Err(row_failure(conflicts.iter().map(name).collect()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn candidates(&self, rows: Vec<ImportRow>) -> Result<Vec<Candidate>, Failure> {
        let (mut good, mut bad) = (Vec::with_capacity(rows.len()), Vec::new());
        let (mut users, mut lines) = (BTreeSet::new(), BTreeSet::new());
        for row in rows {
            let at = row.at;
            match self.candidate(row) {
                Ok(candidate) if !users.insert(candidate.jid.clone()) => {
                    bad.push(format!("line {at}: {} stands twice in the file", candidate.jid));
                }
                Ok(candidate) => match &candidate.line {
                    Some((line, _)) if !lines.insert(line.clone()) => {
                        bad.push(format!("line {at}: line {line} stands twice in the file"));
                    }
                    _ => good.push(candidate),
                },
                Err(message) => bad.push(format!("line {at}: {message}")),
            }
        }
        if bad.is_empty() { Ok(good) } else { Err(row_failure(bad)) }
    }

    fn candidate(&self, row: ImportRow) -> Result<Candidate, String> {
        let jid: BareJid = row.jid.trim().parse().map_err(|_| format!("`{}` is not an address", row.jid))?;
        self.own(&jid).map_err(|failure| failure.message)?;
        if row.password.is_empty() {
            return Err("the password is empty".to_owned());
        }
        let line = match row.line.trim() {
            "" if !row.line_password.is_empty() => return Err("a line password without a line".to_owned()),
            "" => None,
            number => {
                let number: model::Number = number.parse().map_err(|e| format!("`{number}`: {e}"))?;
                let password = if row.line_password.is_empty() {
                    secret::random_line_password(&self.runtime)
                } else {
                    row.line_password
                };
                Some((LineId::from(number), password))
            }
        };
        Ok(Candidate { at: row.at, jid, name: row.name, password: row.password, line })
    }

    /// Computes all records on as many threads as there are cores; gives how many passwords are weak.
    async fn derive(
        &self,
        candidates: Vec<Candidate>,
        progress: Progress<'_>,
    ) -> Result<(usize, Vec<NewUser>), Failure> {
        let total = candidates.len();
        let weak = candidates.iter().filter(|c| secret::weakness(&c.password).is_some()).count();
        let done = Arc::new(AtomicUsize::new(0));
        let todo = Arc::new(Mutex::new(candidates.into_iter().enumerate()));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = (0..threads).map(|_| {
            let (todo, done) = (Arc::clone(&todo), Arc::clone(&done));
            let (domain, runtime) = (self.domain.clone(), self.runtime.clone());
            self.runtime.blocking(move || work(&todo, &done, &domain, &runtime)).join()
        });
        let workers = join_all(workers);
        tokio::pin!(workers);
        let results = loop {
            tokio::select! {
                biased;
                results = &mut workers => break results,
                () = self.runtime.sleep(PROGRESS_INTERVAL) => progress(done.load(Ordering::Relaxed), total),
            }
        };
        progress(total, total);
        let mut users = Vec::with_capacity(total);
        let mut bad = Vec::new();
        for (good, wrong) in results.into_iter().flatten() {
            users.extend(good);
            bad.extend(wrong);
        }
        if !bad.is_empty() {
            return Err(row_failure(bad));
        }
        users.sort_by_key(|(place, _)| *place);
        Ok((weak, users.into_iter().map(|(_, user)| user).collect()))
    }
}

type Done = (Vec<(usize, NewUser)>, Vec<String>);

/// One thread's share: it takes the next row until none is left.
fn work(
    todo: &Mutex<std::iter::Enumerate<std::vec::IntoIter<Candidate>>>,
    done: &AtomicUsize,
    domain: &str,
    runtime: &runtime::Runtime,
) -> Done {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    loop {
        let next = todo.lock().map_or(None, |mut rows| rows.next());
        let Some((place, row)) = next else { return (good, bad) };
        match secret::scram(&row.password, &secret::salt(runtime)) {
            Ok(scram) => good.push((place, user(row, scram, domain))),
            Err(failure) => bad.push(format!("line {}: {}", row.at, failure.message)),
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
}

fn user(row: Candidate, scram: Vec<store::ScramRecord>, domain: &str) -> NewUser {
    let lines = row.line.map(|(line, password)| {
        let secrets = secret::digest(&line, Some(&row.jid), domain, &password);
        NewLine { line, owner: Some(row.jid.clone()), secrets }
    });
    NewUser { jid: row.jid, name: row.name, scram, lines: lines.into_iter().collect() }
}

fn row_failure(mut rows: Vec<String>) -> Failure {
    let count = rows.len();
    rows.truncate(ROW_ERRORS_MAX);
    if count > ROW_ERRORS_MAX {
        rows.push(format!("and {} more", count - ROW_ERRORS_MAX));
    }
    let message = format!("{count} rows are wrong; nothing was imported. Mend them and import again");
    Failure { kind: FailureKind::Refused, message, rows }
}
