//! Archives: what an administrator takes out of them.

use model::{BareJid, Jid, Timestamp};
use serde::{Deserialize, Serialize};
use store::ArchiveRemoval;

use crate::{Change, Context, Failure};

/// What came of a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Whose archive it was.
    pub owner: BareJid,
    /// How many messages are gone from it. They stay in the archives of those who were talked with.
    pub messages: u64,
}

pub(crate) async fn delete(
    context: &Context,
    owner: BareJid,
    before: Option<&str>,
    with: Option<Jid>,
) -> Result<Deleted, Failure> {
    let before = before.map(moment).transpose()?;
    let removal = ArchiveRemoval { owner, with, before };
    let messages = context.store.archive_remove(&removal).await?;
    context.changed(&Change::ArchiveChanged(removal.owner.clone()));
    Ok(Deleted { owner: removal.owner, messages })
}

/// A day, which begins in UTC (`AR-14`), or a time.
fn moment(text: &str) -> Result<Timestamp, Failure> {
    let midnight = format!("{text}T00:00:00Z");
    text.parse().or_else(|_| midnight.parse()).map_err(|_| {
        Failure::invalid(format!(
            "{text:?} is neither a day such as 2026-01-31 nor a time such as 2026-01-31T08:00:00Z"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_utc() {
        assert_eq!(moment("2026-01-31").unwrap(), moment("2026-01-31T00:00:00Z").unwrap());
        assert!(moment("yesterday").is_err());
        assert!(moment("2026-02-31").is_err());
    }
}
