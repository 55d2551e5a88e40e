//! What the operator decides about archives holds for users who decided nothing.

use store::ArchiveDefault;

use crate::house::House;

const PREFERENCES: &str = "<prefs xmlns='urn:xmpp:mam:2'/>";
const COUNT: &str =
    "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>0</max></set></query>";

#[tokio::test(start_paused = true)]
async fn nothing_is_archived_where_nobody_asked_for_it_unless_a_user_does() {
    let house = House::configured(|config| config.archive_default = ArchiveDefault::Never).await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    let told = ann.ask("p", &format!("<iq type='get' id='p'>{PREFERENCES}</iq>")).await;
    assert!(text(&told).contains("default='never'"), "{told:?}");
    let own = "<prefs xmlns='urn:xmpp:mam:2' default='always'><always/><never/></prefs>";
    bob.ask("p", &format!("<iq type='set' id='p'>{own}</iq>")).await;

    ann.send("<message to='bob@localhost' type='chat'><body>hello</body></message>").await;
    assert_eq!(bob.body().await, "hello");
    for (client, count) in [(&mut ann, "0"), (&mut bob, "1")] {
        let counted = client.ask("c", &format!("<iq type='set' id='c'>{COUNT}</iq>")).await;
        assert!(text(&counted).contains(&format!("<count>{count}</count>")), "{counted:?}");
    }
}

fn text(stanza: &xmpp::Stanza) -> String {
    String::from_utf8_lossy(stanza.bytes()).into_owned()
}
