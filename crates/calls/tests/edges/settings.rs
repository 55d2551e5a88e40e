//! What the users of lines set: by a phone, by an application, and still there after a restart.

use std::time::Duration;

use calls::command::{Command, Refusal};
use model::{DoNotDisturb, ForwardWhen, LineChange, LineId};
use presence::State;
use sip::Method;

use crate::phone::{House, Phone};

fn line(number: &str) -> LineId {
    LineId::from(number.parse::<model::Number>().unwrap())
}

fn forwarding(number: &str, target: Option<&str>) -> Command {
    Command::SetForwarding {
        line: line(number),
        when: ForwardWhen::All,
        calls: None,
        target: target.map(str::to_owned),
    }
}

/// Waits for something that happens behind.
async fn eventually<F: Future<Output = bool>>(what: impl Fn() -> F) -> bool {
    for _ in 0..200 {
        if what().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn an_application_forwards_a_line_and_it_is_kept() {
    let house = House::open().await;
    house.calls.command(forwarding("1002", Some("1009"))).await.unwrap();
    let kept = house.store.line_settings(&line("1002")).await.unwrap();
    assert_eq!(kept.forward.all.map(|to| to.to.to_string()), Some("1009".to_owned()));
    let mut lobby = Phone::tcp(&house, "1009").await;
    lobby.register().await;
    let mut ann = Phone::tcp(&house, "1001").await;
    let call = ann.ask(|phone| phone.request(Method::Invite, "1002").finish());
    let answered = async {
        let invite = lobby.expect_request(Method::Invite).await;
        lobby.answer(&invite, 603).await;
    };
    let (response, ()) = tokio::join!(call, answered);
    assert_eq!(response.status(), 603);
    house.calls.command(forwarding("1002", None)).await.unwrap();
    assert!(house.store.line_settings(&line("1002")).await.unwrap().is_none());
}

#[tokio::test]
async fn what_leads_nowhere_is_refused() {
    let house = House::open().await;
    let refused = |command| house.calls.command(command);
    assert_eq!(refused(forwarding("1003", Some("1001"))).await, Err(Refusal::NoSuchLine));
    for target in ["9999", "1002", "112", "nobody", ""] {
        let answer = refused(forwarding("1002", Some(target))).await;
        assert!(matches!(answer, Err(Refusal::Unplaceable(_))), "{target}: {answer:?}");
    }
    assert!(house.calls.line_settings(&line("1002")).is_none());
}

#[tokio::test]
async fn do_not_disturb_is_told_to_presence_and_a_code_is_kept() {
    let house = House::open().await;
    let bob: model::BareJid = "bob@example.org".parse().unwrap();
    let mut phone = Phone::tcp(&house, "1002").await;
    phone.register().await;
    let change = LineChange::DoNotDisturb { mode: Some(DoNotDisturb::Silent) };
    house.calls.set_line(&line("1002"), &change).await.unwrap();
    let reachable = |wanted: bool| {
        let (engine, bob) = (house.engine.clone(), bob.clone());
        move || {
            let now = runtime::Runtime::real().timestamp();
            let found = (engine.composed(&bob, now).state != State::DoNotDisturb) == wanted;
            async move { found }
        }
    };
    assert!(eventually(reachable(false)).await);
    // No sound flows here, so the confirmation is refused; what was dialled is done all the same.
    phone.ask(|phone| phone.request(Method::Invite, "*79").finish()).await;
    let kept = || async { house.store.line_settings(&line("1002")).await.unwrap().is_none() };
    assert!(eventually(kept).await);
    assert!(eventually(reachable(true)).await);
}
