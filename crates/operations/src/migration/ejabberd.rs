//! The text dump of ejabberd's Mnesia (`ejabberdctl dump FILE`): what `export_piefxis` does not write, archives and
//! personal nodes among it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use model::Timestamp;
use xmpp::xep::{delay, forms, mam};
use xmpp::{Element, ns};

use super::erlang::{Reader, Term};
use super::source::Mistake;
use super::{AccountHead, Broken, IDLE, Place, Step};

const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// Options of nodes that have a field of the same name.
const OPTIONS: &[&str] = &[
    "access_model",
    "publish_model",
    "max_items",
    "persist_items",
    "send_last_published_item",
    "notify_config",
    "notify_delete",
    "notify_retract",
    "deliver_notifications",
    "deliver_payloads",
    "roster_groups_allowed",
    "title",
    "description",
];

/// User and host.
type Owner = (String, String);

/// A dump, step by step: first what stands in it account by account, then the nodes.
pub struct Dump {
    path: Arc<Path>,
    reader: Reader<BufReader<File>>,
    nodes: BTreeMap<i64, (Owner, String, Element)>,
    /// Where the items are: their owner, their node, line and place, last first.
    items: Vec<(Owner, i64, u64, u64)>,
    current: Option<Owner>,
    seen: BTreeSet<Owner>,
    told: VecDeque<(u64, Step)>,
}

impl Dump {
    /// Opens a dump, and looks where its nodes are.
    ///
    /// # Errors
    /// There is no such file, or it is something else.
    pub fn open(path: &Path) -> Result<Self, Broken> {
        let mut dump = Self {
            path: path.into(),
            reader: opened(path, 1, 0)?,
            nodes: BTreeMap::new(),
            items: Vec::new(),
            current: None,
            seen: BTreeSet::new(),
            told: VecDeque::new(),
        };
        let mut items = Vec::new();
        while let Some((line, offset, record)) = dump.record()? {
            match record.tuple() {
                [Term::Atom(tag), id, Term::Number(node), ..] if tag == "pubsub_node" => {
                    let service = id.tuple().first().map(Term::tuple).unwrap_or_default();
                    let name = id.tuple().get(1).and_then(Term::text);
                    // The services of hosts are named by a text, and those of people by an address.
                    if let (Some(owner), Some(name)) = (owner(service), name) {
                        let config = configuration(name, record.tuple().last());
                        dump.nodes.insert(*node, (owner, name.to_owned(), config));
                    }
                }
                [Term::Atom(tag), _, Term::Number(node), ..] if tag == "pubsub_item" => {
                    items.push((*node, line, offset));
                }
                _ => {}
            }
        }
        let owned = items.into_iter().filter_map(|(node, line, offset)| {
            dump.nodes.get(&node).map(|(owner, ..)| (owner.clone(), node, line, offset))
        });
        dump.items = owned.collect();
        dump.items.sort_by(|one, other| other.cmp(one));
        dump.reader = opened(path, 1, 0)?;
        Ok(dump)
    }

    fn record(&mut self) -> Result<Option<(u64, u64, Term)>, Broken> {
        let found = self.reader.find();
        let (line, offset) = (self.reader.line(), self.reader.offset());
        if !found.map_err(|mistake| self.broken(mistake))? {
            return Ok(None);
        }
        let record = self.reader.record().map_err(|mistake| self.broken(mistake))?;
        Ok(Some((line, offset, record)))
    }

    fn broken(&self, mistake: Mistake) -> Broken {
        let place = Place { file: Arc::clone(&self.path), line: mistake.line };
        place.broken(format!("{mistake}; this is no dump that `ejabberdctl dump` wrote, or it is torn"))
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// The dump is torn.
    pub fn step(&mut self) -> Result<Option<(Place, Step)>, Broken> {
        loop {
            if let Some((line, step)) = self.told.pop_front() {
                return Ok(Some((Place { file: Arc::clone(&self.path), line }, step)));
            }
            if let Some((line, _, record)) = self.record()? {
                if let Some((owner, step)) = read(&record) {
                    self.of(owner, line);
                    self.told.push_back((line, step));
                }
            } else if let Some((owner, node, ..)) = self.items.last().cloned() {
                self.node(owner, node)?;
            } else if self.current.take().is_some() {
                self.told.push_back((0, Step::End));
            } else {
                return Ok(None);
            }
        }
    }

    /// What follows is this account's.
    fn of(&mut self, owner: Owner, line: u64) {
        if self.current.as_ref() == Some(&owner) {
            return;
        }
        if self.current.is_some() {
            self.told.push_back((line, Step::End));
        }
        let (name, host) = owner.clone();
        let again = !self.seen.insert(owner.clone());
        self.told.push_back((line, Step::Account(AccountHead { name, host, password: None, again })));
        self.current = Some(owner);
    }

    /// A node with all its items, in the order in which they were published.
    fn node(&mut self, owner: Owner, node: i64) -> Result<(), Broken> {
        let mut items = Vec::new();
        let mut first = 0;
        while let Some((_, _, line, offset)) = self.items.pop_if(|(_, of, ..)| *of == node) {
            first = line;
            let record =
                opened(&self.path, line, offset)?.record().map_err(|mistake| self.broken(mistake))?;
            let [_, id, _, _, modified, payload] = record.tuple() else { continue };
            let Some(id) = id.tuple().first().and_then(Term::text) else { continue };
            let mut item = Element::new("item", PUBSUB).with_attr("id", id);
            if let Some(publisher) = modified.tuple().get(1).and_then(|by| address(by.tuple())) {
                item.set_attr("publisher", publisher);
            }
            if let Some(payload) = payload.list().first().and_then(|payload| element(payload, "")) {
                item.push(payload);
            }
            items.push((modified.tuple().first().and_then(time), item));
        }
        items.sort_by_key(|(at, _)| *at);
        if items.len() > store::PUBSUB_ITEMS_MAX {
            items.drain(..items.len() - store::PUBSUB_ITEMS_MAX);
        }
        self.of(owner, first);
        if let Some((_, name, config)) = self.nodes.get(&node) {
            let all = Element::new("items", PUBSUB).with_attr("node", name.as_str());
            let all = items.into_iter().map(|(_, item)| item).fold(all, Element::with_child);
            self.told.push_back((first, Step::Part(config.clone())));
            self.told.push_back((first, Step::Part(Element::new("pubsub", PUBSUB).with_child(all))));
        }
        Ok(())
    }
}

fn opened(path: &Path, line: u64, offset: u64) -> Result<Reader<BufReader<File>>, Broken> {
    let open = || -> std::io::Result<BufReader<File>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(BufReader::with_capacity(64 << 10, file))
    };
    let file = open().map_err(|error| Place::file(path).broken(error.to_string()))?;
    Ok(Reader::new(file, line, offset))
}

/// What a record says of whom. Everything that `export_piefxis` writes is left to it.
fn read(record: &Term) -> Option<(Owner, Step)> {
    let [Term::Atom(table), of, rest @ ..] = record.tuple() else { return None };
    let part = match (table.as_str(), rest) {
        ("archive_msg", [id, at, _, _, packet, ..]) => {
            let stamp = Element::new("delay", delay::NS).with_attr("stamp", time(at)?.to_string());
            let forwarded = Element::new("forwarded", "urn:xmpp:forward:0").with_child(stamp);
            Element::new("result", mam::NS)
                .with_attr("id", id.text().unwrap_or_default())
                .with_child(forwarded.with_child(element(packet, ns::CLIENT)?))
        }
        ("archive_prefs", [default, always, never, ..]) => {
            let list = |name: &'static str, all: &Term| {
                let jids = all.list().iter().filter_map(|jid| address(jid.tuple()));
                jids.map(|jid| Element::new("jid", mam::NS).with_text(jid))
                    .fold(Element::new(name, mam::NS), Element::with_child)
            };
            Element::new("prefs", mam::NS)
                .with_attr("default", default.atom()?)
                .with_child(list("always", always))
                .with_child(list("never", never))
        }
        ("last_activity", [at, status, ..]) => {
            let at = Timestamp(at.number()?.checked_mul(1_000_000)?);
            let idle = Element::new("idle", IDLE).with_attr("since", at.to_string());
            idle.with_text(status.text().unwrap_or_default())
        }
        _ => return None,
    };
    Some((owner(of.tuple())?, Step::Part(part)))
}

/// User and host of `{User, Host}` or `{User, Host, Resource}`.
fn owner(of: &[Term]) -> Option<Owner> {
    let user = of.first()?.text().filter(|user| !user.is_empty())?;
    Some((user.to_owned(), of.get(1)?.text()?.to_owned()))
}

fn address(of: &[Term]) -> Option<String> {
    let host = of.get(1)?.text()?;
    Some(match of.first()?.text()? {
        "" => host.to_owned(),
        user => format!("{user}@{host}"),
    })
}

/// `{Megaseconds, Seconds, Microseconds}`.
fn time(at: &Term) -> Option<Timestamp> {
    let [mega, seconds, micros] = at.tuple() else { return None };
    let seconds = mega.number()?.checked_mul(1_000_000)?.checked_add(seconds.number()?)?;
    Some(Timestamp(seconds.checked_mul(1_000_000)?.checked_add(micros.number()?)?))
}

/// `{xmlel, Name, Attributes, Children}`. An element that names no namespace is in that of its parent.
fn element(term: &Term, parent: &str) -> Option<Element> {
    let [tag, name, attributes, children] = term.tuple() else { return None };
    if tag.atom() != Some("xmlel") {
        return None;
    }
    let pair = |pair: &Term| {
        Some((pair.tuple().first()?.text()?.to_owned(), pair.tuple().get(1)?.text()?.to_owned()))
    };
    let attributes: Vec<(String, String)> = attributes.list().iter().filter_map(pair).collect();
    let space = attributes.iter().find(|(name, _)| name == "xmlns").map_or(parent, |(_, space)| space);
    let mut element = Element::new(name.text()?.to_owned(), space.to_owned());
    for (name, value) in &attributes {
        match name.strip_prefix("xml:") {
            Some(name) => element.set_attr_ns(name.to_owned(), ns::XML, value.as_str()),
            None if name == "xmlns" || name.contains(':') => {}
            None => element.set_attr(name.clone(), value.as_str()),
        }
    }
    for child in children.list() {
        match child.tuple() {
            [tag, text] if tag.atom() == Some("xmlcdata") => element.push_text(text.text()?),
            _ => element.push(self::element(child, space)?),
        }
    }
    Some(element)
}

/// A node's options as a form.
fn configuration(node: &str, options: Option<&Term>) -> Element {
    let mut form = forms::Form::new(forms::FormType::Submit, "http://jabber.org/protocol/pubsub#node_config");
    for option in options.map(Term::list).unwrap_or_default() {
        let [Term::Atom(name), value] = option.tuple() else { continue };
        if !OPTIONS.contains(&name.as_str()) {
            continue;
        }
        let text = |value: &Term| match value {
            Term::Atom(word) if word == "true" => "1".to_owned(),
            Term::Atom(word) if word == "false" => "0".to_owned(),
            Term::Atom(word) if word == "infinity" => "max".to_owned(),
            Term::Atom(word) => word.clone(),
            Term::Number(number) => number.to_string(),
            value => value.text().unwrap_or_default().to_owned(),
        };
        let values: Vec<String> = match value {
            Term::List(values) => values.iter().map(text).collect(),
            value => vec![text(value)],
        };
        if !values.is_empty() {
            form = form.with(&format!("pubsub#{name}"), "text-multi", values);
        }
    }
    let configure = Element::new("configure", OWNER).with_attr("node", node);
    Element::new("pubsub", OWNER).with_child(configure.with_child(form.to_element()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r#"{tables,[{archive_msg,[{record_name,archive_msg},{attributes,[us,id]}]}]}.
{session,{{1,2,3},<0.1.0>},[]}.
{pubsub_item,{<<"b">>,1},1,{{0,2,0},{<<"ann">>,<<"x">>,<<>>}},{{0,2,0},{<<"ann">>,<<"x">>,<<"r">>}},[{xmlel,<<"c">>,[{<<"xmlns">>,<<"urn:c">>}],[]}]}.
{pubsub_item,{<<"a">>,1},1,{{0,1,0},{<<"ann">>,<<"x">>,<<>>}},{{0,1,0},{<<"ann">>,<<"x">>,<<"r">>}},[]}.
{pubsub_item,{<<"host">>,2},2,{{0,1,0},{<<"ann">>,<<"x">>,<<>>}},{{0,1,0},{<<"ann">>,<<"x">>,<<>>}},[]}.
{pubsub_node,{{<<"ann">>,<<"x">>,<<>>},<<"n">>},1,[],<<"pep">>,[],[{access_model,whitelist},{max_items,infinity},{itemreply,none}]}.
{pubsub_node,{<<"pubsub.x">>,<<"m">>},2,[],<<"flat">>,[],[]}.
{last_activity,{<<"bob">>,<<"x">>},5,<<"gone">>}.
{archive_msg,{<<"ann">>,<<"x">>},<<"7">>,{0,3,4},{<<"bob">>,<<"x">>,<<>>},{<<"bob">>,<<"x">>,<<>>},
  {xmlel,<<"message">>,[{<<"xml:lang">>,<<"en">>},{<<"from">>,<<"bob@x">>}],[{xmlel,<<"body">>,[],[{xmlcdata,<<"hi">>}]}]},<<>>,chat}.
"#;

    #[test]
    fn archives_come_account_by_account_and_nodes_with_all_their_items() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), DUMP).unwrap();
        let mut dump = Dump::open(file.path()).unwrap();
        let mut told = Vec::new();
        while let Some((place, step)) = dump.step().unwrap() {
            told.push(match step {
                Step::Account(head) => format!("{} {}@{} {}", place.line, head.name, head.host, head.again),
                Step::Part(part) => String::from_utf8(part.to_bytes().to_vec()).unwrap(),
                Step::End => "end".to_owned(),
                Step::LeftOut(why) => why,
            });
        }
        let expected = [
            "8 bob@x false",
            "<idle xmlns='urn:xmpp:idle:1' since='1970-01-01T00:00:05.000000Z'>gone</idle>",
            "end",
            "9 ann@x false",
            "<result xmlns='urn:xmpp:mam:2' id='7'><forwarded xmlns='urn:xmpp:forward:0'>\
             <delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:03.000004Z'/>\
             <message xmlns='jabber:client' xml:lang='en' from='bob@x'><body>hi</body></message></forwarded></result>",
        ];
        assert_eq!(told[..5], expected);
        assert!(told[5].contains("whitelist") && told[5].contains("<value>max</value>"), "{}", told[5]);
        assert_eq!(
            told[6],
            "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='a' publisher='ann@x'/>\
             <item id='b' publisher='ann@x'><c xmlns='urn:c'/></item></items></pubsub>"
        );
        assert_eq!(told[7..], ["end"]);
    }

    #[test]
    fn a_torn_dump_is_noticed_when_it_is_opened() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &DUMP[..DUMP.len() - 9]).unwrap();
        assert!(Dump::open(file.path()).is_err_and(|broken| broken.message.contains("torn")));
    }
}
