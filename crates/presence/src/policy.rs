//! Who may watch whom: a colleague sees what the presentity's roster lets them see (`PS-11`, RFC 6121 §4.3.2).

use model::BareJid;
use store::Store;

/// May `watcher` see the presence of `presentity`? Everyone sees themselves; others need a subscription
/// that the presentity granted (state `from` or `both` in the presentity's roster).
///
/// # Errors
/// The store could not be read: the caller shows "offline" and says so in its log.
pub async fn may_watch(store: &Store, watcher: &BareJid, presentity: &BareJid) -> Result<bool, store::Error> {
    if watcher == presentity {
        return Ok(true);
    }
    let item = store.roster_item(presentity, watcher).await?;
    Ok(item.is_some_and(|item| item.subscription.to_contact()))
}
