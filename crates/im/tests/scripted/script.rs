//! Reads a script: who connects, who sends what, who receives what.

use std::time::Duration;

use im::OpenTo;
use xmpp::{Element, ns};

/// A whole script.
pub struct Script {
    /// What happens, in order, with the line in the file.
    pub steps: Vec<(usize, Step)>,
}

/// One thing that happens.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// `there is a user romeo@localhost`: everybody who connects exists without being named so.
    User(String),
    /// `romeo@localhost and juliet@localhost see each other`: before anybody connects.
    SeeEachOther(String, String),
    /// `romeo connects as romeo@localhost/garden`: signs in and binds.
    Connects { peer: String, jid: String },
    /// `romeo signs in as romeo@localhost`: up to the features that follow, which are taken as read.
    SignsIn { peer: String, jid: String },
    /// `romeo opens a stream to localhost`: sends a header, on a new connection unless there is one.
    Opens { peer: String, domain: String },
    /// `romeo sends: <xml/>`.
    Sends { peer: String, xml: String },
    /// `juliet receives: <xml/>`, one element or several; `in any order` when the order is free.
    Receives { peer: String, elements: Vec<Element>, ordered: bool },
    /// `juliet receives nothing`: nothing, once everything that was sent has had its effect.
    ReceivesNothing { peer: String },
    /// `romeo disconnects`: closes the stream.
    Disconnects { peer: String },
    /// `romeo loses the connection`: without a word.
    Loses { peer: String },
    /// `romeo is disconnected`: the server has closed the stream.
    IsDisconnected { peer: String },
    /// `romeo@localhost belongs to the shared group Team`.
    Joins { user: String, group: String },
    /// `romeo@localhost leaves the group Team`.
    Leaves { user: String, group: String },
    /// `romeo@localhost is an administrator`.
    Administers { user: String },
    /// `friar@localhost hears of abuse`: so the server's discovery tells.
    HearsOfAbuse { address: String },
    /// `members of Team make rooms`: nobody else may.
    MakeRooms { group: String },
    /// `nobody searches`: nobody may.
    NobodySearches,
    /// `accounts are open to everybody`, or to `invited` or `nobody`.
    OpenTo(OpenTo),
    /// `users may invite`.
    UsersInvite,
    /// `messages go to the device that answers`.
    AnsweringDevice,
    /// `2 minutes pass`.
    Passes(Duration),
}

impl Script {
    /// Reads a script, or says in which line it is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with("# ") {
            return Err("line 1: the first line names the specification".to_owned());
        }
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line)).peekable();
        let mut steps = Vec::new();
        while let Some((number, line)) = lines.next() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (sentence, mut xml) = match line.split_once(':') {
                Some((sentence, xml)) if !sentence.contains('<') => (sentence, xml.trim().to_owned()),
                _ => (line, String::new()),
            };
            while let Some((_, more)) = lines.next_if(|(_, line)| line.starts_with([' ', '\t'])) {
                join(&mut xml, more.trim());
            }
            let step = step(sentence, xml).map_err(|error| format!("line {number}: {error}"))?;
            steps.push((number, step));
        }
        Ok(Self { steps })
    }

    /// The bare addresses of all who have an account.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|(_, step)| match step {
            Step::Joins { user, .. } => vec![bare(user)],
            Step::User(jid) | Step::Connects { jid, .. } | Step::SignsIn { jid, .. } => vec![bare(jid)],
            Step::SeeEachOther(one, other) => vec![bare(one), bare(other)],
            _ => Vec::new(),
        })
    }
}

fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

fn step(sentence: &str, xml: String) -> Result<Step, String> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let own = |word: &str| word.to_owned();
    let needs_xml =
        matches!(words[..], [_, "sends"] | [_, "receives"] | [_, "receives", "in", "any", "order"]);
    if needs_xml == xml.is_empty() {
        return Err(format!("cannot be read: {sentence}"));
    }
    Ok(match words[..] {
        ["there", "is", "a", "user", jid] => Step::User(own(jid)),
        [one, "and", other, "see", "each", "other"] => Step::SeeEachOther(own(one), own(other)),
        [peer, "connects", "as", jid] => Step::Connects { peer: own(peer), jid: own(jid) },
        [peer, "signs", "in", "as", jid] => Step::SignsIn { peer: own(peer), jid: own(jid) },
        [peer, "opens", "a", "stream", "to", domain] => Step::Opens { peer: own(peer), domain: own(domain) },
        [peer, "sends"] => Step::Sends { peer: own(peer), xml },
        [peer, "receives"] => Step::Receives { peer: own(peer), elements: elements(&xml)?, ordered: true },
        [peer, "receives", "in", "any", "order"] => {
            Step::Receives { peer: own(peer), elements: elements(&xml)?, ordered: false }
        }
        [peer, "receives", "nothing"] => Step::ReceivesNothing { peer: own(peer) },
        [user, "belongs", "to", "the", "shared", "group", group] => {
            Step::Joins { user: own(user), group: own(group) }
        }
        [user, "leaves", "the", "group", group] => Step::Leaves { user: own(user), group: own(group) },
        [user, "is", "an", "administrator"] => Step::Administers { user: own(user) },
        [address, "hears", "of", "abuse"] => Step::HearsOfAbuse { address: format!("xmpp:{address}") },
        ["members", "of", group, "make", "rooms"] => Step::MakeRooms { group: own(group) },
        ["nobody", "searches"] => Step::NobodySearches,
        ["accounts", "are", "open", "to", whom] => {
            Step::OpenTo(whom.parse().map_err(|()| format!("not a sort of people: {whom}"))?)
        }
        ["users", "may", "invite"] => Step::UsersInvite,
        ["messages", "go", "to", "the", "device", "that", "answers"] => Step::AnsweringDevice,
        [peer, "disconnects"] => Step::Disconnects { peer: own(peer) },
        [peer, "loses", "the", "connection"] => Step::Loses { peer: own(peer) },
        [peer, "is", "disconnected"] => Step::IsDisconnected { peer: own(peer) },
        [count, unit, "pass" | "passes"] => {
            let count: u64 = count.parse().map_err(|_| format!("not a number: {count}"))?;
            Step::Passes(Duration::from_secs(match unit {
                "second" | "seconds" => count,
                "minute" | "minutes" => count * 60,
                "hour" | "hours" => count * 3_600,
                _ => return Err(format!("not a unit of time: {unit}")),
            }))
        }
        _ => return Err(format!("cannot be read: {sentence}")),
    })
}

/// Lines of XML become one: indentation is for the reader of the script and not sent.
fn join(xml: &mut String, line: &str) {
    if !xml.is_empty() && !xml.ends_with('>') && !line.starts_with('<') {
        xml.push(' ');
    }
    xml.push_str(line);
}

/// The elements of an expectation, in the namespaces of a client's stream.
fn elements(xml: &str) -> Result<Vec<Element>, String> {
    let whole = format!("<all xmlns='{}' xmlns:stream='{}'>{xml}</all>", ns::CLIENT, ns::STREAMS);
    let whole = Element::parse(whole.as_bytes(), "").map_err(|error| format!("{error} in {xml}"))?;
    Ok(whole.children().cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_line_by_line() {
        let script = Script::parse(
            "# RFC 6121\n\nromeo connects as romeo@localhost/garden\nromeo sends: <presence/>\n\
             juliet receives in any order:\n    <message type='chat'\n      to='a'>\n      <body>hi\n        there</body>\n    </message>\n    <presence/>\n2 minutes pass\n",
        )
        .unwrap();
        assert_eq!(script.users().collect::<Vec<_>>(), ["romeo@localhost"]);
        let lines: Vec<_> = script.steps.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5, 12]);
        assert_eq!(script.steps[1].1, Step::Sends { peer: "romeo".into(), xml: "<presence/>".into() });
        let Step::Receives { elements, ordered: false, .. } = &script.steps[2].1 else { panic!() };
        assert_eq!(elements.len(), 2);
        assert_eq!(elements[0].child("body", ns::CLIENT).unwrap().text(), "hi there");
        assert_eq!(script.steps[3].1, Step::Passes(Duration::from_secs(120)));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_with_its_line() {
        for (text, line) in [
            ("romeo sends: <a/>", "line 1"),
            ("# x\nromeo dances", "line 2"),
            ("# x\n\nromeo receives: <a>", "line 3"),
            ("# x\nromeo receives", "line 2"),
            ("# x\nromeo disconnects: <a/>", "line 2"),
            ("# x\n3 moons pass", "line 2"),
        ] {
            let error = Script::parse(text).err().unwrap();
            assert!(error.starts_with(line), "{text}: {error}");
        }
    }
}
