//! A data folder, as Prosody 0.12 writes it.

use super::*;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn steps(folder: &Path) -> Vec<(String, u64, Step)> {
    let mut files = Folder::open(folder).unwrap();
    let mut steps = Vec::new();
    while let Some((place, step)) = files.step().unwrap() {
        steps.push((file_name(&place.file), place.line, step));
    }
    steps
}

fn texts(folder: &Path) -> Vec<String> {
    let text = |step| match step {
        Step::Account(head) => format!("{}@{} {:?}", head.name, head.host, head.password),
        Step::Part(element) => String::from_utf8(element.to_bytes().to_vec()).unwrap(),
        Step::End => "end".to_owned(),
        Step::LeftOut(why) => why,
    };
    steps(folder).into_iter().map(|(_, _, step)| text(step)).collect()
}

#[test]
fn accounts_come_in_order_with_what_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join("ex%2dample%2eorg");
    write(&host, "accounts/bob.dat", "return { [\"password\"] = \"secret\"; };");
    write(
        &host,
        "accounts/an%2en.dat",
        "return { salt = \"s\"; iteration_count = 4096; stored_key = \"00ff\"; server_key = \"01\"; };",
    );
    write(
        &host,
        "roster/bob.dat",
        "return { [false] = { pending = { [\"c@d\"] = true } }; [\"a@b\"] = { subscription = \"to\"; groups = { G = true } } };",
    );
    write(&host, "blocklist/bob.dat", "return { [false] = {}; [\"x@y\"] = 5; };");
    write(&host, "roster/stranger.dat", "return { [\"a@b\"] = { subscription = \"to\" } };");
    let expected = [
        "an.n@ex-ample.org None",
        "<scram-credentials xmlns='urn:xmpp:pie:0#scram' mechanism='SCRAM-SHA-1'><iter-count>4096</iter-count>\
         <salt>cw==</salt><server-key>AQ==</server-key><stored-key>AP8=</stored-key></scram-credentials>",
        "end",
        "bob@ex-ample.org Some(\"secret\")",
        "<query xmlns='jabber:iq:roster'><item jid='a@b' subscription='to'><group>G</group></item></query>",
        "<presence xmlns='jabber:client' from='c@d' type='subscribe'/>",
        "<blocklist xmlns='urn:xmpp:blocking'><item jid='x@y'/></blocklist>",
        "end",
    ];
    assert_eq!(texts(folder.path()), expected);
    // The folder of one host will do, too.
    assert_eq!(texts(&host), expected);
}

#[test]
fn messages_have_their_lines_and_a_torn_list_gives_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "h/accounts/a.dat", "return {};");
    let item = "item({\n\t{ \"hi\"; name = \"body\"; attr = {} };\n\tname = \"message\"; key = \"k\"; when = 1.5;\n\
         attr = { from = \"b@h\"; [\"xml:lang\"] = \"en\"; stamp = \"x\" };\n});\n";
    write(folder.path(), "h/archive/a.list", &format!("{item}{item}item({{"));
    write(folder.path(), "h/offline/a.list", item);
    let steps = steps(folder.path());
    let message = "<message xmlns='jabber:client' from='b@h' xml:lang='en'><body>hi</body>";
    let stamp = "<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:01.500000Z'";
    let found: Vec<_> = steps[1..4]
        .iter()
        .map(|(file, line, step)| match step {
            Step::Part(part) => (file.as_str(), *line, String::from_utf8(part.to_bytes().to_vec()).unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    let archived = format!(
        "<result xmlns='urn:xmpp:mam:2' id='k'><forwarded xmlns='urn:xmpp:forward:0'>{stamp}/>{message}</message></forwarded></result>"
    );
    assert_eq!(found[0], ("a.list", 1, format!("{message}{stamp} from='h'/></message>")));
    assert_eq!(found[1], ("a.list", 1, archived.clone()));
    assert_eq!(found[2], ("a.list", 6, archived));
    assert!(matches!(&steps[4].2, Step::LeftOut(why) if why.contains("the file ends")), "{steps:?}");
    assert_eq!(steps[5].2, Step::End);
}

#[test]
fn nodes_come_with_their_configuration_and_the_card_with_its_picture() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "h/accounts/a.dat", "return {};");
    write(
        folder.path(),
        "h/pep/a.dat",
        "return { [\"urn:xmpp:avatar:data\"] = { config = { access_model = \"open\"; max_items = 1; persist_items = true; _defaults_only = true } }; \
         unused = { config = {} }; [\"urn:xmpp:vcard4\"] = {} };",
    );
    write(
        folder.path(),
        "h/pep_urn%3axmpp%3aavatar%3adata/a.list",
        "item({ \"QUJD\"; name = \"data\"; key = \"id\"; when = 1; with = \"a@h\"; attr = { xmlns = \"urn:xmpp:avatar:data\" } });",
    );
    write(
        folder.path(),
        "h/pep_urn%3axmpp%3avcard4/a.list",
        "item({ { { \"A\"; name = \"text\"; attr = {} }; name = \"fn\"; attr = {} }; name = \"vcard\"; attr = { xmlns = \"urn:ietf:params:xml:ns:vcard-4.0\" } });",
    );
    let texts = texts(folder.path());
    let all = texts.join("\n");
    assert!(all.contains("<configure node='urn:xmpp:avatar:data'>") && !all.contains("unused"), "{all}");
    assert!(all.contains("pubsub#access_model") && !all.contains("_defaults_only"), "{all}");
    assert!(
        all.contains("<item id='id' publisher='a@h'><data xmlns='urn:xmpp:avatar:data'>QUJD</data></item>"),
        "{all}"
    );
    assert!(
        all.contains("<vCard xmlns='vcard-temp'><FN>A</FN><PHOTO><BINVAL>QUJD</BINVAL></PHOTO></vCard>"),
        "{all}"
    );
}

#[test]
fn what_is_no_data_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Folder::open(folder.path()).is_err_and(|broken| broken.message.contains("/var/lib/prosody")));
    assert!(Folder::open(&folder.path().join("none")).is_err());
}
