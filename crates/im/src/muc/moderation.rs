//! What moderators, admins and owners do: roles, affiliations, configuration, the end of a room (XEP-0045 §8 to §10).

use model::{BareJid, FullJid};
use store::ROOM_AFFILIATIONS_MAX;
use xmpp::{Condition, Element, ErrorKind, StanzaError};

use super::affiliation::{Affiliation, Role, may_change_role};
use super::config::RoomConfig;
use super::room::{Post, Room};
use super::wire::{ADMIN, Change, USER};

/// Items of one request.
const ITEMS_MAX: usize = 256;
/// A reason, in bytes; longer ones are refused.
const REASON_BYTES_MAX: usize = 1_023;

/// One thing that is to be changed.
#[derive(Debug, PartialEq)]
enum Order {
    Role { nick: String, role: Role, reason: Option<String> },
    Affiliation { user: BareJid, affiliation: Affiliation, reason: Option<String> },
}

impl Order {
    fn read(item: &Element, room: &Room) -> Result<Self, StanzaError> {
        let reason = item.child("reason", ADMIN).map(Element::text).filter(|reason| !reason.is_empty());
        if reason.as_ref().is_some_and(|reason| reason.len() > REASON_BYTES_MAX) {
            return Err(Condition::NotAcceptable.into());
        }
        if let Some(role) = item.attr("role") {
            let role = Role::of(role).ok_or(Condition::BadRequest)?;
            let nick = item.attr("nick").ok_or(Condition::BadRequest)?.to_owned();
            return Ok(Self::Role { nick, role, reason });
        }
        let affiliation = item.attr("affiliation").and_then(Affiliation::of).ok_or(Condition::BadRequest)?;
        let user = match (item.attr("jid"), item.attr("nick")) {
            (Some(jid), _) => jid.parse::<model::Jid>().map_err(|_| Condition::JidMalformed)?.to_bare(),
            (None, Some(nick)) => room.occupants.get(nick).ok_or(Condition::ItemNotFound)?.user.clone(),
            (None, None) => return Err(Condition::BadRequest.into()),
        };
        Ok(Self::Affiliation { user, affiliation, reason })
    }
}

fn not_allowed() -> StanzaError {
    StanzaError::new(ErrorKind::Cancel, Condition::NotAllowed)
}

fn forbidden() -> StanzaError {
    StanzaError::new(ErrorKind::Auth, Condition::Forbidden)
}

impl Room {
    /// Changes roles and affiliations as an admin request asks; all, or none when one may not be (§9.3).
    pub(crate) fn administer(
        &mut self,
        session: &FullJid,
        query: &Element,
        post: &mut Post<'_>,
    ) -> Result<(), StanzaError> {
        let items = query.children().filter(|child| child.is("item", ADMIN)).take(ITEMS_MAX + 1);
        let orders = items.map(|item| Order::read(item, self)).collect::<Result<Vec<_>, _>>()?;
        if orders.is_empty() || orders.len() > ITEMS_MAX {
            return Err(Condition::BadRequest.into());
        }
        for order in &orders {
            self.may(session, order)?;
        }
        self.leaves_the_room_right(&orders)?;
        let actor = self.occupant_of(session).map(|occupant| occupant.nick.clone());
        for order in orders {
            match order {
                Order::Role { nick, role, reason } => {
                    self.give_role(&nick, role, actor.as_deref(), reason.as_deref(), post)
                }
                Order::Affiliation { user, affiliation, reason } => {
                    self.give_affiliation(&user, affiliation, actor.as_deref(), reason.as_deref(), post);
                }
            }
        }
        Ok(())
    }

    fn may(&self, session: &FullJid, order: &Order) -> Result<(), StanzaError> {
        let own = self.affiliation(&session.to_bare());
        match order {
            Order::Role { nick, role, .. } => {
                let me = self.occupant_of(session).ok_or_else(forbidden)?;
                let other = self.occupants.get(nick).ok_or(Condition::ItemNotFound)?;
                let theirs = (other.role, self.affiliation(&other.user));
                if me.role != Role::Moderator {
                    return Err(forbidden());
                }
                if may_change_role((me.role, own), theirs, *role) { Ok(()) } else { Err(not_allowed()) }
            }
            Order::Affiliation { user, affiliation, .. } => {
                if own < Affiliation::Admin {
                    return Err(forbidden());
                }
                if !own.may_change(self.affiliation(user), *affiliation) {
                    return Err(not_allowed());
                }
                Ok(())
            }
        }
    }

    /// All orders together leave an owner (§10.5), and no more affiliations than a room may have.
    fn leaves_the_room_right(&self, orders: &[Order]) -> Result<(), StanzaError> {
        let mut affiliations = self.affiliations.clone();
        for order in orders {
            match order {
                Order::Affiliation { user, affiliation: Affiliation::None, .. } => {
                    affiliations.remove(user);
                }
                Order::Affiliation { user, affiliation, .. } => {
                    affiliations.insert(user.clone(), *affiliation);
                }
                Order::Role { .. } => {}
            }
        }
        if affiliations.len() > ROOM_AFFILIATIONS_MAX.max(self.affiliations.len()) {
            return Err(Condition::ResourceConstraint.into());
        }
        if affiliations.values().any(|affiliation| *affiliation == Affiliation::Owner) {
            return Ok(());
        }
        Err(StanzaError::new(ErrorKind::Cancel, Condition::Conflict).with_text("a room has an owner"))
    }

    fn give_role(
        &mut self,
        nick: &str,
        role: Role,
        actor: Option<&str>,
        reason: Option<&str>,
        post: &mut Post<'_>,
    ) {
        if role == Role::None {
            // §8.2: 307, kicked.
            return self.send_out(nick, &Change { codes: &[307], actor, reason, ..Change::default() }, post);
        }
        if let Some(occupant) = self.occupants.get_mut(nick) {
            occupant.role = role;
        }
        self.announce(nick, &Change { actor, reason, ..Change::default() }, post);
    }

    pub(super) fn give_affiliation(
        &mut self,
        user: &BareJid,
        affiliation: Affiliation,
        actor: Option<&str>,
        reason: Option<&str>,
        post: &mut Post<'_>,
    ) {
        if affiliation < Affiliation::Member {
            self.config.people.registered.remove(user);
        }
        match affiliation {
            Affiliation::None => self.affiliations.remove(user),
            _ => self.affiliations.insert(user.clone(), affiliation),
        };
        // §9.1: 301, banned. §9.4: 321, no longer a member of a members-only room.
        let codes: Option<&[u16]> = match affiliation {
            Affiliation::Outcast => Some(&[301]),
            Affiliation::None if self.config.members_only => Some(&[321]),
            _ => None,
        };
        let nicks: Vec<String> =
            self.occupants.values().filter(|o| o.user == *user).map(|o| o.nick.clone()).collect();
        for nick in nicks {
            let change = Change { actor, reason, ..Change::default() };
            match codes {
                Some(codes) => self.send_out(&nick, &Change { codes, ..change }, post),
                None => {
                    let role = affiliation.entry_role(self.config.moderated);
                    if let Some(occupant) = self.occupants.get_mut(&nick) {
                        occupant.role = role;
                    }
                    self.announce(&nick, &change, post);
                }
            }
        }
    }

    /// Who has an affiliation or a role (§8.5, §9.5).
    pub(crate) fn list(&self, session: &FullJid, query: &Element) -> Result<Element, StanzaError> {
        let own = self.affiliation(&session.to_bare());
        let item = query.child("item", ADMIN).ok_or(Condition::BadRequest)?;
        let answer = Element::new("query", ADMIN);
        if let Some(wanted) = item.attr("affiliation").and_then(Affiliation::of) {
            // Members may know who else belongs to a room that only members enter.
            let allowed = own >= Affiliation::Admin
                || own == Affiliation::Member && self.config.members_only && wanted >= Affiliation::Member;
            if !allowed {
                return Err(forbidden());
            }
            let some = self.affiliations.iter().filter(|(_, affiliation)| **affiliation == wanted);
            let item = |(jid, affiliation): (&BareJid, &Affiliation)| {
                Element::new("item", ADMIN)
                    .with_attr("affiliation", affiliation.as_str())
                    .with_attr("jid", jid.as_str())
            };
            return Ok(some.map(item).fold(answer, Element::with_child));
        }
        let wanted = item.attr("role").and_then(Role::of).ok_or(Condition::BadRequest)?;
        if self.occupant_of(session).is_none_or(|me| me.role != Role::Moderator) {
            return Err(forbidden());
        }
        let some = self.occupants.values().filter(|occupant| occupant.role == wanted);
        let items = some.map(|occupant| {
            let mut item = Element::new("item", ADMIN)
                .with_attr("affiliation", self.affiliation(&occupant.user).as_str())
                .with_attr("role", occupant.role.as_str())
                .with_attr("nick", occupant.nick.as_str());
            if let Some(jid) = occupant.sessions().first() {
                item.set_attr("jid", jid.as_str());
            }
            item
        });
        Ok(items.fold(answer, Element::with_child))
    }

    /// The owner says how the room is to be (§10.2); those who may not be in any more are sent out, and all hear
    /// that something has changed (§10.2.1).
    pub(crate) fn configure(&mut self, config: RoomConfig, post: &mut Post<'_>) {
        let before = std::mem::replace(&mut self.config, config);
        let first = std::mem::take(&mut self.locked);
        if self.config.members_only && !before.members_only {
            let strangers =
                self.occupants.values().filter(|o| self.affiliation(&o.user) < Affiliation::Member);
            let nicks: Vec<String> = strangers.map(|occupant| occupant.nick.clone()).collect();
            for nick in nicks {
                // §9.4: 322, the room has become members-only.
                self.send_out(&nick, &Change { codes: &[322], ..Change::default() }, post);
            }
        }
        if first {
            return;
        }
        let mut codes = vec![104];
        match (before.open_addresses, self.config.open_addresses) {
            (false, true) => codes.push(172),
            (true, false) => codes.push(173),
            _ => {}
        }
        let mut x = Element::new("x", USER);
        for code in codes {
            x.push(Element::new("status", USER).with_attr("code", u16::to_string(&code)));
        }
        for session in self.occupants.sessions() {
            let mut notice = xmpp::Builder::message(xmpp::Context::Client);
            notice.type_("groupchat").from(self.jid.as_str()).to(session.as_str());
            post(session, notice.element(&x).finish());
        }
    }

    /// The owner ends the room (§10.9).
    pub(crate) fn destroy(&mut self, destroy: &Element, post: &mut Post<'_>) {
        let mut told = Element::new("destroy", USER);
        if let Some(jid) = destroy.attr("jid").filter(|jid| jid.parse::<BareJid>().is_ok()) {
            told.set_attr("jid", jid.to_owned());
        }
        let reason = destroy.children().find(|child| child.name() == "reason").map(Element::text);
        if let Some(reason) = reason.filter(|reason| reason.len() <= REASON_BYTES_MAX) {
            told.push(Element::new("reason", USER).with_text(reason));
        }
        self.affiliations.clear();
        // Each hears of their own leaving only: the room is gone for all.
        for occupant in self.occupants.take() {
            for session in occupant.sessions() {
                let item = super::wire::Item {
                    affiliation: Affiliation::None,
                    role: Role::None,
                    jid: None,
                    nick: None,
                    actor: None,
                    reason: None,
                    occupant_id: self.occupant_id(&occupant.user),
                    hats: None,
                };
                let from = self.address(&occupant.nick);
                post(session, super::wire::unavailable(&from, session, &item, &[110], Some(&told)));
            }
        }
        self.closed = true;
    }
}
