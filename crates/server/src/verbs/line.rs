//! `line`: which numbers phones may register.

use calls::guard::Used;
use model::plan::Digits;
use model::{
    BareJid, DoNotDisturb, ForwardWhen, LineChange, LineId, LineSettings, Number, Origin, Partition,
    SPEED_DIAL_PLACES, SpeedDial,
};
use operations::exit::Exit;
use operations::{Failure, LineAdded, LineSettingsShown, LineShown, NewLine, Request};
use runtime::Runtime;

use super::user::password_set;
use super::{Common, ask, secret_from_stdin};
use crate::print;

/// Add, list, change and remove lines
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Add a line; without --password-stdin the password is made up and shown once
    Add(Add),
    /// List all lines
    List(Common),
    /// Show a line, with its forwards and do not disturb
    Show(One),
    /// Forward the calls of a line, or no longer
    Forward(Forward),
    /// Let a line not be disturbed, or be again
    Dnd(Dnd),
    /// Let calls ring at a line that is in another call, or not
    CallWaiting(Switched),
    /// Withhold the number of a line from those it calls, or not
    Withhold(Switched),
    /// Refuse calls of whoever withholds the number, or not
    RejectAnonymous(Switched),
    /// Numbers that phones of the line dial by `*0` and a place, or by the same code of the dial plan
    #[command(subcommand)]
    SpeedDial(SpeedDialVerb),
    /// Forget what a line has used of what it may call outside, so that it may call again
    Release(One),
    /// Remove a line; its phones can no longer register
    Remove(One),
    /// Give a line another password; without --password-stdin it is made up and shown once
    SetPassword(SetPassword),
}

#[derive(clap::Args)]
pub(super) struct Which {
    /// The number: digits, * and #
    number: Number,
    /// The partition that the line is in
    #[arg(long, value_name = "NAME", default_value_t = Partition::default())]
    partition: Partition,
}

impl From<Which> for LineId {
    fn from(which: Which) -> Self {
        Self { number: which.number, partition: which.partition }
    }
}

#[derive(clap::Args)]
struct Add {
    #[command(flatten)]
    which: Which,
    /// The user whose line it is
    #[arg(long, value_name = "JID")]
    owner: Option<BareJid>,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct One {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct SetPassword {
    #[command(flatten)]
    which: Which,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Forward {
    #[command(flatten)]
    which: Which,
    /// When: all, busy, no-answer or unregistered
    #[arg(value_parser = word::<ForwardWhen>)]
    when: ForwardWhen,
    /// Where to, as a phone of the line would dial it; `off` ends it
    #[arg(value_parser = target)]
    target: Target,
    /// Only calls of lines of ours (internal), or those that come over trunks (external)
    #[arg(long, value_name = "ORIGIN", value_parser = word::<Origin>)]
    calls: Option<Origin>,
    /// How long the line rings before nobody answers
    #[arg(long, value_name = "SECONDS")]
    after: Option<u16>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Dnd {
    #[command(flatten)]
    which: Which,
    /// `reject`: callers hear busy; `silent`: phones show calls without a sound; `off`
    #[arg(value_parser = disturb)]
    mode: Disturb,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Switched {
    #[command(flatten)]
    which: Which,
    /// `on`, `off`, or `plan`: as the dial plan says
    #[arg(value_parser = switch)]
    to: Switch,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Subcommand)]
enum SpeedDialVerb {
    /// Put a number at a place
    Set(SpeedDialSet),
    /// List the places
    List(One),
    /// Empty a place
    Remove(SpeedDialRemove),
}

#[derive(clap::Args)]
struct SpeedDialSet {
    #[command(flatten)]
    which: Which,
    /// The place, 0 to 99
    #[arg(value_parser = clap::value_parser!(u16).range(0..i64::from(SPEED_DIAL_PLACES)))]
    place: u16,
    /// What is dialled
    #[arg(value_parser = target)]
    target: Target,
    /// What stands beside it
    #[arg(long, default_value = "")]
    label: String,
    /// The line's phones show by a busy lamp what it does
    #[arg(long)]
    lamp: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct SpeedDialRemove {
    #[command(flatten)]
    which: Which,
    /// The place, 0 to 99
    #[arg(value_parser = clap::value_parser!(u16).range(0..i64::from(SPEED_DIAL_PLACES)))]
    place: u16,
    #[command(flatten)]
    common: Common,
}

/// Where calls go; `None`: nowhere else.
#[derive(Clone, Copy)]
struct Target(Option<Digits>);

#[derive(Clone, Copy)]
struct Disturb(Option<DoNotDisturb>);

/// On, off, or as the dial plan says.
#[derive(Clone, Copy)]
struct Switch(Option<bool>);

fn switch(text: &str) -> Result<Switch, String> {
    match text {
        "on" => Ok(Switch(Some(true))),
        "off" => Ok(Switch(Some(false))),
        "plan" => Ok(Switch(None)),
        _ => Err("neither `on`, `off` nor `plan`".to_owned()),
    }
}

/// A word of the settings, as they spell it.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

fn target(text: &str) -> Result<Target, String> {
    if text == "off" {
        return Ok(Target(None));
    }
    let number = Digits::dialled(text).filter(|number| !number.is_empty());
    number.map(|number| Target(Some(number))).ok_or_else(|| "neither a number nor `off`".to_owned())
}

fn disturb(text: &str) -> Result<Disturb, String> {
    if text == "off" { Ok(Disturb(None)) } else { word(text).map(|mode| Disturb(Some(mode))) }
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Add(add) => &add.common,
            Verb::List(common) => common,
            Verb::Remove(one) | Verb::Show(one) | Verb::Release(one) => &one.common,
            Verb::Forward(forward) => &forward.common,
            Verb::Dnd(dnd) => &dnd.common,
            Verb::CallWaiting(set) | Verb::Withhold(set) | Verb::RejectAnonymous(set) => &set.common,
            Verb::SpeedDial(SpeedDialVerb::Set(set)) => &set.common,
            Verb::SpeedDial(SpeedDialVerb::List(one)) => &one.common,
            Verb::SpeedDial(SpeedDialVerb::Remove(remove)) => &remove.common,
            Verb::SetPassword(set) => &set.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::Add(Add { which, owner, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let request = Request::LineAdd(NewLine { line: which.into(), owner, password });
            let added: LineAdded = ask(&common, runtime, request).await?;
            print::warnings(&added.warnings);
            if common.json {
                print::json(&added);
            } else {
                print::line(&format!("line {} added", added.line));
                if let Some(password) = added.password {
                    print::line(&format!("password, shown this once: {password}"));
                }
            }
        }
        Verb::List(_) => list(&common, runtime).await?,
        Verb::Show(One { which, .. }) => {
            let line = which.into();
            show(&common, &ask(&common, runtime, Request::LineShow { line }).await?);
        }
        Verb::Release(One { which, .. }) => {
            let line = which.into();
            show(&common, &ask(&common, runtime, Request::LineRelease { line }).await?);
        }
        Verb::Forward(Forward { which, when, target, calls, after, .. }) => {
            let line: LineId = which.into();
            let change = LineChange::Forward { when, calls, to: target.0 };
            let mut set = ask(&common, runtime, Request::LineSet { line: line.clone(), change }).await?;
            if let Some(seconds) = after {
                let change = LineChange::RingSeconds { seconds: Some(seconds) };
                set = ask(&common, runtime, Request::LineSet { line, change }).await?;
            }
            show(&common, &set);
        }
        Verb::Dnd(Dnd { which, mode, .. }) => {
            let change = LineChange::DoNotDisturb { mode: mode.0 };
            show(&common, &ask(&common, runtime, Request::LineSet { line: which.into(), change }).await?);
        }
        Verb::CallWaiting(Switched { which, to, .. }) => {
            set(&common, runtime, which, LineChange::CallWaiting { on: to.0 }).await?;
        }
        Verb::Withhold(Switched { which, to, .. }) => {
            set(&common, runtime, which, LineChange::WithholdNumber { on: to.0 }).await?;
        }
        Verb::RejectAnonymous(Switched { which, to, .. }) => {
            set(&common, runtime, which, LineChange::RejectAnonymous { on: to.0 }).await?;
        }
        Verb::SpeedDial(verb) => speed_dial(verb, &common, runtime).await?,
        Verb::Remove(One { which, .. }) => {
            let line: LineShown = ask(&common, runtime, Request::LineRemove { line: which.into() }).await?;
            print::shown(common.json, &line, |line| print::line(&format!("line {} is removed", line.number)));
        }
        Verb::SetPassword(SetPassword { which, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let request = Request::LineSetPassword { line: which.into(), password };
            password_set(&common, &ask(&common, runtime, request).await?);
        }
    }
    Ok(Exit::Done)
}

async fn set(common: &Common, runtime: &Runtime, which: Which, change: LineChange) -> Result<(), Failure> {
    show(common, &ask(common, runtime, Request::LineSet { line: which.into(), change }).await?);
    Ok(())
}

async fn speed_dial(verb: SpeedDialVerb, common: &Common, runtime: &Runtime) -> Result<(), Failure> {
    let line: LineSettingsShown = match verb {
        SpeedDialVerb::Set(SpeedDialSet { which, place, target, label, lamp, .. }) => {
            let dial = target.0.map(|number| SpeedDial { number, label, lamp });
            let change = LineChange::SpeedDial { place, dial };
            ask(common, runtime, Request::LineSet { line: which.into(), change }).await?
        }
        SpeedDialVerb::Remove(SpeedDialRemove { which, place, .. }) => {
            let change = LineChange::SpeedDial { place, dial: None };
            ask(common, runtime, Request::LineSet { line: which.into(), change }).await?
        }
        SpeedDialVerb::List(One { which, .. }) => {
            ask(common, runtime, Request::LineShow { line: which.into() }).await?
        }
    };
    let dials = &line.settings.speed_dials;
    if common.json {
        print::json(dials);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = dials
        .iter()
        .map(|(place, dial)| {
            let lamp = if dial.lamp { "lamp" } else { "" };
            vec![place.to_string(), dial.number.to_string(), dial.label.clone(), lamp.to_owned()]
        })
        .collect();
    print::table(&["PLACE", "NUMBER", "LABEL", "LAMP"], &rows);
    Ok(())
}

fn show(common: &Common, line: &LineSettingsShown) {
    if common.json {
        return print::json(line);
    }
    let LineSettings {
        forward,
        do_not_disturb,
        call_waiting,
        signed_out_of_queues,
        withhold_number,
        reject_anonymous,
        ringers_off,
        speed_dials,
    } = &line.settings;
    let owner = line.line.owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    print::line(&format!("line {} in {}, of {owner}", line.line.number, line.line.partition));
    for (field, to) in forward.destinations() {
        print::line(&format!("{field}: {}", to.to));
    }
    if let Some(seconds) = forward.no_answer_seconds {
        print::line(&format!("rings for {seconds} s"));
    }
    match do_not_disturb {
        Some(DoNotDisturb::Reject) => print::line("do not disturb: callers hear busy"),
        Some(DoNotDisturb::Silent) => print::line("do not disturb: phones show calls without a sound"),
        None => {}
    }
    match call_waiting {
        Some(true) => print::line("call waiting: calls ring while the line is in another one"),
        Some(false) => print::line("call waiting: off, callers hear busy while the line is in a call"),
        None => {}
    }
    if *signed_out_of_queues {
        print::line("signed out of queues");
    }
    match withhold_number {
        Some(true) => print::line("the number is withheld"),
        Some(false) => print::line("the number is shown"),
        None => {}
    }
    match reject_anonymous {
        Some(true) => print::line("anonymous calls: refused"),
        Some(false) => print::line("anonymous calls: taken"),
        None => {}
    }
    for device in ringers_off {
        print::line(&format!("device {device} makes no sound"));
    }
    for (place, dial) in speed_dials {
        print::line(format!("speed dial {place}: {} {}", dial.number, dial.label).trim_end());
    }
    for used in &line.outside {
        print::line(&outside(used));
    }
}

/// What a line has used of what it may call outside.
fn outside(used: &Used) -> String {
    let Used { class, calls, calls_this_hour, calls_this_day, minutes_this_day, allowed, barred } = used;
    let barred = match barred {
        Some(_) => "; BARRED, `carillon line release` lets it call again",
        None => "",
    };
    format!(
        "{:15}{calls} of {} calls at once, {calls_this_hour} of {} this hour, {calls_this_day} of {} today, \
         {minutes_this_day} of {} minutes{barred}",
        format!("{class}:"),
        allowed.calls_max,
        allowed.calls_per_hour,
        allowed.calls_per_day,
        allowed.minutes_per_day,
    )
}

async fn list(common: &Common, runtime: &Runtime) -> Result<(), Failure> {
    let lines: Vec<LineShown> = ask(common, runtime, Request::LineList).await?;
    if common.json {
        print::json(&lines);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = lines
        .into_iter()
        .map(|line| {
            let owner = line.owner.map(|owner| owner.to_string()).unwrap_or_default();
            vec![line.number, line.partition, owner]
        })
        .collect();
    print::table(&["NUMBER", "PARTITION", "OWNER"], &rows);
    Ok(())
}
