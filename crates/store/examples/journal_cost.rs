//! Measures what the journal costs: CPU per 1,000 appended messages of 368 bytes, at a given rate.
//!
//! `cargo run --release -p store --example journal_cost -- URL [MESSAGES_PER_SECOND [SECONDS [archive | words]]]`
//!
//! With `archive`, messages are also in two archives; with `words` they are found by their words, too. What an index
//! costs is the difference.

use std::time::Duration;

use bytes::Bytes;
use runtime::Runtime;
use store::{Entry, Seq, Store};

const STANZA_BYTES: usize = 368;
/// Pairs of users who talk in turn.
const PAIRS: usize = 200;
/// Clock ticks per second of /proc/self/stat on Linux.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("a storage address is the first argument");
    let rate: u64 = arguments.next().map_or(3_000, |text| text.parse().expect("messages per second"));
    let seconds: u64 = arguments.next().map_or(10, |text| text.parse().expect("seconds"));
    let runtime = Runtime::real();
    let store = Store::open(&url, &runtime).await.expect("the store opens");
    let more = arguments.next().unwrap_or_default();
    let archived = matches!(&*more, "archive" | "words");
    let archives = store::Archives { owner: archived, sender: archived };
    let stanza = Bytes::from(stanza(if more == "words" { "body" } else { "text" }));
    let pairs: Vec<(model::BareJid, String)> = (0..PAIRS)
        .map(|pair| {
            (format!("bob{pair}@localhost").parse().expect("an address"), format!("ann{pair}@localhost/desk"))
        })
        .collect();
    let before = cpu_seconds();
    let began = runtime.now();
    let (mut sent, mut refused, mut last) = (0_u64, 0_u64, Seq(0));
    while runtime.now().duration_since(began) < Duration::from_secs(seconds) {
        let due = runtime.now().duration_since(began).as_micros() as u64 * rate / 1_000_000;
        while sent < due {
            let (owner, from) = &pairs[sent as usize % PAIRS];
            let entry = Entry {
                id: store.stanza_id(),
                owner: owner.clone(),
                from: from.clone(),
                to: owner.to_string(),
                stanza: stanza.clone(),
                at: runtime.timestamp(),
                spool: true,
                archives,
                told: None,
            };
            match store.journal_append(entry) {
                Ok(seq) => {
                    last = seq;
                    // The receiver confirms a little later.
                    let (before, _) = &pairs[(sent as usize + PAIRS / 2) % PAIRS];
                    store.handed_on(before, Seq(seq.0 - PAIRS as i64 / 2));
                    sent += 1;
                }
                Err(_) => {
                    refused += 1;
                    break;
                }
            }
        }
        runtime.sleep(Duration::from_millis(1)).await;
    }
    store.durable().wait_for(|durable| *durable >= last).await.expect("the writer lives");
    let wall = runtime.now().duration_since(began).as_secs_f64();
    let cpu = cpu_seconds() - before;
    println!("{sent} messages in {wall:.2} s ({:.0}/s), refused {refused} times", sent as f64 / wall);
    println!("CPU {cpu:.2} s: {:.4} CPU-seconds per 1,000 messages", cpu * 1_000.0 / sent as f64);
    store.close().await;
}

/// A message with twenty words, as long as the usual one.
fn stanza(name: &str) -> String {
    let words =
        "the quick brown fox and nine more words that people write to each other when they plan a cup of tea";
    let head = "<message from='ann@localhost/desk' to='bob@localhost' type='chat' id='0123456789abcdef'>";
    let tail = "<active xmlns='http://jabber.org/protocol/chatstates'/></message>";
    let text = format!("{head}<{name}>{words} </{name}>{tail}");
    let filling = "x".repeat(STANZA_BYTES.saturating_sub(text.len()));
    format!("{head}<{name}>{words} {filling}</{name}>{tail}")
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}
