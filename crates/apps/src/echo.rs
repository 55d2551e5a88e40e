//! A contact that answers with what was written to it: the first thing a newcomer can talk to.

use im::Contact;
use model::BareJid;

/// Answers every message with its own words.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Contact for Echo {
    fn status(&self) -> &str {
        "I say what you say"
    }

    fn message(&self, _from: &BareJid, body: &str) -> Option<String> {
        Some(body.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_answers_with_the_same_words() {
        let from = "ann@example.org".parse().unwrap();
        assert_eq!(Echo.message(&from, "hello").as_deref(), Some("hello"));
    }
}
