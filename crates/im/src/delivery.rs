//! Who gets a stanza that is addressed to a local user: RFC 6121 §8.5 as one pure function.

/// The `type` of a message (RFC 6121 §5.2.2); an unknown or absent one is `Normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageType {
    /// A single message.
    Normal,
    /// Part of a conversation.
    Chat,
    /// From a room.
    Groupchat,
    /// An alert nobody answers.
    Headline,
    /// The answer to a message that could not be delivered.
    Error,
}

impl MessageType {
    /// From the attribute's value.
    pub fn of(text: Option<&str>) -> Self {
        match text {
            Some("chat") => Self::Chat,
            Some("groupchat") => Self::Groupchat,
            Some("headline") => Self::Headline,
            Some("error") => Self::Error,
            _ => Self::Normal,
        }
    }
}

/// What is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A message.
    Message(MessageType),
    /// Presence without a type, or `unavailable`, or `error`; subscription requests and probes go another way.
    Presence,
    /// An IQ `get` or `set`.
    IqRequest,
    /// An IQ `result` or `error`.
    IqAnswer,
}

/// Which address of the user the stanza names, and whether that full address is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// `bob@example.org`
    Bare,
    /// `bob@example.org/desk`, and that resource is connected.
    Connected,
    /// `bob@example.org/desk`, and there is no such resource.
    Unconnected,
}

/// The best that the user's sessions offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// There is no such account.
    NoAccount,
    /// No resource is available, or all are with negative priority: no message reaches the bare address.
    Unreachable,
    /// At least one available resource has a non-negative priority.
    Reachable,
}

/// What happens to the stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// To the one resource that was addressed.
    Resource,
    /// To every available resource with non-negative priority.
    NonNegative,
    /// To every available resource, whatever its priority.
    Available,
    /// Kept until the user comes (XEP-0160).
    Spool,
    /// The server answers on the user's behalf.
    OnBehalf,
    /// Back to the sender as `service-unavailable`.
    Bounce,
    /// Dropped in silence, as the RFC asks.
    Ignore,
}

/// The decision of RFC 6121 §8.5, its table 1 in code.
pub fn decide(what: What, address: Address, reach: Reach) -> Delivery {
    if reach == Reach::NoAccount {
        return no_such_user(what);
    }
    match address {
        // §8.5.3.1: a connected resource gets whatever names it.
        Address::Connected => Delivery::Resource,
        Address::Unconnected => no_such_resource(what, reach),
        Address::Bare => bare(what, reach),
    }
}

/// §8.5.1: an unknown account looks like one that takes nothing; errors and answers never bounce.
fn no_such_user(what: What) -> Delivery {
    match what {
        What::Message(MessageType::Error) | What::Presence | What::IqAnswer => Delivery::Ignore,
        What::Message(_) | What::IqRequest => Delivery::Bounce,
    }
}

/// §8.5.2: with resources (§8.5.2.1) and without (§8.5.2.2). All resources of non-negative priority get
/// a message, so that it reaches all of the user's devices (`IM-01`).
fn bare(what: What, reach: Reach) -> Delivery {
    let reachable = reach == Reach::Reachable;
    match what {
        What::Message(MessageType::Normal | MessageType::Chat) if reachable => Delivery::NonNegative,
        What::Message(MessageType::Normal | MessageType::Chat) => Delivery::Spool,
        What::Message(MessageType::Headline) if reachable => Delivery::NonNegative,
        What::Message(MessageType::Headline | MessageType::Error) => Delivery::Ignore,
        What::Message(MessageType::Groupchat) => Delivery::Bounce,
        What::Presence => Delivery::Available,
        What::IqRequest => Delivery::OnBehalf,
        What::IqAnswer => Delivery::Ignore,
    }
}

/// §8.5.3.2: a chat goes on to the bare address; the rest is told to the sender or dropped.
fn no_such_resource(what: What, reach: Reach) -> Delivery {
    match what {
        What::Message(MessageType::Chat) => bare(what, reach),
        What::Message(MessageType::Normal | MessageType::Groupchat | MessageType::Headline) => {
            Delivery::Bounce
        }
        What::IqRequest => Delivery::Bounce,
        What::Message(MessageType::Error) | What::Presence | What::IqAnswer => Delivery::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Delivery::{Available, Bounce, Ignore, NonNegative, OnBehalf, Resource, Spool};
    use MessageType::{Chat, Error, Groupchat, Headline, Normal};

    const KINDS: [What; 8] = [
        What::Message(Normal),
        What::Message(Chat),
        What::Message(Groupchat),
        What::Message(Headline),
        What::Message(Error),
        What::Presence,
        What::IqRequest,
        What::IqAnswer,
    ];

    fn check(address: Address, reach: Reach, expected: [Delivery; 8]) {
        assert_eq!(KINDS.map(|what| decide(what, address, reach)), expected, "{address:?} {reach:?}");
    }

    #[test]
    fn the_bare_address_follows_section_8_5_2() {
        let reachable = [NonNegative, NonNegative, Bounce, NonNegative, Ignore, Available, OnBehalf, Ignore];
        check(Address::Bare, Reach::Reachable, reachable);
        let unreachable = [Spool, Spool, Bounce, Ignore, Ignore, Available, OnBehalf, Ignore];
        check(Address::Bare, Reach::Unreachable, unreachable);
    }

    #[test]
    fn a_full_address_follows_section_8_5_3() {
        check(Address::Connected, Reach::Reachable, [Resource; 8]);
        check(Address::Connected, Reach::Unreachable, [Resource; 8]);
        let elsewhere = [Bounce, NonNegative, Bounce, Bounce, Ignore, Ignore, Bounce, Ignore];
        check(Address::Unconnected, Reach::Reachable, elsewhere);
        let nowhere = [Bounce, Spool, Bounce, Bounce, Ignore, Ignore, Bounce, Ignore];
        check(Address::Unconnected, Reach::Unreachable, nowhere);
    }

    #[test]
    fn an_unknown_account_takes_nothing() {
        let nobody = [Bounce, Bounce, Bounce, Bounce, Ignore, Ignore, Bounce, Ignore];
        for address in [Address::Bare, Address::Unconnected] {
            check(address, Reach::NoAccount, nobody);
        }
    }

    #[test]
    fn an_unknown_message_type_is_normal() {
        assert_eq!(MessageType::of(Some("shout")), Normal);
        assert_eq!(MessageType::of(None), Normal);
    }
}
