//! The ladder of a call: its messages as arrows between the phones and the server, in characters that any
//! terminal has.

use model::Timestamp;
use operations::{CallTraced, MessageShown};

/// From one lifeline to the next.
const STEP: usize = 36;
/// The place of the first lifeline: behind the times.
const FIRST: usize = 12;
/// What the server is called.
const SERVER: &str = "carillon";
/// The place of the server among the lifelines: behind the caller.
const SERVER_PLACE: usize = 1;

/// The ladder, and with `full` every message behind it.
pub(super) fn draw(trace: &CallTraced, full: bool) -> String {
    let mut out = String::new();
    let mut labels = Row::default();
    let mut addresses = Row::default();
    labels.centre(lifeline(SERVER_PLACE), SERVER);
    for (place, party) in trace.parties.iter().enumerate() {
        labels.centre(lifeline(column(place)), &party.label);
        addresses.centre(lifeline(column(place)), &party.address);
    }
    push(&mut out, &labels);
    push(&mut out, &addresses);
    let began = trace.messages.first().map_or(Timestamp(0), |message| message.at);
    let columns = trace.parties.len() + 1;
    for message in &trace.messages {
        let mut row = Row::default();
        row.write(0, &offset(began, message.at));
        (0..columns).for_each(|place| row.write(lifeline(place), "|"));
        arrow(&mut row, message);
        push(&mut out, &row);
    }
    if trace.left_out > 0 {
        let count = trace.left_out;
        out.push_str(&format!("\n{count} messages in the middle of long legs are not kept.\n"));
    }
    if full {
        trace.messages.iter().for_each(|message| whole(&mut out, trace, began, message));
    }
    out
}

fn arrow(row: &mut Row, message: &MessageShown) {
    let (server, party) = (lifeline(SERVER_PLACE), lifeline(column(message.party)));
    let (left, right) = (server.min(party), server.max(party));
    let points_right = message.sent == (party > server);
    let room = right - left - 1;
    let mut text: String = format!("- {} ", summary(message)).chars().take(room - 2).collect();
    let fill = room - 1 - text.chars().count();
    text.push_str(&"-".repeat(fill));
    let text = if points_right { format!("{text}>") } else { format!("<{text}") };
    row.write(left + 1, &text);
}

/// What stands on an arrow: method or status, CSeq, whether a description is in it.
fn summary(message: &MessageShown) -> String {
    let first = message.text.lines().next().unwrap_or_default();
    let cseq = field(&message.text, "CSeq").unwrap_or_default();
    let described = message.text.split("\r\n\r\n").nth(1).is_some_and(|body| body.contains("v=0"));
    let (described, again) =
        (if described { ", SDP" } else { "" }, if message.repeated { ", again" } else { "" });
    match first.strip_prefix("SIP/2.0 ") {
        Some(status) => format!("{status} ({cseq}{described}{again})"),
        None => {
            let method = first.split(' ').next().unwrap_or_default();
            let number = cseq.split(' ').next().unwrap_or_default();
            format!("{method} ({number}{described}{again})")
        }
    }
}

/// The value of the first header field of that name.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let head = text.split("\r\n\r\n").next()?;
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn whole(out: &mut String, trace: &CallTraced, began: Timestamp, message: &MessageShown) {
    let party = &trace.parties[message.party];
    let (from, to) = if message.sent { (SERVER, &*party.label) } else { (&*party.label, SERVER) };
    let time = offset(began, message.at);
    out.push_str(&format!("\n=== {} {from} -> {to} ({}) {}\n", time.trim(), party.address, message.at));
    out.push_str(&message.text.replace("\r\n", "\n"));
    if message.cut > 0 {
        out.push_str(&format!("\n... {} bytes more", message.cut));
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

/// Seconds since the first message.
fn offset(began: Timestamp, at: Timestamp) -> String {
    format!("{:>9.3}", at.since(began).as_secs_f64())
}

/// The first party stands left of the server, all others right of it.
fn column(party: usize) -> usize {
    if party < SERVER_PLACE { party } else { party + 1 }
}

fn lifeline(place: usize) -> usize {
    FIRST + place * STEP
}

/// A line of characters that is written at places.
#[derive(Default)]
struct Row(Vec<char>);

impl Row {
    fn write(&mut self, at: usize, text: &str) {
        for (place, character) in (at..).zip(text.chars()) {
            if self.0.len() <= place {
                self.0.resize(place + 1, ' ');
            }
            // What phones say must not move the cursor.
            self.0[place] = if character.is_control() { '?' } else { character };
        }
    }

    fn centre(&mut self, at: usize, text: &str) {
        let text: String = text.chars().take(STEP - 2).collect();
        self.write(at.saturating_sub(text.chars().count() / 2), &text);
    }
}

fn push(out: &mut String, row: &Row) {
    let line: String = row.0.iter().collect();
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use operations::PartyShown;

    fn message(at: i64, party: usize, sent: bool, text: &str) -> MessageShown {
        let text = text.replace('\n', "\r\n");
        MessageShown { at: Timestamp(at), party, sent, repeated: false, text, cut: 0 }
    }

    fn trace(messages: Vec<MessageShown>) -> CallTraced {
        let party = |label: &str, port: u16| PartyShown {
            label: label.to_owned(),
            address: format!("UDP 10.0.0.1:{port}"),
        };
        let parties = vec![party("1001", 5062), party("1002", 5064), party("1003", 5066)];
        CallTraced { id: "0000000000000001".to_owned(), parties, messages, left_out: 0 }
    }

    const OFFER: &str = "INVITE sip:1002@h SIP/2.0\nCSeq: 1 INVITE\n\nv=0\n";

    #[test]
    fn arrows_go_between_the_server_and_each_phone() {
        let mut again = message(1_500_000, 1, true, "INVITE sip:1002@h SIP/2.0\nCSeq: 1 INVITE\n\nv=0\n");
        again.repeated = true;
        let drawn = draw(
            &trace(vec![
                message(1_000_000, 0, false, OFFER),
                message(1_000_400, 0, true, "SIP/2.0 100 Trying\nCSeq: 1 INVITE\n\n"),
                message(1_001_000, 1, true, OFFER),
                message(1_002_000, 2, true, OFFER),
                again,
                message(2_000_000, 2, false, "SIP/2.0 180 Ringing\ncseq : 1 INVITE\n\n"),
                message(3_250_000, 0, true, "SIP/2.0 200 OK\nCSeq: 1 INVITE\n\nv=0\n"),
            ]),
            false,
        );
        let expected = "
          1001                              carillon                              1002                                1003
    UDP 10.0.0.1:5062                                                       UDP 10.0.0.1:5064                   UDP 10.0.0.1:5066
    0.000   |- INVITE (1, SDP) ---------------->|                                   |                                   |
    0.000   |<- 100 Trying (1 INVITE) ----------|                                   |                                   |
    0.001   |                                   |- INVITE (1, SDP) ---------------->|                                   |
    0.002   |                                   |- INVITE (1, SDP) ---------------------------------------------------->|
    0.500   |                                   |- INVITE (1, SDP, again) --------->|                                   |
    1.000   |                                   |<- 180 Ringing (1 INVITE) ---------------------------------------------|
    2.250   |<- 200 OK (1 INVITE, SDP) ---------|                                   |                                   |
";
        assert_eq!(format!("\n{drawn}"), expected, "\n{drawn}");
    }

    #[test]
    fn full_messages_follow_the_ladder() {
        let mut cut = message(1_000_000, 0, false, OFFER);
        cut.cut = 12;
        let mut trace =
            trace(vec![cut, message(1_250_000, 0, true, "SIP/2.0 404 Not Found\nCSeq: 1 INVITE\n\n")]);
        trace.left_out = 3;
        let drawn = draw(&trace, true);
        let behind = drawn.split_once("\n3 messages in the middle").unwrap().1;
        assert_eq!(
            behind,
            " of long legs are not kept.\n\
             \n=== 0.000 1001 -> carillon (UDP 10.0.0.1:5062) 1970-01-01T00:00:01.000000Z\n\
             INVITE sip:1002@h SIP/2.0\nCSeq: 1 INVITE\n\nv=0\n\n... 12 bytes more\n\
             \n=== 0.250 carillon -> 1001 (UDP 10.0.0.1:5062) 1970-01-01T00:00:01.250000Z\n\
             SIP/2.0 404 Not Found\nCSeq: 1 INVITE\n\n"
        );
    }

    #[test]
    fn what_phones_say_stays_on_its_arrow_and_moves_no_cursor() {
        let long = format!("SIP/2.0 499 \u{1b}[2J{}\nCSeq: 1 INVITE\n\n", "long ".repeat(50));
        let drawn = draw(&trace(vec![message(0, 0, false, &long)]), false);
        let line = drawn.lines().nth(2).unwrap();
        assert!(line.contains("|- 499 ?[2Jlong long") && line.contains("->|"), "{line}");
        assert_eq!(line.chars().filter(|character| *character == '|').count(), 4);
    }
}
