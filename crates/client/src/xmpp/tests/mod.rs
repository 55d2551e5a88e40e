//! A client and a scripted server over a wire in memory: no network, no real time.

mod peer;

use std::time::Duration;

use peer::{PASSWORD, Resumption, Server, Side, world};
use xmpp::sasl::Mechanism;
use xmpp::stream::NegotiationError;
use xmpp::xep::ping;
use xmpp::{Condition, Element, Frame, Kind, StanzaError, StreamCondition, ns};

use super::*;

const RESUMABLE: &str = "<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>";
const COUNTED: &str = "<enabled xmlns='urn:xmpp:sm:3'/>";

/// A session with a server that counts, and answers `<enable/>` so.
async fn session(server: &mut Server, options: Options, enabled: &str) -> (Client, Events, Side) {
    let runtime = world();
    let security = options.security;
    let connect = Client::connect_by(&runtime, server.dial(), options);
    let serve = async {
        let mut side = server.accept(security, Resumption::Forgotten).await.expect("signed in");
        side.enable(enabled).await;
        side
    };
    let (connected, side) = tokio::join!(connect, serve);
    let (client, events) = connected.expect("signed in");
    (client, events, side)
}

async fn simple(enabled: &str) -> (Server, Client, Events, Side) {
    let mut server = Server::new(&Mechanism::DEFAULT);
    let options = server.options();
    let (client, events, side) = session(&mut server, options, enabled).await;
    (server, client, events, side)
}

async fn refused(mechanisms: &[Mechanism], change: impl FnOnce(&mut Options)) -> Error {
    let mut server = Server::new(mechanisms);
    let mut options = server.options();
    change(&mut options);
    let runtime = world();
    let security = options.security;
    let connect = Client::connect_by(&runtime, server.dial(), options);
    let (connected, side) = tokio::join!(connect, server.accept(security, Resumption::Forgotten));
    assert!(side.is_none());
    connected.err().expect("no session")
}

#[tokio::test(start_paused = true)]
async fn a_user_signs_in_and_chats_both_ways() {
    let (_server, client, mut events, mut side) = simple(COUNTED).await;
    assert_eq!(client.jid().as_str(), "ann@localhost/phone");
    let id = client.chat("bob@localhost", "a < b").await.unwrap();
    let sent = side.stanza().await;
    assert_eq!(
        (sent.kind(), sent.to().as_deref(), sent.id().as_deref()),
        (Kind::Message, Some("bob@localhost"), Some(&*id))
    );
    assert_eq!(sent.child("body", ns::CLIENT).unwrap().text(), "a < b");
    side.write("<message from='bob@localhost/x' id='7'><body>b &gt; a</body></message>").await;
    let Some(Event::Message(message)) = events.next().await else { panic!("no message") };
    assert_eq!((&*message.from(), message.body().as_deref()), ("bob@localhost/x", Some("b > a")));
}

#[tokio::test(start_paused = true)]
async fn a_user_signs_in_by_direct_tls() {
    let mut server = Server::new(&Mechanism::DEFAULT);
    let options = Options { security: Security::DirectTls, ..server.options() };
    let (client, _events, mut side) = session(&mut server, options, COUNTED).await;
    client.available().await.unwrap();
    assert_eq!(side.stanza().await.kind(), Kind::Presence);
}

#[tokio::test(start_paused = true)]
async fn plain_is_used_where_there_is_nothing_else() {
    let mut server = Server::new(&[Mechanism::Plain]);
    let options = server.options();
    session(&mut server, options, COUNTED).await;
    let error =
        refused(&[Mechanism::Plain], |options| options.mechanisms = vec![Mechanism::ScramSha256]).await;
    assert!(matches!(error, Error::Negotiation(NegotiationError::Sasl(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn another_certificate_is_not_believed() {
    let other = Server::new(&Mechanism::DEFAULT).certificate;
    for security in [Security::StartTls, Security::DirectTls] {
        let other = Trust::Certificate(other.clone());
        let error = refused(&Mechanism::DEFAULT, |options| {
            options.trust = other;
            options.security = security;
        })
        .await;
        assert!(matches!(error, Error::Io(_)), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_told() {
    let error = refused(&Mechanism::DEFAULT, |options| options.password = format!("{PASSWORD}!")).await;
    let Error::Negotiation(NegotiationError::Refused(condition)) = error else { panic!("{error}") };
    assert_eq!(condition, xmpp::sasl::Condition::NotAuthorized);
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_only_from_whom_we_asked() {
    let (_server, client, _events, mut side) = simple(COUNTED).await;
    let question = ping::element();
    let ask = client.get(Some("bob@localhost/x"), &question);
    let answer = async {
        let id = side.stanza().await.id().unwrap().into_owned();
        side.write(&format!("<iq type='result' id='{id}' from='mallory@localhost/x'/>")).await;
        side.write(&format!("<iq type='error' id='{id}' from='bob@localhost/x'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")).await;
    };
    let (answer, ()) = tokio::join!(ask, answer);
    let Err(Error::Refused(error)) = answer else { panic!("{answer:?}") };
    assert_eq!(error.condition, Condition::ItemNotFound);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_answer_times_out() {
    let (_server, client, _events, _side) = simple(COUNTED).await;
    assert!(matches!(client.get(None, &ping::element()).await, Err(Error::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn the_roster_is_read_changed_and_followed() {
    let (_server, client, mut events, mut side) = simple(COUNTED).await;
    let serve = async {
        let asked = side.stanza().await;
        let id = asked.id().unwrap().into_owned();
        side.write(&format!("<iq type='result' id='{id}' from='ann@localhost'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' subscription='both'/></query></iq>")).await;
        let put = side.stanza().await;
        let id = put.id().unwrap().into_owned();
        side.write("<iq type='set' id='p1'><query xmlns='jabber:iq:roster'><item jid='carol@localhost' name='C' subscription='none'/></query></iq>").await;
        side.write(&format!("<iq type='result' id='{id}'/>")).await;
        put
    };
    let carol = "carol@localhost".parse().unwrap();
    let work = async {
        let items = client.roster().await.unwrap();
        client.roster_put(&carol, Some("C"), &["Friends"]).await.unwrap();
        items
    };
    let (items, put) = tokio::join!(work, serve);
    assert_eq!(items[0].jid.as_str(), "bob@localhost");
    let item = put.first_child().unwrap().element();
    let item = item.children().next().unwrap();
    assert_eq!((item.attr("jid"), item.attr("subscription")), (Some("carol@localhost"), None));
    let Some(Event::Roster(item)) = events.next().await else { panic!("no push") };
    assert_eq!(item.name.as_deref(), Some("C"));
    let answer = side.stanza().await;
    assert_eq!((answer.type_().as_deref(), answer.id().as_deref()), (Some("result"), Some("p1")));
}

#[tokio::test(start_paused = true)]
async fn a_roster_push_from_anybody_else_is_refused() {
    let (_server, _client, _events, mut side) = simple(COUNTED).await;
    side.write("<iq type='set' id='p1' from='mallory@localhost/x'><query xmlns='jabber:iq:roster'><item jid='m@localhost'/></query></iq>").await;
    let answer = side.stanza().await;
    assert_eq!(StanzaError::from_stanza(&answer).unwrap().condition, Condition::ServiceUnavailable);
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_and_other_requests_reach_the_owner_who_wants_them() {
    let mut server = Server::new(&Mechanism::DEFAULT);
    let options = Options { answers_requests: true, ..server.options() };
    let (client, mut events, mut side) = session(&mut server, options, COUNTED).await;
    side.write("<iq type='get' id='1' from='localhost'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    assert_eq!(side.stanza().await.type_().as_deref(), Some("result"));
    side.write("<iq type='get' id='2' from='bob@localhost/x'><q xmlns='urn:q'/></iq>").await;
    let Some(Event::Request(request)) = events.next().await else { panic!("no request") };
    client.answer(&request, Ok(Some(Element::new("q", "urn:q")))).await.unwrap();
    let answer = side.stanza().await;
    assert!(answer.has_child("q", "urn:q"));
    client.answer(&request, Err(Condition::Forbidden.into())).await.unwrap();
    assert_eq!(StanzaError::from_stanza(&side.stanza().await).unwrap().condition, Condition::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn what_came_in_is_acknowledged_and_what_went_out_is_waited_for() {
    let (_server, client, mut events, mut side) = simple(COUNTED).await;
    side.write("<message/><presence/><r xmlns='urn:xmpp:sm:3'/>").await;
    let ack = side.stanza().await;
    assert_eq!((ack.name(), ack.attr("h").as_deref()), ("a", Some("2")));
    assert!(matches!(events.next().await, Some(Event::Message(_))));
    client.chat("bob@localhost", "1").await.unwrap();
    client.chat("bob@localhost", "2").await.unwrap();
    side.stanza().await;
    side.stanza().await;
    let mut waits = std::pin::pin!(client.acknowledged());
    let early = tokio::select! { biased; done = &mut waits => Some(done), () = async {
        side.write("<a xmlns='urn:xmpp:sm:3' h='1'/>").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    } => None };
    assert!(early.is_none(), "only one of two is acknowledged");
    side.write("<a xmlns='urn:xmpp:sm:3' h='2'/>").await;
    waits.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_taken_up_again_without_loss() {
    let (mut server, client, mut events, mut side) = simple(RESUMABLE).await;
    for body in ["1", "2", "3"] {
        client.chat("bob@localhost", body).await.unwrap();
        side.stanza().await;
    }
    side.write("<a xmlns='urn:xmpp:sm:3' h='1'/>").await;
    client.sever().await.unwrap();
    let mut side = server.accept(Security::StartTls, Resumption::GoesOn(2)).await.expect("resumed");
    assert!(matches!(events.next().await, Some(Event::Reconnected { resumed: true, .. })));
    assert_eq!(side.stanza().await.child("body", ns::CLIENT).unwrap().text(), "3");
    client.chat("bob@localhost", "4").await.unwrap();
    assert_eq!(side.stanza().await.child("body", ns::CLIENT).unwrap().text(), "4");
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_begins_anew_and_tells_what_may_be_lost() {
    let (mut server, client, mut events, mut side) = simple(RESUMABLE).await;
    client.chat("bob@localhost", "1").await.unwrap();
    side.stanza().await;
    drop(side);
    let mut side = server.accept(Security::StartTls, Resumption::Forgotten).await.expect("signed in again");
    side.enable(RESUMABLE).await;
    let Some(Event::Reconnected { resumed: false, lost }) = events.next().await else {
        panic!("no new session")
    };
    assert_eq!(lost.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_gone_ends_the_session() {
    let (server, client, mut events, side) = simple(RESUMABLE).await;
    drop((server, side));
    assert!(matches!(events.next().await, Some(Event::Disconnected(Ending::Broken(_)))));
    assert!(events.next().await.is_none());
    assert!(matches!(client.available().await, Err(Error::Over)));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_stream_ends_the_session_with_its_reason() {
    let (_server, _client, mut events, mut side) = simple(RESUMABLE).await;
    side.write("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>").await;
    let Some(Event::Disconnected(Ending::ByServer(Some(error)))) = events.next().await else {
        panic!("no end")
    };
    assert_eq!(error.condition, StreamCondition::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_restarts_is_found_again() {
    let (mut server, _client, mut events, mut side) = simple(RESUMABLE).await;
    side.write("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>").await;
    server.accept(Security::StartTls, Resumption::GoesOn(0)).await.expect("resumed");
    assert!(matches!(events.next().await, Some(Event::Reconnected { resumed: true, .. })));
}

#[tokio::test(start_paused = true)]
async fn closing_is_orderly() {
    let (_server, client, mut events, mut side) = simple(COUNTED).await;
    client.chat("bob@localhost", "last").await.unwrap();
    let serve = async {
        assert_eq!(side.stanza().await.kind(), Kind::Message);
        assert_eq!(side.stanza().await.name(), "a");
        assert!(matches!(side.frame().await, Some(Frame::Close)));
        side.write("<message/></stream:stream>").await;
        assert!(side.frame().await.is_none());
    };
    let (closed, ()) = tokio::join!(client.close(), serve);
    closed.unwrap();
    assert!(matches!(events.next().await, Some(Event::Message(_))));
    assert!(matches!(events.next().await, Some(Event::Disconnected(Ending::Closed))));
}
