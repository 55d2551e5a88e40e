//! The rules of RFC 3261 §10.3 steps 6 to 8, as a function of the bindings and the request.

use std::sync::Arc;
use std::time::Duration;

use model::{BareJid, LineId, Timestamp};

use super::binding::{Binding, CONTACTS_MAX, Change, Identity, Refused, Update, is_worth_writing};

/// What a REGISTER does.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The line's bindings afterwards.
    pub bindings: Vec<Arc<Binding>>,
    /// Those that the store must hear of.
    pub written: Vec<Arc<Binding>>,
    /// Those that are gone.
    pub removed: Vec<Arc<Binding>>,
}

/// Carries out `update` on the bindings of a line; nothing is changed when it is refused.
pub(super) fn apply(
    before: &[Arc<Binding>],
    (line, owner): (&LineId, Option<&BareJid>),
    update: &Update,
    now: Timestamp,
) -> Result<Applied, Refused> {
    let mut applied = Applied { bindings: before.to_vec(), ..Applied::default() };
    let contacts = match &update.change {
        Change::Nothing => return Ok(applied),
        Change::RemoveAll => {
            for binding in before {
                in_order(binding, update)?;
            }
            applied.removed = std::mem::take(&mut applied.bindings);
            return Ok(applied);
        }
        Change::Contacts(contacts) => contacts,
    };
    for (contact, seconds) in contacts {
        let identity = Identity::of(contact, update.outbound);
        let place = applied.bindings.iter().position(|binding| binding.is_of(contact.uri(), &identity));
        let held = place.map(|place| applied.bindings.remove(place));
        let old = before.iter().find(|binding| binding.is_of(contact.uri(), &identity)).cloned();
        if let Some(old) = &old {
            in_order(old, update)?;
        }
        // §10.3 says nothing of one contact that is named twice: what is said last holds.
        if let Some(held) = held {
            applied.written.retain(|written| !Arc::ptr_eq(written, &held));
        }
        if *seconds == 0 {
            applied.removed.extend(old);
            continue;
        }
        let mut new = Binding {
            line: line.clone(),
            owner: owner.cloned(),
            contact: contact.uri().detached(),
            identity,
            order: update.order.clone(),
            q_thousandths: contact.q_thousandths(),
            flow: update.flow,
            path: update.path.clone(),
            user_agent: update.user_agent.clone(),
            device: update.device.clone(),
            lent: update.lent.clone(),
            expires_at: now.plus(Duration::from_secs(u64::from(*seconds))),
            registered_at: old.as_ref().map_or(now, |old| old.registered_at),
            stored_until: old.as_ref().map_or(Timestamp(0), |old| old.stored_until),
        };
        let write = is_worth_writing(old.as_deref(), &new, now);
        if write {
            new.stored_until = new.expires_at;
        }
        let new = Arc::new(new);
        if write {
            // Under another key when a flow took the place of another contact: the old row must not stay.
            applied.removed.retain(|removed| removed.stored_key() != new.stored_key());
            applied.removed.extend(old.filter(|old| old.stored_key() != new.stored_key()));
            applied.written.push(Arc::clone(&new));
        }
        applied.bindings.push(new);
    }
    while applied.bindings.len() > CONTACTS_MAX {
        let first = applied.bindings.iter().enumerate().min_by_key(|(_, binding)| binding.expires_at);
        let Some(place) = first.map(|(place, _)| place) else { break };
        applied.removed.push(applied.bindings.remove(place));
    }
    Ok(applied)
}

/// "If the Call-ID agrees, and the CSeq is not higher, the request MUST be aborted" (RFC 3261 §10.3 step 7).
fn in_order(binding: &Binding, update: &Update) -> Result<(), Refused> {
    let stale = binding.order.call_id == update.order.call_id && update.order.cseq <= binding.order.cseq;
    if stale { Err(Refused::OutOfOrder) } else { Ok(()) }
}
