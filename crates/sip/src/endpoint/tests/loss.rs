//! Any loss, doubling and delay: nothing panics, and nothing is kept for ever.

use std::time::Duration;

use proptest::prelude::*;

use super::link::{Fate, LONG, Pair};
use super::user::{Script, User};
use super::{flow, ms};
use crate::endpoint::random::Random;
use crate::endpoint::{Config, Endpoint, Transport};
use crate::message::Message;

/// A link that loses `loss` and doubles `double` of 256 packets and delays each by up to `jitter` ms.
fn weather(seed: u8, loss: u8, double: u8, jitter: u16) -> Fate {
    let mut random = Random::new([seed; 32]);
    Box::new(move |_| {
        let draw = random.draw().to_le_bytes();
        let delay = |low, high| ms(u64::from(u16::from_le_bytes([low, high]) % jitter.max(1)));
        let copies = if draw[0] < loss { 0 } else { 1 + usize::from(draw[1] < double) };
        [delay(draw[2], draw[3]), delay(draw[4], draw[5])].into_iter().take(copies).collect()
    })
}

fn scripts() -> impl Strategy<Value = Script> {
    prop_oneof![
        Just(Script::Answer),
        Just(Script::AnswerReliably),
        Just(Script::Cancel),
        Just(Script::Refuse),
        Just(Script::CalleeHangsUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_is_lost_no_transaction_outlives_64_t1_and_memory_returns_to_rest(
        script in scripts(), seed: u8, loss: u8, double: u8, jitter in 0_u16..3_000,
    ) {
        let users = [User::new(script, true), User::new(script, false)];
        let [caller, callee] = users;
        let mut pair = Pair::new(caller, callee, Transport::Udp, weather(seed, loss, double, jitter));
        pair.run(LONG);
        prop_assert!(pair.is_at_rest(), "{:?} {:?}", pair.users[0].endpoint, pair.users[1].endpoint);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..400) {
        let mut endpoint = Endpoint::new(Config::default(), [0; 32]);
        let now = crate::tests_clock();
        let mut message = super::bench::incoming("INVITE", "z9hG4bK1", "", "").into_bytes();
        let at = at.min(message.len());
        message.splice(at..(at + bytes.len() / 8).min(message.len()), bytes.iter().copied());
        for bytes in [bytes, message] {
            match Message::parse(bytes.into()) {
                Ok(message) => endpoint.handle_message(message, flow(Transport::Udp, 1, 2), now),
                Err(malformed) => endpoint.handle_malformed(malformed, flow(Transport::Udp, 1, 2)),
            }
        }
        while endpoint.poll_output().is_some() {}
        endpoint.handle_timeout(now + Duration::from_secs(1_000));
    }
}
