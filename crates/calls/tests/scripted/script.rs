//! The language of scripts: one sentence a line, `#` begins a remark, the first line names the specification.
//!
//! ```text
//! lines carol=1003                        lines without a phone
//! forwards 1002=1003                      where calls go that fail there
//! trunk pstn=gate+gate2 codecs=["PCMA"]   a trunk with servers; behind them what its sip table says more
//! routes 9=pstn,other                     what is dialled behind 9 goes over these trunks, from +4930 and the number
//! plan TEXT                               a line of the dial plan; an empty one begins it anew
//! limit ring-seconds 30                   also: calls-per-line, session-seconds, park-seconds
//! secure bob                              phones whose signalling comes over TLS
//! web bob                                 phones whose signalling comes over a WebSocket
//! phones ann=1001 bob=1002 bob2=1002      phones that are registered; bob2 is bob's second one
//!
//! ann sends INVITE sip:1002@localhost with offer with header Supported: 100rel
//! ann sends re-INVITE | UPDATE | PRACK | ACK | CANCEL | BYE | INFO | OPTIONS ...
//! bob sends 180                           to the latest request; `to INVITE` names another
//! bob sends reliable 183 with answer      with Require: 100rel and RSeq
//! ann repeats it                          the same bytes once more
//! ann receives 200 to INVITE with answer  the next thing that she heard; repetitions and 100 do not count
//! bob hears nothing                       nothing is unread
//!
//!   with offer | answer | answer inactive | hold | hold accepted | video | video refused | encrypted offer | the same offer
//!   with fax | fax beside sound              T.38 in the place of sound, or beside it with sound refused
//!   with keys | optional keys | no keys     for SRTP: with a profile of SRTP, beside plain RTP, none
//!   with keys of another suite | tag        for a line that was not offered
//!   with handshake | handshake passive      for DTLS-SRTP, as a browser; the other part than the usual one
//!   with handshake anew | without checks    ICE begins anew; a phone that knows no ICE
//!   with codecs PCMA opus events            what is described, in this order; `events` are telephone-event
//!   with header NAME: PART                  `none`: it must not be there, `any`: it must be
//!   with body TYPE TEXT                     with line TEXT: a line of the body
//!
//! In a header that is sent, `{dialog of bob}` is bob's dialog as Replaces names it, `{escaped dialog of bob}` the same
//! in a URI, and `{lamp of bob}` the dialog that a lamp of bob's line shows; `{lamp of bob as his phone has it}` is the same
//! with the tags in the other order.
//!
//! application has 1002 hold               also: retrieve, answer, clear, clear all, alternate, join, park,
//!                                         park at 701, call 1003, consult 1003, transfer to 1003, deflect to 1003,
//!                                         record, stop recording, pick up from 1001; of several calls the oldest counts as held
//! application cannot have 1002 hold: WrongState
//! application of ann registers for desk   for a route point; also: leaves desk
//! application is asked by 1001 for 4000   the next thing that it is told: who calls, and what was called
//! application is told the end: callCancelled
//! application hears nothing
//! application is gone
//! application has 1001 select 1002        the call at a route point; also: reject busy
//! wait 30 seconds
//! record says 1002 normal_clearing by 1001 | 1001 placed talked normal_clearing PCMA | ...
//!                                         of the next call that has ended: what was dialled, cause, who ended it;
//!                                         then each leg: its list of the history, what it did, cause, codecs
//! line 1002 rings | talks | holds | dials | rests
//! presence of bob is On the phone
//! pool berlin holds 80                    sound takes 80 kbit/s of it; `80 and 384` with pictures; 0: nothing
//! media flows between ann and bob         media rests between ann and bob
//! recorded is ann in file 2               the second one of the call, at her port
//! nobody is recorded
//! keys of ann are looked for in sound | come as events
//! fax flows between ann and bob
//! media of ann is secret | plain          under the keys that both have written
//! ann shakes hands with the server        one of both begins, with the certificate and the credentials that were written
//! ann has heard 2 fragments               ICE began as often at the server
//! media transcodes between ann G722 and bob PCMA
//! media echoes to ann                     tone goes to ann
//! in conference are ann bob               these, and no others, are heard there
//! ann presses 4711 pound                  media has heard these keys
//! sounds welcome menu play to ann         these, one after the other
//! music plays to ann                      no music plays to ann
//! sound of ann goes with video            sound of ann goes alone
//! ```

use std::path::PathBuf;
use std::time::Duration;

use calls::CallLimits;
use calls::snapshot::{CallId, ConnectionState};
use sip::{Headers, Message, Name};

use crate::application;
use crate::directory::line;
use crate::phone::{Extras, Keys, Session};
use crate::stage::{Numbering, Stage};

/// Long enough for every timer of every transaction that was left behind.
const REST: Duration = Duration::from_secs(200);

pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/sip")
}

/// Plays one script, as if the calls lived in one shard and in three; panics with file, line and sentence when it does
/// not go as written.
pub fn play(file: &str) {
    for shards in [1, 3] {
        play_on(shards, file);
    }
}

fn play_on(shards: usize, file: &str) {
    let text = std::fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(text.starts_with("# RFC "), "{file}: the first line names the specification");
    let mut stage: Option<Stage> = None;
    let mut numbers = Numbering::default();
    let mut limits = CallLimits::default();
    for (number, sentence) in text.lines().enumerate() {
        let sentence = sentence.split('#').next().unwrap_or_default().trim();
        let words: Vec<&str> = sentence.split_whitespace().collect();
        let failed = match words.as_slice() {
            [] => continue,
            ["lines", pairs @ ..] => {
                numbers.lines = pairs.iter().map(|pair| split(pair)).collect();
                Ok(())
            }
            ["trunk", pair, special @ ..] => {
                let (name, servers) = split(pair);
                let servers = servers.split('+').map(str::to_owned).collect();
                numbers.trunks.push((name, servers, special.iter().map(|&word| word.to_owned()).collect()));
                Ok(())
            }
            ["routes", pairs @ ..] => {
                let routes = pairs.iter().map(|pair| split(pair));
                numbers.plan.extend(routes.map(|(prefix, trunks)| crate::directory::route(&prefix, &trunks)));
                Ok(())
            }
            ["plan"] => {
                numbers.plan.clear();
                Ok(())
            }
            ["plan", ..] => {
                numbers.plan.push_str(sentence.trim_start_matches("plan "));
                numbers.plan.push('\n');
                Ok(())
            }
            ["secure", names @ ..] => {
                numbers.secure = names.iter().map(|&name| name.to_owned()).collect();
                Ok(())
            }
            ["web", names @ ..] => {
                numbers.web = names.iter().map(|&name| name.to_owned()).collect();
                Ok(())
            }
            ["forwards", pairs @ ..] => {
                numbers.forwards = pairs.iter().map(|pair| split(pair)).collect();
                Ok(())
            }
            ["limit", name, value] => {
                let set = limit(&mut limits, name, value);
                if let Some(stage) = &mut stage {
                    stage.set_limits(limits);
                }
                set
            }
            ["phones", pairs @ ..] => {
                let phones: Vec<_> = pairs.iter().map(|pair| split(pair)).collect();
                stage = Some(Stage::new(&phones, &numbers, (limits, shards)));
                Ok(())
            }
            _ => perform(stage.as_mut().expect("`phones` comes first"), sentence, &words),
        };
        if let Err(fault) = failed {
            panic!("{file}:{}: {sentence}\n    {fault}", number + 1);
        }
    }
    let mut stage = stage.expect("a script has phones");
    let unread: Vec<String> =
        stage.phones.iter().flat_map(|phone| phone.inbox.iter().map(first_line)).collect();
    assert!(unread.is_empty(), "{file}: nobody expected {unread:?}");
    stage.wait(REST);
    assert!(stage.remains().is_empty(), "{file}: at the end there still are {:?}", stage.remains());
}

fn split(pair: &str) -> (String, String) {
    let (name, number) = pair.split_once('=').expect("name=number");
    (name.to_owned(), number.to_owned())
}

fn limit(limits: &mut CallLimits, name: &str, value: &str) -> Result<(), String> {
    let number: u64 = value.parse().map_err(|_| "not a number")?;
    match name {
        "ring-seconds" => limits.ring_time = Duration::from_secs(number),
        "calls-per-line" => limits.calls_per_line_max = number as usize,
        "park-seconds" => limits.park_recall_time = Duration::from_secs(number),
        "session-seconds" => limits.session_expires = Duration::from_secs(number),
        _ => return Err("no such limit".to_owned()),
    }
    Ok(())
}

fn perform(stage: &mut Stage, sentence: &str, words: &[&str]) -> Result<(), String> {
    match words {
        ["wait", number, "seconds"] => {
            stage.wait(Duration::from_secs_f64(number.parse().map_err(|_| "not a number")?));
            Ok(())
        }
        ["application", "of" | "is" | "hears", ..] => application::at_route_points(stage, words),
        ["application", "has", number, what @ ..] => {
            let command = application::command(stage, number, what)?;
            stage.command(&command).map(|_| ()).map_err(|refusal| format!("{refusal:?}"))
        }
        ["application", "cannot", "have", number, what @ .., why] => {
            let what: Vec<&str> = what.iter().map(|word| word.trim_end_matches(':')).collect();
            let command = application::command(stage, number, &what)?;
            let refusal = stage.command(&command).err().ok_or("it can")?;
            check(format!("{refusal:?}") == *why, &format!("{refusal:?}"))
        }
        [name, "presses", keys @ ..] => {
            let keys = keys.join("").replace("pound", "#");
            keys.chars().try_for_each(|key| stage.key(name, key))
        }
        ["pool", name @ .., "holds", audio] => pool_holds(stage, &name.join(" "), audio, "0"),
        ["pool", name @ .., "holds", audio, "and", video] => pool_holds(stage, &name.join(" "), audio, video),
        ["record", "says", words @ ..] => record_says(stage, &words.join(" ")),
        ["line", number, state] => line_is(stage, number, state),
        ["presence", "of", name, "is", words @ ..] => {
            let user = format!("{name}@localhost").parse().map_err(|_| "a name")?;
            let presence = stage.presence.composed(&user, stage.now().civil);
            let found = presence.state.words();
            check(found == words.join(" "), &format!("it is {found}"))
        }
        [name, "hears", "nothing"] => {
            let unread: Vec<String> = stage.phone(name).inbox.iter().map(first_line).collect();
            check(unread.is_empty(), &format!("{unread:?}"))
        }
        [name, "repeats", "it"] => {
            let bytes = stage.phone(name).again();
            stage.deliver(name, bytes);
            Ok(())
        }
        [name, "sends", ..] => send(stage, name, sentence),
        [name, "receives", ..] => receive(stage, name, sentence),
        _ => media_is(stage, words),
    }
}

/// What media was told.
fn media_is(stage: &mut Stage, words: &[&str]) -> Result<(), String> {
    match words {
        ["media", "flows", "between", one, "and", other] => {
            let (one, other) = (stage.phone(one).media(), stage.phone(other).media());
            check(stage.ports.relays(one, other), "no such relay")
        }
        ["media", "transcodes", "between", one, codec, "and", other, other_codec] => {
            let (one, other) = (stage.phone(one).media(), stage.phone(other).media());
            let found = stage.ports.transcodes(one, other);
            check(found == Some(format!("{codec} {other_codec}")), &format!("it is {found:?}"))
        }
        ["recorded", "is", name, "in", "file", number] => {
            let address = stage.phone(name).media();
            let found = stage.ports.recorded(address).ok_or("it is not recorded")?;
            let found = found.display().to_string();
            let (folder, file) = found.split_once('/').unwrap_or_default();
            let (call, of_call) = file.trim_end_matches(".wav").split_once('-').unwrap_or((&file[..16], "1"));
            let right = folder == "recordings" && call.parse::<CallId>().is_ok() && of_call == *number;
            check(right, &format!("it is in {found}"))
        }
        ["nobody", "is", "recorded"] => check(!stage.ports.is_recording(), "somebody is"),
        ["keys", "of", name, how @ ..] => {
            let address = stage.phone(name).media();
            let found = stage.ports.hears_keys(address);
            match how {
                ["are", "looked", "for", "in", "sound"] => check(found == Some(true), &format!("{found:?}")),
                ["come", "as", "events"] => check(found == Some(false), &format!("{found:?}")),
                _ => Err("no such sentence".to_owned()),
            }
        }
        ["fax", "flows", "between", one, "and", other] => {
            let (one, other) = (stage.phone(one).media(), stage.phone(other).media());
            check(
                stage.ports.relays(one, other) && stage.ports.is_fax(one) && stage.ports.is_fax(other),
                "none does",
            )
        }
        ["media", "of", name, "is", how] => {
            let phone = stage.phone(name);
            let (address, own, ours) = (phone.media(), phone.key(), phone.key_heard());
            let keys = stage.ports.keys(address);
            match *how {
                "plain" => check(!stage.ports.is_secret(address), "it has keys"),
                "secret" => {
                    check(keys.is_some() && keys == ours.map(|ours| (own, ours)), &format!("{keys:?}"))
                }
                _ => Err("no such sentence".to_owned()),
            }
        }
        ["server", "shakes", "hands", "with", name] => shakes_hands(stage, name, true),
        [name, "shakes", "hands", "with", "the", "server"] => shakes_hands(stage, name, false),
        [name, "has", "heard", count, "fragments"] => {
            let heard = stage.phone(name).ice_heard().len();
            check(heard.to_string() == *count, &format!("it has heard {heard}"))
        }
        ["media", "rests", "between", one, "and", other] => {
            let (one, other) = (stage.phone(one).media(), stage.phone(other).media());
            check(!stage.ports.relays(one, other), "it flows")
        }
        ["media", "echoes", "to", name] => {
            let address = stage.phone(name).media();
            check(stage.ports.echoes(address), "no echo")
        }
        ["tone", "goes", "to", name] => {
            let address = stage.phone(name).media();
            check(stage.ports.has_tone(address), "no tone")
        }
        ["music", "plays", "to", name] => {
            let address = stage.phone(name).media();
            check(stage.ports.has_music(address), "no music")
        }
        ["sounds", names @ .., "play", "to", name] => {
            let heard = stage.sounds_heard(name);
            check(heard == names, &format!("it hears {heard:?}"))
        }
        ["in", "conference", "are", names @ ..] => {
            let mut wanted: Vec<_> = names.iter().map(|name| stage.phone(name).media()).collect();
            wanted.sort();
            let found = stage.ports.confers_with(wanted[0]);
            check(found == wanted, &format!("it is {found:?}"))
        }
        ["no", "music", "plays", "to", name] => {
            let address = stage.phone(name).media();
            check(!stage.ports.has_music(address), "it plays")
        }
        ["sound", "of", name, "goes", how @ ..] => {
            let address = stage.phone(name).media();
            let with_video = stage.ports.is_with_video(address);
            match how {
                ["with", "video"] => check(with_video, "it goes alone"),
                ["alone"] => check(!with_video, "it goes with video"),
                _ => Err("no such sentence".to_owned()),
            }
        }
        _ => Err("no such sentence".to_owned()),
    }
}

/// Media shakes hands with a phone, by the certificate and the credentials that were written.
fn shakes_hands(stage: &mut Stage, name: &str, is_client: bool) -> Result<(), String> {
    let phone = stage.phone(name);
    let (address, fingerprint) = (phone.media(), phone.fingerprint());
    let credentials = phone.ice_heard().last().cloned();
    let found = stage.ports.handshake(address).ok_or("there is no handshake")?;
    let ice = found.ice.as_ref().map(|ice| (ice.fragment.clone(), ice.password.clone()));
    let own: Vec<String> = found.fingerprints.iter().map(ToString::to_string).collect();
    let is_right = own == [fingerprint] && ice.is_none_or(|ice| Some(ice) == credentials);
    check(is_right && found.is_client == is_client, &format!("{found:?}"))
}

pub fn check(holds: bool, fault: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(fault.to_owned()) }
}

/// The record of the next call that has ended, in short.
fn record_says(stage: &mut Stage, wanted: &str) -> Result<(), String> {
    let record = stage.next_record().ok_or("no call has ended")?;
    let by = record.ended_by.map_or("the server", |place| &record.legs[place as usize].address);
    let linked = if record.linked.is_some() { " linked" } else { "" };
    let mut said = format!("{} {} by {by}{linked}", record.dialled, record.cause);
    for leg in &record.legs {
        let list = match leg.history.as_ref().map(|line| (line.kind, &line.peer)) {
            None => "-".to_owned(),
            Some((store::HistoryKind::Placed, peer)) => format!("placed {peer}"),
            Some((store::HistoryKind::Received, peer)) => format!("received {peer}"),
            Some((store::HistoryKind::Missed, peer)) => format!("missed {peer}"),
        };
        let rang = if leg.times.alerted.is_some() { " rang" } else { "" };
        let talked = if leg.times.answered.is_some() { " talked" } else { "" };
        let codecs = if leg.codecs.is_empty() { String::new() } else { format!(" {}", leg.codecs) };
        said.push_str(&format!(" | {} {list}{rang}{talked} {}{codecs}", leg.address, leg.cause));
    }
    check(said == wanted, &format!("it says: {said}"))
}

fn pool_holds(stage: &Stage, name: &str, audio: &str, video: &str) -> Result<(), String> {
    let all = stage.pools.shown();
    let found = all.iter().find(|pool| pool.name == name);
    let taken = found.map_or((0, 0), |pool| (pool.audio_taken, pool.video_taken));
    let is = (taken.0.to_string(), taken.1.to_string()) == (audio.to_owned(), video.to_owned());
    check(is, &format!("it holds {taken:?}"))
}

fn line_is(stage: &Stage, number: &str, wanted: &str) -> Result<(), String> {
    let line = line(number);
    let (calls, _) = stage.board.line(&line);
    let states: Vec<ConnectionState> =
        calls.iter().flat_map(|call| call.of_line(&line).map(|c| c.state).collect::<Vec<_>>()).collect();
    let found = |state| states.contains(&state);
    let is = match wanted {
        "talks" => found(ConnectionState::Connected),
        "holds" => found(ConnectionState::Hold),
        "rings" => found(ConnectionState::Alerting),
        "dials" => found(ConnectionState::Initiated),
        "rests" => states.iter().all(|s| matches!(s, ConnectionState::Null | ConnectionState::Fail)),
        _ => return Err("no such state".to_owned()),
    };
    check(is, &format!("its connections are {states:?}"))
}

/// The part of a sentence before the first ` with `, and the rest taken apart.
fn clauses(sentence: &str) -> Result<(Vec<String>, Extras, Vec<String>), String> {
    let mut parts = sentence.split(" with ");
    let mut words: Vec<String> =
        parts.next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let mut extras = Extras::default();
    let mut texts = Vec::new();
    for part in parts {
        extras.is_answer |= part.starts_with("answer") || part.starts_with("hold accepted");
        match part.trim() {
            "answer inactive" | "offer inactive" => extras.session = Some(Session::Inactive),
            "offer" | "answer" | "description" => extras.session = Some(Session::Plain),
            "the same offer" => extras.session = Some(Session::Same),
            "hold" => extras.session = Some(Session::Hold),
            "hold accepted" => extras.session = Some(Session::Held),
            "video" => extras.session = Some(Session::Video),
            "video refused" => extras.session = Some(Session::VideoRefused),
            "fax" => extras.session = Some(Session::Fax),
            "fax beside sound" => extras.session = Some(Session::FaxBeside),
            "keys of another suite" => (extras.keys, extras.other_suite) = (Some(Keys::Insists), true),
            "optional keys of another suite" => {
                (extras.keys, extras.other_suite) = (Some(Keys::Optional), true);
            }
            "keys of another tag" => (extras.keys, extras.other_tag) = (Some(Keys::Insists), true),
            "handshake" => extras.keys = Some(Keys::Handshake),
            "handshake passive" => (extras.keys, extras.setup) = (Some(Keys::Handshake), Some("passive")),
            "handshake anew" => (extras.keys, extras.restarts) = (Some(Keys::Handshake), true),
            "handshake without checks" => (extras.keys, extras.without_ice) = (Some(Keys::Handshake), true),
            "keys" => extras.keys = Some(Keys::Insists),
            "optional keys" => extras.keys = Some(Keys::Optional),
            "no keys" => extras.keys = Some(Keys::None),
            "encrypted offer" => extras.session = Some(Session::Encrypted),
            other => {
                if let Some(codecs) = other.strip_prefix("codecs ") {
                    extras.codecs = codecs.split_whitespace().map(str::to_owned).collect();
                } else if let Some(header) = other.strip_prefix("header ") {
                    let (name, value) = header.split_once(": ").ok_or("a header has a name and a value")?;
                    extras.headers.push((name.to_owned(), value.to_owned()));
                } else if let Some(body) = other.strip_prefix("body ") {
                    let (kind, text) = body.split_once(' ').ok_or("a body has a type and a text")?;
                    extras.body = Some((kind.to_owned(), text.to_owned()));
                } else if let Some(text) = other.strip_prefix("line ") {
                    texts.push(text.to_owned());
                } else {
                    return Err(format!("what is `with {other}`?"));
                }
            }
        }
    }
    if let Some(at) = words.iter().position(|word| word == "to") {
        extras.to_method = words.get(at + 1).cloned();
        words.truncate(at);
    }
    if let Some(at) = words.iter().position(|word| word == "reliable") {
        extras.reliable = true;
        words.remove(at);
    }
    Ok((words, extras, texts))
}

fn send(stage: &mut Stage, name: &str, sentence: &str) -> Result<(), String> {
    let (words, mut extras, _) = clauses(sentence)?;
    for (_, value) in &mut extras.headers {
        *value = expanded(stage, value)?;
    }
    let what = words.get(2).ok_or("sends what?")?;
    let bytes = match what.parse::<u16>() {
        Ok(status) => stage.phone(name).response(status, &extras),
        Err(_) => {
            let method = what.trim_start_matches("re-");
            stage.phone(name).request(method, words.get(3).map(String::as_str), &extras)
        }
    };
    stage.deliver(name, bytes);
    Ok(())
}

/// A header's value with the dialogs of phones filled in.
fn expanded(stage: &mut Stage, value: &str) -> Result<String, String> {
    let Some((before, rest)) = value.split_once('{') else { return Ok(value.to_owned()) };
    let (inside, after) = rest.split_once('}').ok_or("a brace that does not end")?;
    let words: Vec<&str> = inside.split_whitespace().collect();
    let text = match words.as_slice() {
        ["dialog", "of", name] => stage.phone(name).replaces(),
        ["escaped", "dialog", "of", name] => {
            stage.phone(name).replaces().replace(';', "%3B").replace('=', "%3D").replace('@', "%40")
        }
        ["lamp", "of", name, rest @ ..] => {
            let line = line(&stage.phone(name).number.clone());
            let (calls, _) = stage.board.line(&line);
            let ids = calls.iter().flat_map(|call| call.of_line(&line)).find_map(|c| c.dialog.clone());
            let ids = ids.ok_or("the lamp shows no dialog")?;
            let (to, from) = match rest {
                [] => (&ids.server_tag, &ids.phone_tag),
                _ => (&ids.phone_tag, &ids.server_tag),
            };
            format!("{};to-tag={to};from-tag={from}", ids.call_id)
        }
        _ => return Err(format!("what is {inside}?")),
    };
    Ok(format!("{before}{text}{after}"))
}

fn receive(stage: &mut Stage, name: &str, sentence: &str) -> Result<(), String> {
    let (words, extras, texts) = clauses(sentence)?;
    let what = words.get(2).ok_or("receives what?")?;
    let phone = stage.phone(name);
    let message = phone.inbox.pop_front().ok_or("it heard nothing")?;
    let shown = || format!("it received\n{}", String::from_utf8_lossy(message.bytes()));
    let right = match &message {
        Message::Request(request) => *what == request.method().to_string(),
        Message::Response(response) => *what == response.status().to_string(),
    };
    let cseq = String::from_utf8_lossy(message.headers().first(Name::CSeq).unwrap_or_default()).into_owned();
    if !right || extras.to_method.is_some_and(|method| !cseq.ends_with(&method)) {
        return Err(shown());
    }
    check(extras.reliable == message.headers().has(Name::RSeq), &format!("reliability: {}", shown()))?;
    if let Some(wanted) = extras.keys {
        let found = keys_of(&message);
        check(found == Some(wanted), &format!("its keys are {found:?}"))?;
    }
    if !extras.codecs.is_empty() {
        let found = codecs_of(&message);
        check(found == extras.codecs, &format!("its codecs are {found:?}"))?;
    }
    session_is(extras.session, &message).map_err(|fault| format!("{fault}: {}", shown()))?;
    for (header, value) in &extras.headers {
        let found = header_value(message.headers(), header);
        let fits = match value.as_str() {
            "none" => found.is_none(),
            "any" => found.is_some(),
            part => found.as_ref().is_some_and(|found| found.contains(part)),
        };
        check(fits, &format!("{header} is {found:?}"))?;
    }
    if let Some((kind, text)) = extras.body {
        let found = String::from_utf8_lossy(message.body()).into_owned();
        check(found.trim_end() == text, &format!("the body is {found:?}"))?;
        let found = header_value(message.headers(), "Content-Type");
        check(found.as_deref() == Some(kind.as_str()), &format!("its type is {found:?}"))?;
    }
    for text in texts {
        check(String::from_utf8_lossy(message.body()).lines().any(|line| line == text), &shown())?;
    }
    Ok(())
}

/// What the first stream says of keys.
fn keys_of(message: &Message) -> Option<Keys> {
    let sdp = sip::sdp::Sdp::parse(message.body()).ok()?;
    let media = sdp.media().first()?;
    // What is agreed on within one leg comes to no other one.
    if ["ssrc", "msid", "extmap", "rtcp-rsize"].iter().any(|name| media.has_attribute(name)) {
        return None;
    }
    let has_fingerprint =
        media.attributes("fingerprint").any(|value| value == crate::directory::FINGERPRINT.as_bytes());
    let is_lite = sdp.session_attributes("ice-lite").next().is_some();
    let makes_sense =
        is_lite == media.has_attribute("ice-ufrag") && is_lite == media.has_attribute("candidate");
    match (media.protocol(), media.crypto().next()) {
        (b"UDP/TLS/RTP/SAVPF", None) if has_fingerprint && makes_sense && media.has_rtcp_mux() => {
            Some(Keys::Handshake)
        }
        _ if media.has_attribute("fingerprint") || is_lite || media.has_rtcp_mux() => None,
        (b"RTP/SAVP", Some(_)) => Some(Keys::Insists),
        (b"RTP/AVP", Some(_)) => Some(Keys::Optional),
        (b"RTP/AVP", None) => Some(Keys::None),
        _ => None,
    }
}

/// The codecs of the first stream, as scripts name them.
fn codecs_of(message: &Message) -> Vec<String> {
    let Ok(sdp) = sip::sdp::Sdp::parse(message.body()) else { return Vec::new() };
    let name = |codec: &sip::sdp::Codec| match String::from_utf8_lossy(&codec.name).into_owned() {
        name if name == "telephone-event" => "events".to_owned(),
        name => name,
    };
    sdp.media().first().map(|media| media.codecs().iter().map(name).collect()).unwrap_or_default()
}

fn header_value(headers: &Headers, name: &str) -> Option<String> {
    headers.named(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// The body is the session that was asked for, with this server's address in it and nobody else's.
fn session_is(wanted: Option<Session>, message: &Message) -> Result<(), &'static str> {
    let text = String::from_utf8_lossy(message.body()).into_owned();
    let described = text.starts_with("v=0");
    let Some(wanted) = wanted else {
        return if described { Err("a description that was not expected") } else { Ok(()) };
    };
    if !described {
        return Err("no description");
    }
    if text.contains("10.0.0.") || !text.contains("192.0.2.1") {
        return Err("an address that is not ours");
    }
    let direction =
        ["sendonly", "recvonly", "inactive"].into_iter().find(|word| text.contains(&format!("a={word}")));
    let right = match wanted {
        Session::Hold => direction == Some("sendonly"),
        Session::Held => direction == Some("recvonly"),
        Session::Inactive => direction == Some("inactive"),
        Session::Fax => text.contains("m=image 3") && text.contains("a=T38FaxVersion:0"),
        Session::FaxBeside => text.contains("m=audio 0 ") && text.contains("m=image 3"),
        Session::Video => text.contains("m=video 3"),
        Session::VideoRefused => text.contains("m=video 0 "),
        _ => direction.is_none(),
    };
    if right { Ok(()) } else { Err("another session") }
}

fn first_line(message: &Message) -> String {
    String::from_utf8_lossy(message.bytes()).lines().next().unwrap_or_default().to_owned()
}
