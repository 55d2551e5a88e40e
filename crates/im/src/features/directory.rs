//! The directory (XEP-0055) at `search.` under the domain: users look for each other by name, address and group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{BareJid, Jid};
use parking_lot::Mutex;
use xmpp::xep::disco::{INFO, ITEMS, Identity, Info};
pub(crate) use xmpp::xep::search::NS;
use xmpp::xep::search::{self, Found, Query};
use xmpp::xep::{forms, rsm};
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use super::ping;
use crate::acceptance::storage_error;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "directory", specs: &[Spec::xep(55, "1.3")], disco: &[], account: &[] };

/// People on one page, unless fewer are wanted (`AS-20`); whoever wants others asks for the next, or more precisely.
const RESULTS_MAX: usize = 25;
/// A search has at least so many letters in one field: nobody needs all of whom an A is in.
const LETTERS_MIN: usize = 2;
/// How old what is searched may be: the storage is not read for every search.
const AGE_MAX: Duration = Duration::from_secs(10);
const INSTRUCTIONS: &str = "Give at least two letters of a name, an address or a group.";

/// What is searched, as it was read last.
#[derive(Default)]
pub(crate) struct Directory(Mutex<Option<(Instant, Arc<Vec<Person>>)>>);

/// Somebody who can be found.
struct Person {
    jid: BareJid,
    name: String,
    groups: Vec<String>,
    /// Name, address and groups in small letters.
    folded: [String; 3],
}

impl Person {
    fn new(jid: BareJid, name: String, groups: Vec<String>) -> Self {
        let folded = [name.to_lowercase(), jid.as_str().to_lowercase(), groups.join("\n").to_lowercase()];
        Self { jid, name, groups, folded }
    }

    /// Is this somebody who is looked for? `wanted` is in small letters.
    fn fits(&self, wanted: &Wanted) -> bool {
        let [name, address, groups] = &self.folded;
        let word = |wanted: &str| {
            // Words that follow each other, from the beginning of one: `ca` is Capulet, and `pul` nobody.
            wanted.is_empty() || name.starts_with(wanted) || name.contains(&format!(" {wanted}"))
        };
        let group = |group: &str| group.starts_with(&wanted.group);
        word(&wanted.first)
            && word(&wanted.last)
            && address.contains(&wanted.nick)
            && (wanted.group.is_empty() || groups.split('\n').any(group))
    }

    /// The last word counts as the family name: names are kept as one text.
    fn found(&self) -> Found {
        let (first, last) = self.name.rsplit_once(' ').unwrap_or((&self.name, ""));
        Found {
            jid: self.jid.to_string(),
            first: first.to_owned(),
            last: last.to_owned(),
            nick: self.jid.node().map(|node| node.to_string()).unwrap_or_default(),
            groups: self.groups.join(", "),
        }
    }
}

/// What is looked for, in small letters.
struct Wanted {
    first: String,
    last: String,
    nick: String,
    group: String,
}

impl Wanted {
    fn of(query: &Query) -> Result<Self, StanzaError> {
        let fields = [&query.first, &query.last, &query.nick, &query.group];
        if !fields.iter().any(|text| text.chars().count() >= LETTERS_MIN) {
            return Err(StanzaError::new(ErrorKind::Modify, Condition::NotAcceptable).with_text(INSTRUCTIONS));
        }
        let [first, last, nick, group] = fields.map(|text| text.to_lowercase());
        Ok(Self { first, last, nick, group })
    }
}

/// Somebody who was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonFound {
    /// The address.
    pub jid: BareJid,
    /// The name shown to people.
    pub name: String,
    /// The shared groups that they are in.
    pub groups: Vec<String>,
}

/// Why nobody was looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SearchRefused {
    /// Not enough letters.
    #[error("give at least two letters")]
    TooShort,
    /// The operator does not let this user look.
    #[error("this user may not search the directory")]
    NotAllowed,
    /// The storage is away.
    #[error("the directory cannot be read now")]
    Storage,
}

impl Im {
    /// Who may look for people.
    pub fn directory_searched_by(&self) -> crate::Permitted {
        self.users.policies.load().directory_searched_by.clone()
    }

    /// Looks for people by the beginning of a word of the name, a part of the address, or the beginning of a group; the
    /// first of them, and how many there are.
    ///
    /// # Errors
    /// Nobody was looked for.
    pub async fn look_for(
        &self,
        asker: &BareJid,
        text: &str,
    ) -> Result<(Vec<PersonFound>, usize), SearchRefused> {
        let text = text.trim().to_lowercase();
        if text.chars().count() < LETTERS_MIN {
            return Err(SearchRefused::TooShort);
        }
        may_search(self, &Jid::from(asker.clone())).await.map_err(|error| match error.kind {
            ErrorKind::Auth => SearchRefused::NotAllowed,
            _ => SearchRefused::Storage,
        })?;
        let people = people(self).await.map_err(|_| SearchRefused::Storage)?;
        let none = || Wanted {
            first: String::new(),
            last: String::new(),
            nick: String::new(),
            group: String::new(),
        };
        let ways = [
            Wanted { first: text.clone(), ..none() },
            Wanted { nick: text.clone(), ..none() },
            Wanted { group: text, ..none() },
        ];
        let fits = |person: &&Person| ways.iter().any(|way| person.fits(way));
        let count = people.iter().filter(fits).count();
        let found = |person: &Person| PersonFound {
            jid: person.jid.clone(),
            name: person.name.clone(),
            groups: person.groups.clone(),
        };
        Ok((people.iter().filter(fits).take(RESULTS_MAX).map(found).collect(), count))
    }
}

/// The service among what the server offers.
pub(crate) fn service_item(im: &Im) -> Element {
    let service = im.services.directory().as_str();
    Element::new("item", ITEMS).with_attr("jid", service).with_attr("name", "Directory")
}

/// What is asked of the service.
pub(crate) async fn answer(im: &Im, asker: &Jid, stanza: &Stanza) -> Result<Option<Element>, StanzaError> {
    let payload = stanza.first_child().ok_or(Condition::BadRequest)?.element();
    match (stanza.type_().as_deref(), payload.ns(), payload.name()) {
        (Some("get"), INFO, "query") => info(&payload).map(Some),
        (Some("get"), ITEMS, "query") => Ok(Some(Element::new("query", ITEMS))),
        (Some("get"), ping::NS, "ping") => Ok(None),
        (Some("get"), NS, "query") => {
            may_search(im, asker).await?;
            Ok(Some(search::fields(INSTRUCTIONS)))
        }
        (Some("set"), NS, "query") => {
            may_search(im, asker).await?;
            found(im, &Query::from_element(&payload)?).await.map(Some)
        }
        _ => Err(Condition::ServiceUnavailable.into()),
    }
}

fn info(query: &Element) -> Result<Element, StanzaError> {
    if query.attr("node").is_some_and(|node| !node.is_empty()) {
        return Err(Condition::ItemNotFound.into());
    }
    let identities = vec![Identity::new("directory", "user", "Directory")];
    let features = [INFO, ITEMS, NS, forms::NS, rsm::NS, ping::NS].map(str::to_owned).into();
    Ok(Info { identities, features, ..Info::default() }.to_element())
}

/// Only users of this server look, and of those whom the operator lets.
async fn may_search(im: &Im, asker: &Jid) -> Result<(), StanzaError> {
    let policies = im.users.policies.load_full();
    let ours = asker.domain().as_str() == im.domain();
    if ours && im.permits(&policies.directory_searched_by, &asker.to_bare()).await? {
        return Ok(());
    }
    Err(StanzaError::new(ErrorKind::Auth, Condition::Forbidden))
}

async fn found(im: &Im, query: &Query) -> Result<Element, StanzaError> {
    let wanted = Wanted::of(query)?;
    let people = people(im).await.map_err(|error| storage_error(&error))?;
    let fitting: Vec<&Person> = people.iter().filter(|person| person.fits(&wanted)).collect();
    let (start, end) = bounds(&fitting, &query.page)?;
    let shown: Vec<Found> = fitting[start..end].iter().map(|person| person.found()).collect();
    let ends = shown.first().zip(shown.last()).map(|(first, last)| (first.jid.clone(), last.jid.clone()));
    let page = rsm::Page { ends, index: Some(start), count: Some(fitting.len()) };
    Ok(search::answer(&shown, query.by_form, &page))
}

/// Which of those who fit are on the page (XEP-0059 §2); they are in the order of their addresses.
fn bounds(fitting: &[&Person], page: &rsm::Request) -> Result<(usize, usize), StanzaError> {
    let size = page.max.unwrap_or(RESULTS_MAX).min(RESULTS_MAX);
    let behind = |jid: &str| fitting.partition_point(|person| person.jid.as_str() <= jid);
    if let Some(before) = &page.before {
        let end = match before.as_str() {
            "" => fitting.len(),
            jid => fitting.partition_point(|person| person.jid.as_str() < jid),
        };
        return Ok((end.saturating_sub(size), end));
    }
    let start = match (&page.after, page.index) {
        (Some(jid), _) => behind(jid),
        (None, Some(index)) if index > fitting.len() => return Err(Condition::ItemNotFound.into()),
        (None, index) => index.unwrap_or_default(),
    };
    Ok((start, fitting.len().min(start + size)))
}

/// Everybody who can sign in, by address.
async fn people(im: &Im) -> Result<Arc<Vec<Person>>, store::Error> {
    let now = im.runtime.now();
    if let Some((read, people)) = &*im.users.directory.0.lock()
        && now < *read + AGE_MAX
    {
        return Ok(Arc::clone(people));
    }
    let mut groups = BTreeMap::<BareJid, Vec<String>>::new();
    // A group that is not shared is the administrator's own affair.
    for group in im.store.groups().await?.into_iter().filter(|group| group.shared) {
        for member in group.members.into_keys() {
            groups.entry(member).or_default().push(group.name.clone());
        }
    }
    let users = im.store.users().await?.into_iter().filter(|user| user.enabled);
    let mut people: Vec<Person> = users
        .map(|user| {
            let groups = groups.remove(&user.jid).unwrap_or_default();
            Person::new(user.jid, user.name, groups)
        })
        .collect();
    people.sort_by(|one, other| one.jid.as_str().cmp(other.jid.as_str()));
    let people = Arc::new(people);
    *im.users.directory.0.lock() = Some((now, Arc::clone(&people)));
    Ok(people)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(jid: &str, name: &str, groups: &[&str]) -> Person {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Person::new(jid.parse().unwrap(), name.to_owned(), groups)
    }

    fn wanted(first: &str, last: &str, nick: &str, group: &str) -> Wanted {
        let [first, last, nick, group] = [first, last, nick, group].map(str::to_owned);
        Wanted::of(&Query { first, last, nick, group, ..Query::default() }).unwrap()
    }

    #[test]
    fn people_are_found_by_the_beginnings_of_their_names_their_address_and_their_groups() {
        let juliet = person("juliet@x", "Juliet ÉTOILE Capulet", &["House of Capulet", "Ball"]);
        for fits in [
            wanted("jul", "cap", "", ""),
            wanted("", "étoile", "", ""),
            wanted("", "étoile cap", "", ""),
            wanted("", "", "iet@x", ""),
            wanted("JU", "", "", "ball"),
        ] {
            assert!(juliet.fits(&fits));
        }
        for other in [
            wanted("jul", "mon", "", ""),
            wanted("", "pulet", "", ""),
            wanted("", "", "romeo", ""),
            wanted("", "", "", "capulet"),
        ] {
            assert!(!juliet.fits(&other));
        }
        let found = juliet.found();
        assert_eq!((found.first.as_str(), found.last.as_str()), ("Juliet ÉTOILE", "Capulet"));
        assert_eq!(found.groups, "House of Capulet, Ball");
    }

    #[test]
    fn a_search_for_nothing_much_is_refused() {
        for text in ["", "a"] {
            assert!(Wanted::of(&Query { nick: text.to_owned(), ..Query::default() }).is_err());
        }
    }

    #[test]
    fn pages_go_forth_and_back_and_are_never_larger_than_allowed() {
        let many: Vec<Person> = (10..60).map(|n| person(&format!("u{n}@x"), "", &[])).collect();
        let fitting: Vec<&Person> = many.iter().collect();
        let page = |request: rsm::Request| bounds(&fitting, &request).unwrap();
        let request = rsm::Request::default;
        assert_eq!(page(request()), (0, 25));
        assert_eq!(page(rsm::Request { max: Some(1_000), ..request() }), (0, 25));
        assert_eq!(page(rsm::Request { after: Some("u34@x".into()), ..request() }), (25, 50));
        assert_eq!(page(rsm::Request { after: Some("z".into()), ..request() }), (50, 50));
        assert_eq!(page(rsm::Request { before: Some(String::new()), max: Some(5), ..request() }), (45, 50));
        assert_eq!(page(rsm::Request { before: Some("u12@x".into()), ..request() }), (0, 2));
        assert_eq!(page(rsm::Request { max: Some(0), ..request() }), (0, 0));
        assert!(bounds(&fitting, &rsm::Request { index: Some(51), ..request() }).is_err());
    }
}
