//! What elements mean, and which are left out.

use super::*;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

fn read_all(parts: &[&str]) -> Reading {
    let parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
    read(&"ann@x.org".parse().unwrap(), &parts, NOW)
}

fn scram(mechanism: &str, stored: &str) -> String {
    format!(
        "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='{mechanism}'><iter-count>4096</iter-count>\
         <salt>bytFZWF3bEhnLzZsL2hRdlJNVTljQT09</salt><server-key>VUtjT3g3Nk1OYVB4NW5YSG54VmJPYk9jeUpnPQ==</server-key>\
         <stored-key>{stored}</stored-key></scram-credentials>"
    )
}

#[test]
fn credentials_that_ejabberd_encodes_twice_are_read() {
    let reading = read_all(&[&scram("SCRAM-SHA-1", "N2NTRzA2aUNNdTg3UDBBSXJmeWtCR05rWVJBPQ==")]);
    assert_eq!(reading.left_out, []);
    let record = &reading.account.scram[0];
    assert_eq!((record.stored_key.len(), record.server_key.len(), record.salt.len()), (20, 20, 16));
}

#[test]
fn credentials_that_nobody_could_use_are_left_out() {
    for part in [scram("SCRAM-SHA-1", "AAAA"), scram("SCRAM-MD5", "AAAA"), scram("SCRAM-SHA-256", "!")] {
        let reading = read_all(&[&part]);
        assert!(reading.account.scram.is_empty() && reading.left_out.len() == 1, "{part}");
    }
}

#[test]
fn a_message_that_waits_and_is_archived_is_one() {
    let result = |stamp: &str, id: &str, body: &str| {
        format!(
            "<result xmlns='urn:xmpp:mam:2'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' \
             stamp='{stamp}'/><message xmlns='jabber:client' from='b@x.org/1' to='ann@x.org' id='{id}'>\
             <body>{body}</body></message></forwarded></result>"
        )
    };
    let waits = "<message xmlns='jabber:client' from='b@x.org/1' to='ann@x.org' id='2'><body>two</body>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='ann@x.org' id='q'/>\
         <delay xmlns='urn:xmpp:delay' from='x.org' stamp='2026-01-01T00:00:03Z'>Offline Storage</delay></message>";
    let alone = waits.replace("id='2'", "id='3'");
    let (first, second) =
        (result("2026-01-01T00:00:01Z", "1", "one"), result("2026-01-01T00:00:02Z", "2", "two"));
    let reading = read_all(&[waits, &first, &second, &alone]);
    let told: Vec<_> = reading.messages.iter().map(|m| (m.archived, m.waits)).collect();
    assert_eq!(told, [(true, false), (true, true), (false, true)]);
    assert_eq!(
        reading.messages[2].stanza,
        "<message from='b@x.org/1' id='3' to='ann@x.org'><body>two</body></message>"
    );
}

#[test]
fn a_kept_message_has_the_mark_of_the_one_that_came() {
    let waits = "<message xmlns='jabber:client' from='b@x.org/1' to='ann@x.org'><body>ü</body>\
         <delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:03Z'/></message>";
    let reading = read_all(&[waits]);
    let message = &reading.messages[0];
    let owner = "ann@x.org".parse().unwrap();
    let mark = fingerprint(message.at, &message.stanza);
    assert_eq!(marked(&owner, message.at, &message.stanza), mark);
    let text = String::from_utf8(message.stanza.to_vec()).unwrap();
    let kept =
        text.replace("</message>", "<stanza-id xmlns='urn:xmpp:sid:0' id='z' by='ann@x.org'/></message>");
    assert_eq!(marked(&owner, message.at, &kept.into()), mark);
    assert_ne!(marked(&owner, Timestamp(message.at.0 + 1), &message.stanza), mark);
}

#[test]
fn old_delays_are_understood() {
    let waits = "<message xmlns='jabber:client' from='b@y.org/1'><body>x</body>\
         <x xmlns='jabber:x:delay' stamp='20260101T00:00:03'/></message>";
    let reading = read_all(&[waits]);
    assert_eq!(reading.messages[0].at, "2026-01-01T00:00:03Z".parse().unwrap());
    assert_eq!(reading.messages[0].to, "ann@x.org");
}

#[test]
fn nodes_get_their_configuration_before_or_behind_their_items() {
    let configure = "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='n'><x xmlns='jabber:x:data' \
         type='submit'><field var='pubsub#access_model'><value>open</value></field></x></configure></pubsub>";
    let items = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='n'><item id='1'><a xmlns='b'/></item>\
         <item id='2'/><item id='1'><c xmlns='b'/></item></items></pubsub>";
    for parts in [[configure, items], [items, configure]] {
        let reading = read_all(&parts);
        let [node] = reading.account.nodes.as_slice() else { panic!("{reading:?}") };
        assert!(node.config.contains("\"open\""), "{}", node.config);
        let ids: Vec<_> = node.items.iter().map(|item| (item.id.as_str(), item.at)).collect();
        assert_eq!(ids, [("2", NOW), ("1", NOW)]);
    }
    let unknown = configure.replace("open", "friends");
    let reading = read_all(&[&unknown, items]);
    assert!(reading.account.nodes[0].config.contains("whitelist") && reading.left_out.len() == 1);
}

#[test]
fn bookmarks_are_for_their_owner_alone_whatever_is_not_said() {
    let items =
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>";
    assert!(read_all(&[items]).account.nodes[0].config.contains("whitelist"));
}

#[test]
fn a_privacy_list_blocks_whom_it_denies_everything() {
    let list = "<query xmlns='jabber:iq:privacy'><default name='d'/><list name='d'>\
         <item type='jid' value='a@b' action='deny' order='1'/><item type='group' value='g' action='deny' order='2'/>\
         <item action='allow' order='3'/></list><list name='e'><item type='jid' value='c@d' action='deny'/></list></query>";
    let reading = read_all(&[list]);
    assert_eq!(reading.account.blocked, ["a@b".parse::<model::Jid>().unwrap()]);
    assert_eq!(reading.left_out.len(), 1);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "<?[a-z]{0,9} ?(xmlns='(jabber:client|urn:xmpp:mam:2|jabber:iq:roster)')?/?>?\\PC{0,80}") {
        let _read = read_all(&[&text]);
    }
}
