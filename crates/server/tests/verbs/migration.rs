//! Moving in and out, as an administrator does it (XEP-0227).

use serde_json::{Value, json};

use crate::support::House;

/// Accounts with everything that a `<user/>` may have.
const ALL: &str = r#"<?xml version='1.0' encoding='UTF-8'?>
<server-data xmlns='urn:xmpp:pie:0'>
<!-- written by hand -->
<host jid='localhost'>
<user name='ann'>
<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>4096</iter-count><salt>c2FsdA==</salt><server-key>AAAAAAAAAAAAAAAAAAAAAAAAAAA=</server-key><stored-key>AQEBAQEBAQEBAQEBAQEBAQEBAQE=</stored-key></scram-credentials>
<nick xmlns='http://jabber.org/protocol/nick'>Ann &amp; Söhne</nick>
<account xmlns='urn:carillon:account:0' enabled='false'/>
<query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='both' name='Bob' approved='true'><group>Work</group><group>Größte</group></item><item jid='carol@example.org' subscription='none' ask='subscribe'/></query>
<presence xmlns='jabber:client' from='eve@example.org' to='ann@localhost' type='subscribe'><status>hello</status><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05.000000Z'/></presence>
<vCard xmlns='vcard-temp'><FN>Ann</FN></vCard>
<query xmlns='jabber:iq:private'><notes xmlns='urn:test'>a &lt;b&gt;</notes></query>
<query xmlns='jabber:iq:privacy'><default name='blocked'/><list name='blocked'><item type='jid' value='spam.example' action='deny' order='0'/></list></query>
<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:xmpp:avatar:metadata'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#node_config</value></field><field var='pubsub#access_model'><value>open</value></field></x></configure></pubsub>
<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:avatar:metadata'><item id='0123456789012345678901234567890123456789'><metadata xmlns='urn:xmpp:avatar:metadata'><info id='0123456789012345678901234567890123456789' type='image/png' bytes='1'/></metadata></item></items><items node='urn:xmpp:bookmarks:1'><item id='a@r'><conference xmlns='urn:xmpp:bookmarks:1' name='A'/></item><item id='b@r'><conference xmlns='urn:xmpp:bookmarks:1'/></item></items></pubsub>
<prefs xmlns='urn:xmpp:mam:2' default='roster'><always><jid>bob@localhost</jid></always><never/></prefs>
<idle xmlns='urn:xmpp:idle:1' since='2026-02-03T04:05:06.000000Z'>gone fishing</idle>
<offline-messages><message xmlns='jabber:client' from='bob@localhost/x' to='ann@localhost' type='chat' id='m2'><body>two</body><delay xmlns='urn:xmpp:delay' from='localhost' stamp='2026-03-04T05:06:08.000000Z'/></message></offline-messages>
<archive xmlns='urn:xmpp:pie:0#mam'>
<result xmlns='urn:xmpp:mam:2' id='1'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-03-04T05:06:07.000000Z'/><message xmlns='jabber:client' from='ann@localhost/y' to='bob@localhost' type='chat' id='m1' xml:lang='en'><body>one</body></message></forwarded></result>
<result xmlns='urn:xmpp:mam:2' id='2'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-03-04T05:06:08.000000Z'/><message xmlns='jabber:client' from='bob@localhost/x' to='ann@localhost' type='chat' id='m2'><body>two</body><stanza-id xmlns='urn:xmpp:sid:0' by='ann@localhost' id='2'/></message></forwarded></result>
</archive>
</user>
<user name='bob' password='correct horse'/>
</host>
</server-data>
"#;

fn added(report: &Value) -> Vec<u64> {
    let names = [
        "accounts",
        "passwords",
        "contacts",
        "requests",
        "documents",
        "blocked",
        "nodes",
        "items",
        "archived",
        "waiting",
    ];
    names.iter().map(|name| report["added"][name].as_u64().unwrap()).collect()
}

/// An export, without the ids that each server gives anew.
fn export(house: &House, name: &str) -> String {
    let path = house.path(name).display().to_string();
    let done = house.verb(&["export", "xep0227", &path]);
    assert_eq!(done.code, 0, "{done:?}");
    let text = std::fs::read_to_string(path).unwrap();
    let mut kept = String::new();
    for line in text.lines() {
        let mut line = line.to_owned();
        for (begin, end) in [("<result xmlns='urn:xmpp:mam:2' id='", "'"), ("<stanza-id ", "/>")] {
            if let Some(at) = line.find(begin) {
                let after = at + begin.len();
                let until = after + line[after..].find(end).unwrap();
                line.replace_range(after..until, "");
            }
        }
        kept.push_str(&line);
        kept.push('\n');
    }
    kept
}

#[test]
fn what_was_exported_is_imported_into_an_empty_house_equal() {
    let (first, second) = (House::new(), House::new());
    let file = first.write("all.xml", ALL);
    let report = first.json(&["import", "xep0227", &file]);
    assert_eq!(added(&report), [2, 2, 2, 1, 3, 1, 2, 3, 2, 1], "{report}");
    let exported = export(&first, "out.xml");
    for part in [
        "<salt>c2FsdA==</salt>",
        "Ann &amp; Söhne",
        "enabled='false'",
        "<group>Größte</group>",
        "ask='subscribe'",
        "from='eve@example.org'",
        "<FN>Ann</FN>",
        "a &lt;b",
        "value='spam.example'",
        "<item id='b@r'",
        "default='roster'",
        "gone fishing",
        "xml:lang='en'",
        "<body>two</body>",
        "SCRAM-SHA-256",
    ] {
        assert!(exported.contains(part), "{part}: {exported}");
    }
    let moved = second.json(&["import", "xep0227", &first.path("out.xml").display().to_string()]);
    assert_eq!(moved["left_out_count"], 0, "{moved}");
    assert_eq!(export(&second, "out.xml"), exported);
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(first.path("out.xml")).unwrap().permissions(),
    );
    assert_eq!(mode & 0o077, 0);
    assert_eq!(first.verb(&["export", "xep0227", &first.path("out.xml").display().to_string()]).code, 6);
}

#[test]
fn a_dry_run_tells_and_a_second_run_brings_nothing_twice() {
    for served in [false, true] {
        let house = House::new();
        let server = served.then(|| house.serve());
        let file = house.write("all.xml", ALL);
        let plan = house.json(&["import", "xep0227", &file, "--dry-run"]);
        assert_eq!(house.json(&["user", "list"]), json!([]));
        let done = house.json(&["import", "xep0227", &file]);
        assert_eq!(added(&plan), added(&done));
        assert_eq!(done["accounts_read"], 2);
        let again = house.json(&["import", "xep0227", &file]);
        assert_eq!(added(&again), [0; 10], "{again}");
        let bob = house.json(&["user", "show", "bob@localhost"]);
        assert_eq!(bob["enabled"], true);
        assert_eq!(house.json(&["user", "show", "ann@localhost"])["name"], "Ann & Söhne");
        let left = house.json(&["user", "list", "--without", "scram-sha-256"]);
        assert_eq!((left.as_array().unwrap().len(), &left[0]["jid"]), (1, &json!("ann@localhost")));
        drop(server);
    }
}

#[test]
fn what_is_left_out_is_told_with_its_file_line_and_account() {
    let house = House::new();
    let file = house.write(
        "bad.xml",
        "<server-data xmlns='urn:xmpp:pie:0'>\n<host jid='localhost'>\n<user name='ann' password='correct horse'>\n\
         <query xmlns='jabber:iq:roster'>\n<item jid='@@' subscription='both'/>\n</query>\n<unheard xmlns='urn:of'/>\n\
         <offline-messages><message xmlns='jabber:client' from='b@x'><body>when?</body></message></offline-messages>\n\
         </user></host>\n<host jid='elsewhere.example'>\n<user name='a'/><user name='b'/></host></server-data>",
    );
    let done = house.verb(&["import", "xep0227", &file]);
    assert_eq!(done.code, 6, "{done:?}");
    for part in [
        "bad.xml, line 4: ann@localhost: contact \"@@\"",
        "bad.xml, line 7: ann@localhost: <unheard xmlns='urn:of'/> is not known here",
        "bad.xml, line 8: ann@localhost: it is not said when this message came",
        "bad.xml, line 11: a@elsewhere.example: a@elsewhere.example is not of this server's domain",
    ] {
        assert!(done.err.contains(part), "{part}: {}", done.err);
    }
    assert!(
        !done.err.contains("b@elsewhere.example"),
        "one account of a foreign domain is enough: {}",
        done.err
    );
    assert!(
        done.out.contains("1 accounts added, 1 with their passwords; 3 accounts were read"),
        "{}",
        done.out
    );
}

#[test]
fn a_torn_file_is_noticed_before_anything_is_done() {
    let house = House::new();
    let torn = house.write("torn.xml", &ALL[..ALL.len() - 40]);
    let done = house.verb(&["import", "xep0227", &torn]);
    assert_eq!(done.code, 6, "{done:?}");
    assert!(done.err.contains("torn.xml"), "{done:?}");
    let entity = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><server-data xmlns='urn:xmpp:pie:0'>&x;</server-data>";
    for (name, text) in [("entity.xml", entity), ("else.xml", "<a/>"), ("lua.xml", "return {}")] {
        let file = house.write(name, text);
        assert_eq!(house.verb(&["import", "xep0227", &file]).code, 6, "{name}");
    }
    assert_eq!(house.json(&["user", "list"]), json!([]));
}

#[test]
fn included_files_are_read_and_others_are_not_opened() {
    let house = House::new();
    std::fs::create_dir(house.path("in")).unwrap();
    house.write("secret.xml", "<user xmlns='urn:xmpp:pie:0' name='eve' password='correct horse'/>");
    house.write("in/ann.xml", "<user xmlns='urn:xmpp:pie:0' name='ann' password='correct horse'/>");
    let host = |name: &str, href: &str| {
        let include = format!("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{href}'/>");
        house.write(name, &format!("<host xmlns='urn:xmpp:pie:0' jid='localhost'>{include}</host>"));
    };
    host("in/host.xml", "ann.xml");
    let main = house.write(
        "in/main.xml",
        "<server-data xmlns='urn:xmpp:pie:0' xmlns:xi='http://www.w3.org/2001/XInclude'><xi:include href='host.xml'/></server-data>",
    );
    let absolute = house.path("secret.xml").display().to_string();
    for href in
        ["../secret.xml", &absolute, "file:secret.xml", "https://example.org/x.xml", "host.xml", "none.xml"]
    {
        host("in/host.xml", href);
        let done = house.verb(&["import", "xep0227", &main]);
        assert_eq!(done.code, 6, "{href}: {done:?}");
    }
    host("in/host.xml", "ann.xml");
    assert_eq!(added(&house.json(&["import", "xep0227", &main]))[0], 1);
    assert_eq!(house.json(&["user", "list"])[0]["jid"], "ann@localhost");
}
