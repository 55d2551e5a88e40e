//! The command as an administrator uses it: its words, its exit codes, alone and beside a running server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod dialplan;
mod line;
mod migration;
mod support;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::{Value, json};
use support::{House, verb_at};

#[test]
fn init_makes_a_house_and_never_makes_it_twice() {
    let house = House::empty();
    let made = house.verb(&["init", "--domain", "example.org", "--port-offset", "100", "--json"]);
    assert_eq!(made.code, 0, "{made:?}");
    let made: Value = serde_json::from_str(&made.out).unwrap();
    assert!(made["administrator_password"].as_str().unwrap().len() >= 16);
    for file in ["carillon.toml", "key.pem", "certificate.pem"] {
        let mode = std::fs::metadata(house.data().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{file} is for its owner alone");
    }
    let before = std::fs::read(house.data().join("carillon.toml")).unwrap();
    let again = house.verb(&["init", "--domain", "example.net"]);
    assert_eq!(again.code, 5, "{again:?}");
    assert!(again.err.contains("nothing is overwritten"), "{again:?}");
    assert_eq!(std::fs::read(house.data().join("carillon.toml")).unwrap(), before);
}

#[test]
fn every_exit_code_is_the_one_that_the_table_promises() {
    let house = House::new();
    house.verb_with(&["user", "add", "ann@localhost", "--password-stdin"], "correct horse\n");
    let nowhere = House::empty();
    let table: &[(&House, &[&str], &str, i32, &str)] = &[
        (&house, &["user", "list"], "", 0, ""),
        (&house, &["user", "lst"], "", 2, "unrecognized"),
        (&nowhere, &["user", "list"], "", 3, "carillon init"),
        (&house, &["user", "show", "bob@localhost"], "", 4, "carillon user list"),
        (&house, &["line", "remove", "999"], "", 4, "carillon line list"),
        (&house, &["user", "add", "ann@localhost"], "", 5, "exists already"),
        (&house, &["user", "add", "bob@elsewhere"], "", 6, "NAME@localhost"),
        (&house, &["user", "add", "bob@localhost", "--password-stdin"], "\n", 6, "at least one character"),
        (&house, &["user", "add", "bob@localhost", "--password-stdin"], "", 6, "missing on standard input"),
        (&house, &["line", "add", "700", "--owner", "bob@localhost"], "", 4, "does not exist"),
        (&house, &["log", "level", "im", "debug"], "", 7, "no node runs"),
    ];
    for (house, arguments, input, code, text) in table {
        let done = house.verb_with(arguments, input);
        assert_eq!(done.code, *code, "{arguments:?}: {done:?}");
        assert!(done.err.contains(text), "{arguments:?}: {done:?}");
    }
}

#[test]
fn a_mistake_in_the_configuration_names_file_line_and_key() {
    let house = House::new();
    let path = house.data().join("carillon.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("[storage]\n", "[storage]\nurll = \"x\"\n")).unwrap();
    for verb in [&["user", "list"][..], &["serve"]] {
        let done = house.verb(verb);
        assert_eq!(done.code, 3, "{done:?}");
        assert!(done.err.contains("carillon.toml, line ") && done.err.contains("[storage] urll"), "{done:?}");
    }
    let checked = house.verb(&["check", "config"]);
    assert_eq!(checked.code, 8, "{checked:?}");
}

#[test]
fn an_import_is_all_or_nothing_and_names_its_rows() {
    let house = House::new();
    house.verb_with(
        &["user", "add", "ann@localhost", "--password-stdin", "--line", "1001"],
        "correct horse\n",
    );
    let bad = house.write(
        "bad.csv",
        "jid,name,password,line,line_password\n\
         bob@localhost,Bob,correct horse,1002,phone secret\n\
         ann@localhost,Ann,correct horse,,\n\
         carol@localhost,Carol,,1003,\n\
         dave@localhost,Dave,correct horse,1001,\n",
    );
    let refused = house.verb(&["user", "import", &bad]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.err.contains("line 4: password"), "{refused:?}");
    // Rows are first read; what is in the store already is told when all can be read.
    let taken = house.write(
        "taken.csv",
        "jid,password,line\nbob@localhost,correct horse,1002\nann@localhost,correct horse,\ndave@localhost,x,1001\n",
    );
    let refused = house.verb(&["user", "import", &taken]);
    assert!(refused.err.contains("line 3: user ann@localhost exists already"), "{refused:?}");
    assert!(refused.err.contains("line 4: line 1001 exists already"), "{refused:?}");
    assert_eq!(house.json(&["user", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(house.json(&["line", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn the_same_is_done_directly_and_through_the_running_server() {
    let direct = House::new();
    let served = House::new();
    let server = served.serve();
    let csv = "jid,name,password,line,line_password\nbob@localhost,Bob,correct horse,1002,phone secret\n";
    let (direct_csv, served_csv) = (direct.write("users.csv", csv), served.write("users.csv", csv));
    let steps: &[(&[&str], &str)] = &[
        (
            &["user", "add", "ann@localhost", "--password-stdin", "--line", "1001", "--line-password-stdin"],
            "pw\npw\n",
        ),
        (&["user", "add", "ann@localhost", "--password-stdin"], "pw\n"),
        (&["user", "import", "FILE"], ""),
        (&["user", "disable", "ann@localhost"], ""),
        (&["user", "show", "ann@localhost"], ""),
        (&["line", "add", "600", "--password-stdin"], "phone secret\n"),
        (&["line", "remove", "600"], ""),
        (&["line", "set-password", "1001", "--password-stdin"], "another secret\n"),
        (&["user", "set-password", "bob@localhost", "--password-stdin"], "another secret\n"),
        (&["user", "show", "nobody@localhost"], ""),
        (&["user", "list"], ""),
        (&["line", "list"], ""),
        (&["verify"], ""),
    ];
    for (arguments, input) in steps {
        let with = |file: &str| {
            let named: Vec<String> = arguments.iter().map(|a| a.replace("FILE", file)).collect();
            [named, vec!["--json".to_owned()]].concat()
        };
        let run = |house: &House, file: &str| {
            let named = with(file);
            let done = house.verb_with(&named.iter().map(String::as_str).collect::<Vec<_>>(), input);
            (done.code, done.out, done.err)
        };
        assert_eq!(run(&direct, &direct_csv), run(&served, &served_csv), "{arguments:?}");
    }
    assert_eq!(server.terminate().0, 0);
}

#[test]
fn a_running_server_changes_its_log_and_reads_again_on_hangup() {
    let house = House::new();
    let server = house.serve();
    let levels = house.json(&["log", "level", "im", "debug"]);
    assert_eq!(levels, json!({ "all": "info", "im": "debug" }));
    assert_eq!(house.verb(&["log", "level", "im", "loud"]).code, 6);
    assert_eq!(house.json(&["version"])["running"], env!("CARGO_PKG_VERSION"));
    // A mistake must not end a running server.
    std::fs::write(house.data().join("carillon.toml"), "this is not TOML").unwrap();
    server.signal("HUP");
    server.logs(&["ERROR", "the old configuration holds", "carillon.toml, line 1"]);
    assert_eq!(house.verb(&["user", "list"]).code, 0);
    let socket = house.data().join("control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, time) = server.terminate();
    assert_eq!(code, 0);
    assert!(time < Duration::from_secs(5), "{time:?}");
    assert!(!socket.exists());
}

#[test]
fn a_reload_takes_limits_and_levels_and_names_what_needs_a_restart() {
    let house = House::new();
    let server = house.serve();
    let path = house.data().join("carillon.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    // The sections that this test writes itself are the last ones of the file that `init` made.
    let text = text.split("\n[log]\n").next().unwrap();
    let with = |rest: &str| std::fs::write(&path, format!("{text}\n{rest}")).unwrap();
    assert_eq!(house.json(&["reload"]), json!({ "applied": [], "at_next_start": [] }));

    with("[limits]\nring_seconds = 30\nstanza_bytes = 20000\n[log]\nlevel = \"debug\"\nformat = \"json\"\n");
    let applied = ["[log] level", "[limits] stanza_bytes", "[limits] ring_seconds"];
    let reloaded = house.json(&["reload"]);
    assert_eq!(reloaded, json!({ "applied": applied, "at_next_start": ["[log] format"] }));
    server.logs(&["WARN", "[log] format", "needs a restart"]);
    assert_eq!(house.json(&["log", "level"])["all"], "debug");
    let again = house.json(&["reload"]);
    assert_eq!(again, json!({ "applied": [], "at_next_start": ["[log] format"] }), "it still waits");

    with("[limits]\nring_seconds = 3\n[log]\nlevel = \"trace\"\n");
    let refused = house.verb(&["reload"]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(
        refused.err.contains("carillon.toml, line ") && refused.err.contains("ring_seconds"),
        "{refused:?}"
    );
    server.logs(&["ERROR", "carillon.toml, line ", "[limits] ring_seconds = 3"]);
    assert_eq!(house.json(&["log", "level"])["all"], "debug", "nothing of a broken file is taken");

    with("");
    server.signal("HUP");
    server.logs(&["INFO", "[log] level, [limits] stanza_bytes, [limits] ring_seconds"]);
    assert_eq!(house.json(&["log", "level"])["all"], "info");
    drop(server);
    assert_eq!(house.verb(&["reload"]).code, 7, "nobody is there to reload");
}

#[test]
fn the_status_of_a_running_server_is_shown() {
    let house = House::new();
    assert_eq!(house.verb(&["status"]).code, 7);
    let _server = house.serve();
    let status = house.json(&["status"]);
    assert_eq!((&status["domain"], &status["storage_failure"]), (&json!("localhost"), &Value::Null));
    for rows in ["listeners", "sessions", "registrations", "calls"] {
        assert_eq!(status[rows], json!([]), "{rows}");
    }
    let shown = house.verb(&["status"]);
    assert!(shown.out.contains("serves localhost") && shown.out.contains("Live calls: 0"), "{shown:?}");
}

#[test]
fn two_servers_never_share_a_house_and_a_crash_leaves_it_usable() {
    let house = House::new();
    let server = house.serve();
    let second = house.verb(&["serve"]);
    assert_eq!(second.code, 7, "{second:?}");
    assert!(second.err.contains("in use"), "{second:?}");
    house.verb_with(&["user", "add", "ann@localhost", "--password-stdin"], "correct horse\n");
    server.kill();
    // The socket is still there, and nobody answers: the verb works on the store itself.
    assert!(house.data().join("control.sock").exists());
    assert_eq!(house.json(&["user", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(house.serve().terminate().0, 0);
}

#[test]
fn a_backup_of_a_running_server_becomes_a_house_elsewhere() {
    let house = House::new();
    house.verb_with(&["user", "add", "ann@localhost", "--password-stdin"], "correct horse\n");
    let server = house.serve();
    let file = house.path("carillon.backup").display().to_string();
    let backup = house.verb(&["backup", &file]);
    assert_eq!(backup.code, 0, "{backup:?}");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_ne!(house.verb(&["backup", &file]).code, 0, "an existing file is not overwritten");
    server.kill();

    let elsewhere = house.path("elsewhere");
    let restored = verb_at(&elsewhere, &["restore", &file], "");
    assert_eq!(restored.code, 0, "{restored:?}");
    let users = verb_at(&elsewhere, &["user", "list", "--json"], "");
    assert!(users.out.contains("ann@localhost"), "{users:?}");
    assert_eq!(verb_at(&elsewhere, &["verify"], "").code, 0);
    assert_eq!(
        std::fs::read(elsewhere.join("key.pem")).unwrap(),
        std::fs::read(house.data().join("key.pem")).unwrap()
    );
    assert_eq!(verb_at(&elsewhere, &["restore", &file], "").code, 5);
    let letter = house.write("letter.txt", "Dear Sir or Madam");
    assert_eq!(verb_at(&house.path("third"), &["restore", &letter], "").code, 6);
}

#[test]
fn many_users_are_imported_while_the_server_runs() {
    let house = House::new();
    let server = house.serve();
    let mut csv = String::from("jid,name,password,line,line_password\n");
    for n in 0..500 {
        csv.push_str(&format!("user{n}@localhost,User {n},correct horse {n},2{n:05},phone secret {n}\n"));
    }
    let file = house.write("users.csv", &csv);
    let imported = house.json(&["user", "import", &file]);
    assert_eq!((&imported["users"], &imported["lines"]), (&json!(500), &json!(500)));
    drop(server);
}

#[test]
fn passwords_that_were_made_up_are_shown_and_given_ones_are_not() {
    let house = House::new();
    let made_up = house.json(&["user", "add", "ann@localhost", "--line", "1001"]);
    assert_eq!(made_up["password"].as_str().unwrap().len(), 23);
    assert_eq!(made_up["line_password"].as_str().unwrap().len(), 23);
    let given = house.verb_with(&["user", "add", "bob@localhost", "--password-stdin"], "hunter2\n");
    assert_eq!(given.code, 0, "a weak password is warned of, not refused: {given:?}");
    assert!(given.err.contains("warning") && given.err.contains("weak"), "{given:?}");
    assert!(!given.out.contains("hunter2") && !given.err.contains("hunter2"), "{given:?}");
    let recovered = house.json(&["recover-admin"]);
    assert!(recovered["password"].as_str().unwrap().len() >= 16);
}

#[test]
fn manual_pages_and_completions_are_written() {
    let house = House::empty();
    let folder = house.path("man").display().to_string();
    assert_eq!(house.verb(&["man", "--to", &folder]).code, 0);
    let page = std::fs::read_to_string(house.path("man").join("carillon-user-import.1")).unwrap();
    assert!(page.contains("CSV"), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let done = house.verb(&["completions", shell]);
        assert!(done.code == 0 && done.out.contains("set-password"), "{shell}");
    }
    assert!(house.verb(&["--help"]).out.contains("Exit codes:"));
}

#[test]
fn an_archive_is_emptied_by_day_and_by_whom_it_was_talked_with() {
    let house = House::new();
    let done = house.verb(&["archive", "delete", "ann@localhost", "--before", "2026-01-31", "--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let deleted: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(deleted, json!({ "owner": "ann@localhost", "messages": 0 }));
    let done = house.verb(&["archive", "delete", "ann@localhost", "--with", "bob@localhost"]);
    assert!(done.out.contains("0 messages are gone"), "{done:?}");
    let wrong = house.verb(&["archive", "delete", "ann@localhost", "--before", "yesterday"]);
    assert_eq!(wrong.code, 6, "{wrong:?}");
    assert!(wrong.err.contains("2026-01-31"), "{wrong:?}");
}

#[test]
fn a_group_is_made_shared_filled_and_removed() {
    let house = House::new();
    for name in ["ann", "bob"] {
        house
            .verb_with(&["user", "add", &format!("{name}@localhost"), "--password-stdin"], "correct horse\n");
    }
    let made = house.verb(&["group", "add", "Team"]);
    assert!(made.out.contains("not shared"), "{made:?}");
    let filled = house.verb(&["group", "member", "add", "Team", "ann@localhost", "bob@localhost"]);
    assert!(filled.out.contains("2 members"), "{filled:?}");
    assert!(house.verb(&["group", "share", "Team"]).out.contains("shared, 2 members"));
    let listed = house.verb(&["group", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let members = ["ann@localhost", "bob@localhost"];
    assert_eq!(listed, json!([{ "name": "Team", "shared": true, "in_rosters": true, "members": members }]));
    assert_eq!(house.verb(&["group", "member", "remove", "Team", "carol@localhost"]).code, 4);
    assert_eq!(house.verb(&["group", "share", "Crew"]).code, 4);
    assert_eq!(house.verb(&["group", "remove", "Team"]).code, 0);
    assert_eq!(house.verb(&["group", "list", "--json"]).out.trim(), "[]");
}

#[test]
fn an_invitation_is_made_shown_once_and_taken_back() {
    let house = House::new();
    let made = house.json(&["user", "invite", "benvolio", "--days", "2"]);
    let uri = made["uri"].as_str().unwrap();
    let token = uri.strip_prefix("xmpp:benvolio@localhost?register;preauth=").expect(uri);
    let taken = house.verb(&["user", "invite", "benvolio"]);
    assert_eq!(taken.code, 5, "{taken:?}");
    assert_eq!(house.verb(&["user", "invite", "--days", "1000"]).code, 6);
    assert_eq!(house.verb(&["user", "invite", "--inviter", "nobody@localhost"]).code, 4);
    let listed = house.json(&["user", "invitations"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["username"], "benvolio");
    assert!(!listed.to_string().contains(token), "the token is nowhere");
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(house.verb(&["user", "uninvite", id]).code, 0);
    assert_eq!(house.verb(&["user", "uninvite", id]).code, 4);
    assert_eq!(house.json(&["user", "invitations"]), serde_json::json!([]));
}
