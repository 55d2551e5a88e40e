//! Calls between two phones without a server, with the sound checked.

use runtime::Runtime;

use super::super::{Call, CallState, Ending, Error, Event, Hold, Phone};
use super::{PATIENCE, phone, world};

struct Two {
    ann: Phone,
    bob: Phone,
    runtime: Runtime,
}

impl Two {
    async fn new(seed: u64) -> Self {
        let runtime = world(seed);
        Self { ann: phone("1001", &runtime).await, bob: phone("1002", &runtime).await, runtime }
    }

    /// Ann calls Bob: her end, and his, which rings.
    async fn ring(&mut self) -> (Call, Call) {
        let target = format!("sip:1002@{}", self.bob.address());
        let call = self.ann.call(&target).await.unwrap();
        let incoming = tokio::time::timeout(PATIENCE, self.bob.incoming()).await.unwrap().unwrap();
        (call, incoming)
    }

    async fn talk(&mut self) -> (Call, Call) {
        let (call, incoming) = self.ring().await;
        incoming.answer().await.unwrap();
        call.connected().await.unwrap();
        (call, incoming)
    }
}

#[tokio::test]
async fn the_tone_sent_is_the_tone_heard_in_both_directions() {
    let mut two = Two::new(1).await;
    let (call, incoming) = two.ring().await;
    assert_eq!(incoming.remote(), "sip:1001@localhost");
    call.ringing().await.unwrap();
    assert_eq!((call.state(), incoming.state()), (CallState::Ringing, CallState::Ringing));
    incoming.answer().await.unwrap();
    call.connected().await.unwrap();
    call.audio().play_tone(440.0);
    incoming.audio().play_tone(1_000.0);
    assert!(incoming.audio().hears(440.0, PATIENCE).await);
    assert!(call.audio().hears(1_000.0, PATIENCE).await);
    assert!(call.audio().share_of(440.0) < 0.1, "nobody hears himself");
    assert!(call.audio().traffic().received >= 10);

    incoming.hang_up().await.unwrap();
    assert_eq!((call.ended().await, incoming.ended().await), (Ending::ByThem, Ending::ByUs));
    assert!(matches!(call.hang_up().await, Err(Error::NotPossible)));
}

#[tokio::test]
async fn whoever_is_on_hold_hears_nothing_until_it_is_over() {
    let mut two = Two::new(2).await;
    let (call, incoming) = two.talk().await;
    call.audio().play_tone(440.0);
    incoming.audio().play_tone(1_000.0);
    assert!(incoming.audio().hears(440.0, PATIENCE).await);

    call.hold().await.unwrap();
    assert_eq!(call.state(), CallState::Connected(Hold { by_us: true, by_them: false }));
    incoming.until(|state| *state == CallState::Connected(Hold { by_us: false, by_them: true })).await;
    assert!(incoming.audio().hears_silence(PATIENCE).await);
    assert!(call.audio().hears_silence(PATIENCE).await);

    call.resume().await.unwrap();
    assert_eq!(call.state(), CallState::Connected(Hold::default()));
    assert!(incoming.audio().hears(440.0, PATIENCE).await);
    assert!(call.audio().hears(1_000.0, PATIENCE).await);
    call.hang_up().await.unwrap();
    assert_eq!(incoming.ended().await, Ending::ByThem);
}

#[tokio::test]
async fn both_may_hold_and_each_takes_only_its_own_back() {
    let mut two = Two::new(3).await;
    let (call, incoming) = two.talk().await;
    call.hold().await.unwrap();
    incoming.hold().await.unwrap();
    assert_eq!(incoming.state(), CallState::Connected(Hold { by_us: true, by_them: true }));
    call.until(|state| *state == CallState::Connected(Hold { by_us: true, by_them: true })).await;
    call.resume().await.unwrap();
    incoming.until(|state| *state == CallState::Connected(Hold { by_us: true, by_them: false })).await;
    incoming.resume().await.unwrap();
    call.until(|state| *state == CallState::Connected(Hold::default())).await;
}

#[tokio::test]
async fn digits_arrive_once_each_and_in_order() {
    let mut two = Two::new(4).await;
    let (call, incoming) = two.talk().await;
    call.audio().send_digits("110#9 x");
    assert!(incoming.audio().hears_digits("110#9", PATIENCE).await);
    two.runtime.sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(incoming.audio().digits_heard(), "110#9");
}

#[tokio::test]
async fn a_call_is_rejected_with_a_status() {
    let mut two = Two::new(5).await;
    let (call, incoming) = two.ring().await;
    incoming.reject(486).await.unwrap();
    assert_eq!(call.ended().await, Ending::Refused(486));
    assert!(matches!(incoming.answer().await, Err(Error::NotPossible)));
}

#[tokio::test]
async fn a_caller_gives_up_while_it_rings() {
    let mut two = Two::new(6).await;
    let (call, incoming) = two.ring().await;
    call.ringing().await.unwrap();
    call.hang_up().await.unwrap();
    assert_eq!((call.ended().await, incoming.ended().await), (Ending::ByUs, Ending::ByThem));
    // The line is free again.
    let (call, _) = two.talk().await;
    assert_eq!(call.state(), CallState::Connected(Hold::default()));
}

#[tokio::test]
async fn a_phone_goes_nowhere_at_anothers_bidding_and_the_call_goes_on() {
    let mut two = Two::new(9).await;
    let (call, incoming) = two.talk().await;
    let target = format!("sip:1003@{}", two.ann.address());
    assert!(matches!(call.refer(&target).await, Err(Error::Refused(603))));
    assert_eq!(incoming.state(), CallState::Connected(Hold::default()));
    incoming.hang_up().await.unwrap();
    assert_eq!(call.ended().await, Ending::ByThem);
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let mut two = Two::new(7).await;
    let target = format!("sip:1002@{}", two.bob.address());
    two.ann.message(&target, "schöne Grüße").await.unwrap();
    match two.bob.events().recv().await {
        Some(Event::Message(message)) => {
            assert_eq!(message.from, "sip:1001@localhost");
            assert_eq!(message.content_type, "text/plain;charset=UTF-8");
            assert_eq!(message.body, "schöne Grüße".as_bytes());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_phone_without_a_server_reaches_addresses_only() {
    let two = Two::new(8).await;
    assert!(matches!(two.ann.call("1002").await, Err(Error::Target(_))));
    assert!(matches!(two.ann.call("sip:").await, Err(Error::Target(_))));
    assert!(matches!(
        two.ann.subscribe(&format!("sip:x@{}", two.bob.address()), "presence").await,
        Err(Error::Refused(405))
    ));
}
