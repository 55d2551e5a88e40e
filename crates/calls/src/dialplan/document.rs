//! The plan as it is kept: the document as its author wrote it, the saved cases, and how often it was changed.

use model::Timestamp;
use model::plan::Plan;
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use store::Store;

use super::{Accounts, Case, DialPlan, Services, compile};

/// The setting under which it is kept.
pub const SETTING: &str = "calls.dial_plan";
/// The form in which it is kept.
const FORMAT: u32 = 1;

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The form of this record.
    pub format: u32,
    /// Counts changes, from 1; 0 when nothing was ever applied.
    pub revision: u64,
    /// When it was changed last.
    pub changed: Option<Timestamp>,
    /// The plan, as it was written: TOML or JSON.
    pub document: String,
    /// The saved cases.
    pub cases: Vec<Case>,
    /// The record that was read; `None` when there was none.
    #[serde(skip)]
    pub record: Option<String>,
}

/// Why a plan was not kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// Somebody else's change came first: read what is kept now, and begin again.
    #[error("the dial plan was changed by somebody else meanwhile")]
    Changed,
    /// The storage's fault.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// Reads what is kept; the empty plan when nothing is.
///
/// # Errors
/// The storage fails, or what is kept cannot be read ([`store::Error::Corrupt`]): nothing is written over it then.
pub async fn kept(store: &Store) -> Result<Kept, store::Error> {
    let Some(text) = store.setting(SETTING).await? else { return Ok(Kept::default()) };
    match serde_json::from_str::<Kept>(&text) {
        Ok(kept) if kept.format <= FORMAT => Ok(Kept { record: Some(text), ..kept }),
        Ok(kept) => Err(store::Error::Corrupt(format!(
            "the dial plan was kept by a newer version (format {}): use that version",
            kept.format
        ))),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Keeps a plan that was checked, in the place of the one that it was made from ([`Kept::record`]).
///
/// # Errors
/// Another one was kept since that was read, or the storage fails.
pub async fn keep(store: &Store, mut kept: Kept, now: Timestamp) -> Result<Kept, KeepError> {
    (kept.format, kept.revision, kept.changed) = (FORMAT, kept.revision + 1, Some(now));
    let text = serde_json::to_string(&kept).map_err(|error| unreadable(&error))?;
    if !store.setting_replace(SETTING, kept.record.as_deref(), &text).await? {
        return Err(KeepError::Changed);
    }
    Ok(Kept { record: Some(text), ..kept })
}

fn unreadable(error: &dyn std::fmt::Display) -> store::Error {
    store::Error::Corrupt(format!("the dial plan that is kept cannot be read: {error}"))
}

/// Makes the plan of a store ready: what is kept, over the users and lines that are there. A large plan takes a
/// while, so it is made where work may block.
///
/// # Errors
/// As [`kept`]. Without its plan everybody would reach everything, so there is no plan in its place.
pub async fn load(
    store: &Store,
    services: impl Into<Services>,
    runtime: &Runtime,
) -> Result<DialPlan, store::Error> {
    let services = services.into();
    let (kept, accounts) = (kept(store).await?, accounts(store).await?);
    let made = runtime.blocking(move || {
        let plan = Plan::read(&kept.document).map_err(|error| unreadable(&error))?;
        Ok(compile(&plan, accounts, services))
    });
    made.join().await.unwrap_or_else(|| Err(unreadable(&"making it ready was given up")))
}

/// The users and lines of a store.
///
/// # Errors
/// The storage fails.
pub async fn accounts(store: &Store) -> Result<Accounts, store::Error> {
    Ok(Accounts::new(&store.users().await?, &store.lines().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_changes_of_the_same_plan_the_second_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("db").display());
        let store = Store::open(&url, &Runtime::real()).await.unwrap();
        let change = |kept: &Kept, document: &str| Kept { document: document.to_owned(), ..kept.clone() };
        // The first plan of all, then one over another.
        for revision in 1..=2 {
            let read = kept(&store).await.unwrap();
            let one = keep(&store, change(&read, "# one"), Timestamp(1)).await.unwrap();
            assert_eq!(one.revision, revision);
            let other = keep(&store, change(&read, "# other"), Timestamp(1)).await;
            assert!(matches!(other, Err(KeepError::Changed)), "{other:?}");
            assert_eq!(kept(&store).await.unwrap(), one);
        }
        store.close().await;
    }
}
