//! `call`: who talks, who talked with whom, and what was said on the wire.

use model::{BareJid, LineId, Number};
use operations::exit::Exit;
use operations::{
    CallShown, CallTraced, CallsWanted, Failure, HistoryShown, LegShown, QualityShown, RecordingShown,
    Request,
};
use runtime::Runtime;

use super::{Common, ask, ladder};
use crate::print;

/// Show calls: live ones, records of those that have ended, SIP messages, and users' histories
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// List calls, the newest first
    List(List),
    /// Show all that is known of one call
    Show(Show),
    /// Draw the SIP messages of a live or recent call as a ladder, without their secrets
    Trace(Trace),
    /// List the recordings of calls that are kept, the newest first
    Recordings(Recordings),
    /// Show a user's placed, received and missed calls
    History(History),
    /// Say that a user has seen their history: no missed call is new any more
    Seen(Seen),
}

#[derive(clap::Args)]
struct List {
    /// Those that are live, rather than those that have ended
    #[arg(long)]
    live: bool,
    /// Begun at this time or later: 2026-01-31, 2026-01-31T08:00:00Z (in UTC), or how long ago: 90s, 30m, 2h, 7d
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Of this line
    #[arg(long, value_name = "NUMBER")]
    line: Option<Number>,
    /// Of this user's lines
    #[arg(long, value_name = "JID", conflicts_with = "line")]
    user: Option<BareJid>,
    /// Older than this call: the last one of the page before
    #[arg(long, value_name = "ID", conflicts_with = "live")]
    before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = store::CALL_HISTORY_ENTRIES, value_parser = page)]
    max: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Show {
    /// The call, as `call list` names it
    id: String,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Trace {
    /// The call, as `call list` names it, or the Call-ID of one leg
    id: String,
    /// Print the messages too
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Recordings {
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct History {
    /// Whose
    user: BareJid,
    /// One list only
    #[arg(long, value_name = "LIST", value_parser = ["placed", "received", "missed"])]
    only: Option<String>,
    /// Older than this call: the last one of the page before
    #[arg(long, value_name = "ID")]
    before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = store::CALL_HISTORY_ENTRIES, value_parser = page)]
    max: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Seen {
    /// Who
    user: BareJid,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::List(list) => &list.common,
            Verb::Show(show) => &show.common,
            Verb::Trace(trace) => &trace.common,
            Verb::Recordings(recordings) => &recordings.common,
            Verb::History(history) => &history.common,
            Verb::Seen(seen) => &seen.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::List(List { live, since, line, user, before, max, .. }) => {
            let line = line.map(LineId::from);
            let wanted = CallsWanted { live, since, line, user, behind: before, max };
            let calls: Vec<CallShown> = ask(&common, runtime, Request::CallList(wanted)).await?;
            print::shown(common.json, &calls, |calls| list(calls));
        }
        Verb::Show(Show { id, .. }) => {
            let call: CallShown = ask(&common, runtime, Request::CallShow { id }).await?;
            print::shown(common.json, &call, show);
        }
        Verb::Trace(Trace { id, full, .. }) => {
            let trace: CallTraced = ask(&common, runtime, Request::CallTrace { id }).await?;
            print::shown(common.json, &trace, |trace| print::line(ladder::draw(trace, full).trim_end()));
        }
        Verb::Recordings(_) => {
            let kept: Vec<RecordingShown> = ask(&common, runtime, Request::CallRecordings).await?;
            print::shown(common.json, &kept, |kept| recordings(kept));
        }
        Verb::History(History { user, only, before, max, .. }) => {
            let request = Request::CallHistory { user, kind: only, behind: before, max };
            let history: HistoryShown = ask(&common, runtime, request).await?;
            print::shown(common.json, &history, show_history);
        }
        Verb::Seen(Seen { user, .. }) => {
            let text = format!("{user} has seen all calls");
            let history: HistoryShown = ask(&common, runtime, Request::CallHistorySeen { user }).await?;
            print::shown(common.json, &history, |_| print::line(&text));
        }
    }
    Ok(Exit::Done)
}

fn recordings(kept: &[RecordingShown]) {
    let rows = kept.iter().map(|file| {
        vec![file.call.clone(), time(file.at), (file.bytes / 1_024).to_string(), file.path.clone()]
    });
    print::table(&["CALL", "WRITTEN", "KIB", "FILE"], &rows.collect::<Vec<_>>());
}

fn page(text: &str) -> Result<usize, String> {
    let most = store::CALLS_PAGE_MAX.min(store::CALL_HISTORY_PAGE_MAX);
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("1 to {most}"))
}

fn list(calls: &[CallShown]) {
    let rows = calls.iter().map(|call| {
        vec![
            call.id.clone(),
            time(call.started),
            legs(call, true),
            legs(call, false),
            call.state.clone(),
            length(call.seconds),
            call.cause.clone().unwrap_or_default(),
            ended_by(call),
        ]
    });
    let header = ["CALL", "STARTED", "FROM", "TO", "STATE", "TALKED", "CAUSE", "ENDED BY"];
    print::table(&header, &rows.collect::<Vec<_>>());
}

/// The addresses of those who called, or were called; what was dialled, when nobody was.
fn legs(call: &CallShown, calling: bool) -> String {
    let mut all: Vec<&str> = Vec::new();
    for leg in call.legs.iter().filter(|leg| leg.calling == calling) {
        if !all.contains(&leg.address.as_str()) {
            all.push(&leg.address);
        }
    }
    if all.is_empty() && !calling { call.dialled.clone() } else { all.join(", ") }
}

fn ended_by(call: &CallShown) -> String {
    let leg = call.ended_by.and_then(|place| call.legs.get(place as usize));
    match (leg, &call.ended) {
        (Some(leg), _) => leg.address.clone(),
        (None, Some(_)) => "the server".to_owned(),
        (None, None) => String::new(),
    }
}

fn show(call: &CallShown) {
    let moment = |at: Option<model::Timestamp>| at.map_or_else(|| "-".to_owned(), time);
    let mut lines = vec![
        format!("call      {}", call.id),
        format!("state     {}", call.state),
        format!("dialled   {}", call.dialled),
        format!("started   {}", time(call.started)),
        format!("answered  {}", moment(call.answered)),
    ];
    if let Some(cause) = &call.cause {
        lines.push(format!("ended     {}", moment(call.ended)));
        lines.push(format!("talked    {}", length(call.seconds)));
        lines.push(format!("cause     {cause}, by {}", ended_by(call)));
    }
    if let Some(linked) = &call.linked {
        lines.push(format!("goes with {linked}"));
    }
    for leg in &call.legs {
        lines.push(String::new());
        lines.extend(leg_lines(leg));
    }
    print::line(&lines.join("\n"));
}

fn leg_lines(leg: &LegShown) -> Vec<String> {
    let role = if leg.calling { "caller  " } else { "called  " };
    let owner = leg.owner.as_ref().map_or_else(String::new, |owner| format!(", {owner}"));
    let name = leg.name.as_ref().map_or_else(String::new, |name| format!(" \"{name}\""));
    let line = leg.line.as_ref().map_or_else(|| ", no line".to_owned(), |line| format!(", line {line}"));
    let mut lines = vec![format!("{role}  {}{name}{line}{owner}", leg.address)];
    let times = [("rang", leg.alerted), ("connected", leg.answered), ("left", leg.ended)];
    let times: Vec<String> =
        times.into_iter().filter_map(|(what, at)| Some(format!("{what} {}", clock(at?)))).collect();
    let cause = leg.cause.as_ref().map_or_else(String::new, |cause| format!(" ({cause})"));
    lines.push(format!("  times   {}{cause}", times.join(", ")));
    if !leg.codecs.is_empty() {
        lines.push(format!("  codecs  {}", leg.codecs));
    }
    lines.extend(leg.quality.as_ref().map(|quality| format!("  quality {}", quality_line(quality))));
    if !leg.sip_call_id.is_empty() {
        lines.push(format!("  Call-ID {}", leg.sip_call_id));
    }
    lines
}

fn quality_line(quality: &QualityShown) -> String {
    let QualityShown { packets, lost, jitter_ms, round_trip_ms, mean_opinion_score } = quality;
    let mut text = format!("{packets} packets, {lost} lost, jitter {jitter_ms:.1} ms");
    if let Some(round_trip) = round_trip_ms {
        text.push_str(&format!(", round trip {round_trip:.1} ms"));
    }
    if let Some(score) = mean_opinion_score {
        text.push_str(&format!(", MOS {score:.2}"));
    }
    text
}

fn show_history(history: &HistoryShown) {
    let rows = history.calls.iter().map(|call| {
        let new = if call.kind == "missed" && !call.seen { "new" } else { "" };
        let peer = match &call.peer_name {
            Some(name) => format!("{name} ({})", call.peer),
            None => call.peer.clone(),
        };
        vec![
            call.id.clone(),
            time(call.started),
            call.kind.clone(),
            new.to_owned(),
            peer,
            length(call.seconds),
        ]
    });
    print::table(&["CALL", "STARTED", "LIST", "", "WITH", "TALKED"], &rows.collect::<Vec<_>>());
    if history.unseen > 0 {
        print::line(&format!("{} missed calls are new", history.unseen));
    }
}

/// A moment to the second, in UTC.
fn time(at: model::Timestamp) -> String {
    let text = at.to_string();
    format!("{}Z", text.split('.').next().unwrap_or(&text))
}

/// The same without its day, to the millisecond.
fn clock(at: model::Timestamp) -> String {
    let text = at.to_string();
    text.get(11..23).unwrap_or(&text).to_owned()
}

fn length(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!("{seconds:.1} s"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn leg(address: &str, calling: bool) -> LegShown {
        LegShown {
            line: Some(address.to_owned()),
            owner: Some("ann@localhost".to_owned()),
            address: address.to_owned(),
            name: Some("Ann".to_owned()),
            calling,
            state: "ended".to_owned(),
            alerted: None,
            answered: Some(Timestamp(61_500_000)),
            ended: Some(Timestamp(63_000_000)),
            cause: Some("normal_clearing".to_owned()),
            sip_call_id: "abc".to_owned(),
            codecs: "PCMA".to_owned(),
            quality: Some(QualityShown {
                packets: 75,
                lost: 1,
                jitter_ms: 1.25,
                round_trip_ms: None,
                mean_opinion_score: Some(4.2),
            }),
        }
    }

    #[test]
    fn a_leg_is_told_in_lines() {
        assert_eq!(
            leg_lines(&leg("1001", true)),
            [
                "caller    1001 \"Ann\", line 1001, ann@localhost",
                "  times   connected 00:01:01.500, left 00:01:03.000 (normal_clearing)",
                "  codecs  PCMA",
                "  quality 75 packets, 1 lost, jitter 1.2 ms, MOS 4.20",
                "  Call-ID abc",
            ]
        );
    }

    #[test]
    fn phones_of_one_number_are_named_once_and_who_ended_it_is_told() {
        let mut call = CallShown {
            id: "0000000000000001".to_owned(),
            state: "ended".to_owned(),
            started: Timestamp(60_000_000),
            answered: None,
            ended: Some(Timestamp(63_000_000)),
            seconds: None,
            dialled: "4711".to_owned(),
            cause: Some("busy".to_owned()),
            ended_by: Some(1),
            linked: None,
            legs: vec![leg("1001", true), leg("1002", false), leg("1002", false)],
        };
        assert_eq!((legs(&call, true).as_str(), legs(&call, false).as_str()), ("1001", "1002"));
        assert_eq!(ended_by(&call), "1002");
        call.legs.truncate(1);
        call.ended_by = None;
        assert_eq!((legs(&call, false).as_str(), ended_by(&call).as_str()), ("4711", "the server"));
    }
}
