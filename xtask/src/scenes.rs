//! docs/dev/scenes.md: which scenes of calls are played by scripted phones and which by foreign ones.
//!
//! A script belongs to a scene by its name; a test in tests/interop says what its peers do: `scenes of PEER: ONE, OTHER`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

const PAGE: &str = "docs/dev/scenes.md";
const SCRIPTS: &str = "tests/sip";
const TESTS: &str = "tests/interop";
const FEATURES: &str = "crates/calls/src/features";
/// Foreign software with a column of its own: what `peer:` calls it, and what people do.
const PEERS: [(&str, &str); 5] = [
    ("baresip", "baresip"),
    ("linphone-cli", "linphone"),
    ("sip-tester", "sipp"),
    ("kamailio", "Kamailio"),
    ("chromium", "Chromium"),
];

/// Whether to write.
#[derive(Args)]
pub struct Options {
    /// Write nothing; fail when what is there is not what would be written
    #[arg(long)]
    pub check: bool,
}

/// A scene: its name, the files of features that it shows, and how the names of its scripts begin.
struct Scene(&'static str, &'static [&'static str], &'static [&'static str]);

/// What people and programs do with calls.
const ABLE: &[Scene] = &[
    Scene("call", &[], &["basic_call", "call_by_user_name", "call_records", "destinations_in_turn"]),
    Scene("registration", &[], &[]),
    Scene("echo", &[], &["echo_service"]),
    Scene("early media", &[], &["early_media"]),
    Scene("offers and answers", &[], &["offerless", "prack", "update"]),
    Scene("transcoding", &[], &["transcod"]),
    Scene("secure media", &[], &["srtp", "webrtc_of_phones", "webrtc_refused"]),
    Scene("browser", &[], &["webrtc_calls", "webrtc_is_called"]),
    Scene("facsimile", &[], &["t38"]),
    Scene("recording", &["recording"], &["recording"]),
    Scene("video", &[], &["video"]),
    Scene("hold", &["hold"], &["hold_and_resume", "server_hold"]),
    Scene("music on hold", &["music"], &["music_"]),
    Scene("blind transfer", &["transfer"], &["blind_transfer", "server_transfer", "trunk_transfer"]),
    Scene(
        "consultative transfer",
        &["transfer", "replaces"],
        &["consultative_transfer", "trunk_consultative", "replaces_talking"],
    ),
    Scene("forward", &["forward"], &["forward_", "user_with_two_lines"]),
    Scene("do not disturb", &["do_not_disturb"], &["do_not_disturb"]),
    Scene("caller identity", &["caller_identity"], &["withhold_number", "trunk_withheld"]),
    Scene("last calls", &["last_calls"], &["redial", "call_return"]),
    Scene("speed dials", &["codes"], &["speed_dial"]),
    Scene("intercom", &["intercom", "announcement"], &["intercom", "auto_answer"]),
    Scene("feature codes", &["line_settings", "codes"], &["feature_codes", "forward_by_code"]),
    Scene("hunt", &["hunt"], &["hunt_"]),
    Scene("call waiting", &["call_waiting"], &["call_waiting"]),
    Scene(
        "shared line",
        &["shared_line"],
        &["fork_", "shared_line", "device_of_a_shared_line", "events/lamp_of_the_own_line"],
    ),
    Scene("call back", &["call_back"], &["call_back"]),
    Scene("attendant", &["attendant"], &["attendant"]),
    Scene("queue", &["queue", "queues"], &["queue"]),
    Scene("announcement before a refusal", &["announcement"], &["announcement_"]),
    Scene("park", &["park"], &["call_park"]),
    Scene("pickup", &["replaces"], &["directed_pickup"]),
    Scene("conference", &["conference", "confer", "pins"], &["conference"]),
    Scene("barge", &["confer"], &["conference_barge"]),
    Scene("digits", &[], &["info_digits", "conference_meet_me", "keys"]),
    Scene(
        "applications",
        &["answer", "clear", "deflect", "make_call"],
        &["answer_call", "deflect_call", "make_call", "server_"],
    ),
    Scene("route point", &["applications"], &["route_point"]),
    Scene("lamps", &[], &["events/"]),
    Scene("presence", &[], &["events/presence", "events/call_lists"]),
    Scene("messages", &[], &[]),
    Scene("trunks", &[], &["trunk_"]),
    Scene("regions and locations", &[], &["regions", "locations", "alternate_routing"]),
    Scene("numbers of services", &[], &["services_of_the_plan", "overlap"]),
    Scene("what a phone is told of a call", &["alerting"], &["auto_answer"]),
];

/// What goes wrong with calls.
const FAILING: &[Scene] = &[
    Scene("busy", &[], &["busy", "fork_both_phones_busy"]),
    Scene("no answer", &[], &["no_answer", "impatient_caller"]),
    Scene("cancel", &[], &["cancel"]),
    Scene("late answer", &[], &["cancel_and_answer_cross"]),
    Scene("declined", &[], &["declined"]),
    Scene("unregistered phone", &[], &["not_registered", "forward_unregistered"]),
    Scene("unreachable phone", &[], &["callee_gives_no_answer"]),
    Scene("unknown number", &[], &["not_found"]),
    Scene("wrong password", &[], &[]),
    Scene("malformed message", &[], &["refused_requests"]),
    Scene("malformed session", &[], &["wrong_offers"]),
    Scene("codec mismatch", &[], &["wrong_offers"]),
    Scene("refused transfer", &[], &["refer_refused", "consultative_transfer_refused"]),
    Scene("failed transfer", &[], &["blind_transfer_fails", "blind_transfer_after"]),
    Scene("dead dialog", &[], &["replaces_refused"]),
    Scene("session timer", &[], &["session_"]),
    Scene("crossing ends", &[], &["bye_race"]),
    Scene("glare", &[], &["glare"]),
    Scene("retransmissions", &[], &["retransmissions"]),
    Scene("missing acknowledgement", &[], &["bye_race"]),
    Scene("loops", &[], &["loop_protection"]),
    Scene("forward loop", &[], &["forward_loop"]),
    Scene("call limit", &[], &["call_limit", "line_limits", "device_limits"]),
    Scene("cost limits", &[], &["cost_limits"]),
    Scene("no application at a route point", &[], &["route_point_failure", "route_point_no_application"]),
    Scene("trunk down", &[], &["trunk_failover"]),
    Scene("forgotten parked call", &[], &["call_park"]),
];

/// What was found in the repository.
#[derive(Default)]
struct Found {
    /// Files below [`SCRIPTS`], without their ending.
    scripts: BTreeSet<String>,
    /// Files of [`FEATURES`], without their ending.
    features: BTreeSet<String>,
    /// Tests by scene and peer.
    tests: BTreeMap<(String, String), BTreeSet<String>>,
}

/// Writes or checks the page.
pub fn run(options: &Options) -> Result<()> {
    let found = find()?;
    let page = page(&found);
    if !options.check {
        fs::write(PAGE, page)?;
    } else if fs::read_to_string(PAGE).unwrap_or_default() != page {
        bail!("{PAGE} is not what the scripts and the tests say: run `cargo xtask scenes`");
    }
    println!(
        "scenes: {} scripts, {} pairs of scene and foreign phone",
        found.scripts.len(),
        found.tests.len()
    );
    Ok(())
}

fn find() -> Result<Found> {
    let mut found = Found {
        scripts: names(Path::new(SCRIPTS), "sip")?,
        features: names(Path::new(FEATURES), "rs")?,
        ..Found::default()
    };
    found.features.remove("mod");
    for name in names(&Path::new(SCRIPTS).join("events"), "sip")? {
        found.scripts.insert(format!("events/{name}"));
    }
    for test in names(Path::new(TESTS), "py")?.into_iter().filter(|name| name.starts_with("test_")) {
        let text = fs::read_to_string(format!("{TESTS}/{test}.py"))?;
        for (peer, scene) in said(&text).with_context(|| format!("{TESTS}/{test}.py"))? {
            found.tests.entry((scene, peer)).or_default().insert(test.clone());
        }
    }
    Ok(found)
}

fn names(folder: &Path, ending: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == ending) {
            names.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

/// Which peers of a test play which scenes, as the head of the test says.
fn said(text: &str) -> Result<Vec<(String, String)>> {
    let head = text.split("\"\"\"").nth(1).unwrap_or_default();
    let peers = head.lines().find_map(|line| line.strip_prefix("peer: ")).unwrap_or_default();
    let peers: Vec<&str> = peers.split(", ").collect();
    let mut said = Vec::new();
    for line in head.lines().filter_map(|line| line.strip_prefix("scenes of ")) {
        let (peer, scenes) = line.split_once(": ").context("`scenes of PEER: ONE, OTHER`")?;
        if !peers.contains(&peer) {
            bail!("{peer} is not among its peers");
        }
        for scene in scenes.split(", ") {
            if !ABLE.iter().chain(FAILING).any(|known| known.0 == scene) {
                bail!("no scene is called {scene:?}; xtask/src/scenes.rs has them");
            }
            said.push((peer.to_owned(), scene.to_owned()));
        }
    }
    Ok(said)
}

impl Found {
    /// The scripts of a scene.
    fn scripts_of(&self, scene: &Scene) -> Vec<&str> {
        let begins = |script: &&String| scene.2.iter().any(|begin| script.starts_with(begin));
        self.scripts.iter().filter(begins).map(String::as_str).collect()
    }
}

fn page(found: &Found) -> String {
    let mut page = String::from(
        "# Scenes of calls\n\nWritten by `cargo xtask scenes`, and checked with every change. Scripted phones play `tests/sip/*.sip` without a network and with a clock that is moved\n\
         by hand; foreign phones play `tests/interop/*.py` on real sockets. Each name is a file there. Who may sign in, and what\n\
         phones say outside of calls, `crates/calls/tests/edges` tests over sockets of its own.\n\n## What can be done\n\n",
    );
    table(&mut page, ABLE, found);
    page.push_str("\n## What goes wrong\n\n");
    table(&mut page, FAILING, found);
    rest(&mut page, found);
    page
}

fn table(page: &mut String, scenes: &[Scene], found: &Found) {
    let peers: Vec<&str> = PEERS.iter().map(|(_, name)| *name).collect();
    page.push_str(&format!("| scene | scripted | {} |\n", peers.join(" | ")));
    page.push_str(&format!("| --- | --- |{}\n", " --- |".repeat(peers.len())));
    for scene in scenes {
        let mut cells = vec![scene.0.to_owned(), list(&found.scripts_of(scene))];
        for (peer, _) in PEERS {
            let tests = found.tests.get(&(scene.0.to_owned(), peer.to_owned()));
            let tests: Vec<&str> =
                tests.into_iter().flatten().map(|t| t.trim_start_matches("test_")).collect();
            cells.push(list(&tests));
        }
        page.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
}

/// Files that no scene names are shown all the same.
fn rest(page: &mut String, found: &Found) {
    let scenes = || ABLE.iter().chain(FAILING);
    let played: BTreeSet<&str> = scenes().flat_map(|scene| found.scripts_of(scene)).collect();
    let scripts: Vec<&str> =
        found.scripts.iter().map(String::as_str).filter(|s| !played.contains(s)).collect();
    let shown: BTreeSet<&str> = scenes().flat_map(|scene| scene.1).copied().collect();
    let features: Vec<&str> =
        found.features.iter().map(String::as_str).filter(|f| !shown.contains(f)).collect();
    if !scripts.is_empty() {
        page.push_str(&format!("\nFurther scripts: {}.\n", list(&scripts)));
    }
    if !features.is_empty() {
        page.push_str(&format!("\nFeatures (`{FEATURES}`) without a scene here: {}.\n", list(&features)));
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() { "–".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_says_which_of_its_peers_plays_what() {
        let head = "\"\"\"Proves something.\n\npeer: baresip, sip-tester\nserver: own\nscenes of baresip: park, hold\n\"\"\"\n";
        let expected = [("baresip", "park"), ("baresip", "hold")].map(|(p, s)| (p.to_owned(), s.to_owned()));
        assert_eq!(said(head).unwrap(), expected);
        assert!(said(&head.replace("of baresip", "of linphone-cli")).is_err(), "not a peer of the test");
        assert!(said(&head.replace("park,", "parking,")).is_err(), "not a scene");
    }

    #[test]
    fn what_no_scene_names_is_shown_all_the_same() {
        let mut found =
            Found { scripts: ["call_park", "new_thing"].map(str::to_owned).into(), ..Found::default() };
        found.features.insert("paging".to_owned());
        found
            .tests
            .entry(("park".to_owned(), "baresip".to_owned()))
            .or_default()
            .insert("test_park".to_owned());
        let page = page(&found);
        assert!(page.contains("| park | call_park | park | – | – | – |"), "{page}");
        assert!(page.contains("Further scripts: new_thing.\n") && page.contains(": paging.\n"), "{page}");
    }
}
