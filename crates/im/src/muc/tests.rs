//! Rooms without a network: who sees what.

use model::{FullJid, Timestamp};
use store::StanzaId;
use xmpp::{Condition, Element, Stanza};

use super::affiliation::Affiliation;
use super::config::RoomConfig;
use super::room::{HISTORY_MAX, Room, Said};
use super::wire::{ADMIN, USER};

const OWNER: &str = "romeo@x/garden";

/// A room, and what it said to whom.
struct Bench {
    room: Room,
    told: Vec<(String, Element)>,
}

fn jid(text: &str) -> FullJid {
    text.parse().unwrap()
}

fn stanza(xml: &str) -> Stanza {
    xmpp::parse_one(xml.to_owned().into()).unwrap()
}

impl Bench {
    /// A room that romeo has made and opened.
    fn open() -> Self {
        let room = Room::new(
            "ball@c.x".parse().unwrap(),
            "romeo@x".parse().unwrap(),
            vec![7; 32],
            StanzaId::from_bytes([0; 16]),
        );
        let mut bench = Self { room, told: Vec::new() };
        bench.enter(OWNER, "romeo").unwrap();
        bench.act(|room, post| room.configure(RoomConfig::default(), post));
        bench.told.clear();
        bench
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Room, &mut super::room::Post<'_>) -> T) -> T {
        let told = &mut self.told;
        act(&mut self.room, &mut |session, bytes| {
            told.push((session.as_str().to_owned(), Element::parse(&bytes, "jabber:client").unwrap()));
        })
    }

    fn enter(&mut self, session: &str, nick: &str) -> Result<(), Condition> {
        let presence =
            stanza("<presence xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
        let entered = self.act(|room, post| room.enter(&jid(session), nick, (&presence, Timestamp(0)), post));
        entered.map_err(|error| error.condition)
    }

    fn administer(&mut self, session: &str, attributes: &[(&'static str, &str)]) -> Result<(), Condition> {
        let item = attributes.iter().fold(Element::new("item", ADMIN), |item, (name, value)| {
            item.with_attr(*name, (*value).to_owned())
        });
        let query = Element::new("query", ADMIN).with_child(item);
        self.act(|room, post| room.administer(&jid(session), &query, post)).map_err(|error| error.condition)
    }

    /// What a session was told since the last time: the sender, the type, the role, and the status codes.
    fn heard(&mut self, session: &str) -> Vec<String> {
        let told = std::mem::take(&mut self.told);
        let (mine, others) = told.into_iter().partition(|(to, _)| to == session);
        self.told = others;
        let mine: Vec<(String, Element)> = mine;
        mine.iter().map(|(_, element)| line(element)).collect()
    }
}

fn line(element: &Element) -> String {
    let mut words = vec![element.attr("from").unwrap_or_default().trim_start_matches("ball@c.x").to_owned()];
    words.extend(element.attr("type").map(str::to_owned));
    if let Some(x) = element.child("x", USER) {
        words.extend(x.child("item", USER).and_then(|item| item.attr("role")).map(str::to_owned));
        let codes = x.children().filter(|child| child.name() == "status").filter_map(|s| s.attr("code"));
        words.extend(codes.map(str::to_owned));
    }
    words.join(" ")
}

#[test]
fn who_comes_in_sees_everybody_and_last_themselves() {
    let mut bench = Bench::open();
    bench.enter("juliet@x/balcony", "juliet").unwrap();
    assert_eq!(
        bench.heard("juliet@x/balcony"),
        ["/romeo moderator", "/juliet participant 110", " groupchat"],
        "others, oneself, and the empty subject"
    );
    assert_eq!(bench.heard(OWNER), ["/juliet participant"]);
}

#[test]
fn a_nickname_belongs_to_one_person_and_all_their_devices() {
    let mut bench = Bench::open();
    assert_eq!(bench.enter("paris@x/tomb", "romeo"), Err(Condition::Conflict));
    bench.enter("romeo@x/phone", "romeo").unwrap();
    bench.told.clear();
    bench.act(|room, post| room.leave(&jid("romeo@x/phone"), None, post));
    assert_eq!(bench.heard("romeo@x/phone"), ["/romeo unavailable none 110"]);
    assert!(bench.heard(OWNER).is_empty(), "the other device is still in");
}

#[test]
fn real_addresses_are_for_moderators_unless_the_room_is_open() {
    let mut bench = Bench::open();
    bench.enter("juliet@x/balcony", "juliet").unwrap();
    let jid_told = |bench: &Bench, session: &str| {
        let (_, told) = bench
            .told
            .iter()
            .rfind(|(to, e)| to == session && e.attr("from") == Some("ball@c.x/juliet"))
            .unwrap();
        told.child("x", USER).unwrap().child("item", USER).unwrap().attr("jid").is_some()
    };
    assert!(jid_told(&bench, OWNER));
    bench.enter("paris@x/tomb", "paris").unwrap();
    assert!(!jid_told(&bench, "paris@x/tomb"));
}

#[test]
fn outcasts_strangers_and_the_late_are_refused() {
    let mut bench = Bench::open();
    bench.room.affiliations.insert("tybalt@x".parse().unwrap(), Affiliation::Outcast);
    assert_eq!(bench.enter("tybalt@x/a", "tybalt"), Err(Condition::Forbidden));
    bench.room.config.members_only = true;
    assert_eq!(bench.enter("paris@x/a", "paris"), Err(Condition::RegistrationRequired));
    bench.room.config = RoomConfig { password: Some("cap".to_owned()), ..RoomConfig::default() };
    assert_eq!(bench.enter("paris@x/a", "paris"), Err(Condition::NotAuthorized));
    bench.room.config = RoomConfig { occupants_max: 1, ..RoomConfig::default() };
    assert_eq!(bench.enter("paris@x/a", "paris"), Err(Condition::ServiceUnavailable));
    let mut locked = Bench::open();
    locked.room.locked = true;
    assert_eq!(locked.enter("paris@x/a", "paris"), Err(Condition::ItemNotFound));
}

#[test]
fn a_new_nickname_is_told_as_leaving_and_coming() {
    let mut bench = Bench::open();
    bench.enter("juliet@x/balcony", "juliet").unwrap();
    bench.told.clear();
    bench.enter("juliet@x/balcony", "capulet").unwrap();
    assert_eq!(bench.heard(OWNER), ["/juliet unavailable participant 303", "/capulet participant"]);
    assert_eq!(bench.enter("juliet@x/balcony", "romeo"), Err(Condition::Conflict));
}

#[test]
fn moderators_kick_and_admins_ban() {
    let mut bench = Bench::open();
    bench.enter("tybalt@x/a", "tybalt").unwrap();
    bench.enter("paris@x/a", "paris").unwrap();
    assert_eq!(
        bench.administer("paris@x/a", &[("nick", "tybalt"), ("role", "none")]),
        Err(Condition::Forbidden)
    );
    bench.told.clear();
    bench.administer(OWNER, &[("nick", "tybalt"), ("role", "none")]).unwrap();
    assert_eq!(bench.heard("tybalt@x/a"), ["/tybalt unavailable none 307 110"]);
    bench.told.clear();
    bench.administer(OWNER, &[("jid", "paris@x"), ("affiliation", "outcast")]).unwrap();
    assert_eq!(bench.heard("paris@x/a"), ["/paris unavailable none 301 110"]);
    assert_eq!(bench.enter("paris@x/a", "paris"), Err(Condition::Forbidden));
}

#[test]
fn a_room_keeps_an_owner() {
    let mut bench = Bench::open();
    let none = [("jid", "romeo@x"), ("affiliation", "none")];
    assert_eq!(bench.administer(OWNER, &none), Err(Condition::Conflict));
    bench.administer(OWNER, &[("jid", "juliet@x"), ("affiliation", "owner")]).unwrap();
    bench.administer(OWNER, &none).unwrap();
    assert_eq!(bench.administer(OWNER, &none), Err(Condition::Forbidden));
}

#[test]
fn a_request_with_many_items_keeps_to_the_limit_of_affiliations() {
    let mut bench = Bench::open();
    let member = |number: usize| format!("guest{number}@x");
    for number in 0..store::ROOM_AFFILIATIONS_MAX - 2 {
        bench.room.affiliations.insert(member(number).parse().unwrap(), Affiliation::Member);
    }
    let mut ask = |names: &[(&str, &'static str)]| {
        let item = |(jid, affiliation): &(&str, &'static str)| {
            Element::new("item", ADMIN)
                .with_attr("jid", (*jid).to_owned())
                .with_attr("affiliation", *affiliation)
        };
        let query = names.iter().map(item).fold(Element::new("query", ADMIN), Element::with_child);
        let asked = bench.act(|room, post| room.administer(&jid(OWNER), &query, post));
        (asked.map_err(|error| error.condition), bench.room.affiliations.len())
    };
    let full = store::ROOM_AFFILIATIONS_MAX;
    let refused = (Err(Condition::ResourceConstraint), full - 1);
    assert_eq!(ask(&[("new1@x", "member"), ("new2@x", "member")]), refused);
    assert_eq!(ask(&[("new1@x", "member"), ("new1@x", "admin")]), (Ok(()), full));
    let exchange = [("new2@x", "member"), ("new1@x", "none")];
    assert_eq!(ask(&exchange), (Ok(()), full), "one goes, one comes");
}

#[test]
fn a_room_that_becomes_members_only_sends_strangers_out() {
    let mut bench = Bench::open();
    bench.enter("paris@x/a", "paris").unwrap();
    bench.told.clear();
    let config = RoomConfig { members_only: true, ..RoomConfig::default() };
    bench.act(|room, post| room.configure(config, post));
    assert_eq!(bench.heard("paris@x/a"), ["/paris unavailable none 322 110"]);
    assert_eq!(bench.heard(OWNER), ["/paris unavailable none 322", " groupchat 104"]);
}

#[test]
fn the_end_of_a_room_is_told_to_everybody() {
    let mut bench = Bench::open();
    bench.enter("paris@x/a", "paris").unwrap();
    bench.told.clear();
    let destroy = Element::new("destroy", super::wire::OWNER);
    bench.act(|room, post| room.destroy(&destroy, post));
    assert_eq!(bench.heard("paris@x/a"), ["/paris unavailable none 110"]);
    assert!(bench.room.closed && bench.room.occupants.is_empty());
}

#[test]
fn history_is_bounded_and_given_as_asked() {
    let mut bench = Bench::open();
    for number in 0..HISTORY_MAX + 5 {
        let xml = format!(
            "<message xmlns='jabber:client' from='ball@c.x/romeo' type='groupchat' id='{number}'><body>a</body></message>"
        );
        bench.room.remember(Said { stanza: stanza(&xml), at: Timestamp(number as i64) });
    }
    assert_eq!(bench.room.history.len(), HISTORY_MAX);
    let long = format!("<message xmlns='jabber:client'><body>{}</body></message>", "x".repeat(200_000));
    let mut other = Bench::open();
    for _ in 0..3 {
        other.room.remember(Said { stanza: stanza(&long), at: Timestamp(0) });
    }
    assert_eq!(other.room.history.len(), 1, "two would be too many bytes");
    let presence = stanza(
        "<presence xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='3'/></x></presence>",
    );
    bench.act(|room, post| room.enter(&jid("paris@x/a"), "paris", (&presence, Timestamp(0)), post)).unwrap();
    let ids: Vec<&str> =
        bench.told.iter().filter(|(to, _)| to == "paris@x/a").filter_map(|(_, e)| e.attr("id")).collect();
    assert_eq!(ids, ["102", "103", "104"]);
}
