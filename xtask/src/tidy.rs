//! House rules that rustc and clippy do not know, as code.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process;

/// A file of code without its tests may have this many lines; about half is where it wants splitting.
const FILE_LINES_MAX: usize = 1000;
/// A file of the pages may have this many; what is generated says so.
const PAGE_FILE_LINES_MAX: usize = 500;
/// The half of the pages that has no DOM; the one folder of that name.
const PAGES_WITHOUT_DOM: &str = "ui/core";
const PAGES_BUILT: &str = "ui/dist/";
/// A struct with more fields is two structs.
const STRUCT_FIELDS_MAX: usize = 15;
/// The root of a document has a field for each of its tables.
const DOCUMENT_ROOTS: &[&str] = &["Plan"];
/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "manager", "misc", "types", "core"];
/// What unfinished or switched-off code looks like. Split so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[", "ignore"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
];
/// What hides dead code; a folder of tests may share more than each of its files uses.
const HIDDEN: &str = concat!("allow(", "dead_code");
/// What reads a clock; floor 0 takes `now` as an argument.
const CLOCKS: &[&str] = &["Instant::now(", "SystemTime::now(", "Timestamp::now("];
/// The crates of floor 0.
const FLOOR_0: &[&str] = &["crates/model/", "crates/xmpp/", "crates/sip/"];
/// Folders of the repository, with which its paths begin.
const FOLDERS: &[&str] = &["crates", "docs", "tests", "xtask", "fuzz", "benches", "packaging"];
/// Documents that must be there.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "LICENSE",
    "docs/benchmarks.md",
    "docs/dev/status.md",
    "docs/dev/a-message-from-alice-to-bob.md",
    "docs/dev/a-call-from-alice-to-bob.md",
];

/// Checks every source file that git would take.
pub fn run() -> Result<()> {
    let listed = process::output(&["git", "ls-files", "--cached", "--others", "--exclude-standard"])?;
    let files: Vec<&str> = listed.lines().filter(|f| Path::new(f).is_file()).collect();
    let mut wrong = Vec::new();
    for document in DOCUMENTS.iter().filter(|d| !Path::new(d).is_file()) {
        wrong.push(format!("{document}: missing"));
    }
    for file in &files {
        if let Some(name) = empty_name(Path::new(file.strip_prefix(PAGES_WITHOUT_DOM).unwrap_or(file))) {
            wrong.push(format!("{file}: `{name}` says nothing about what is inside"));
        }
        if Path::new(file).extension().is_some_and(|e| e == "rs") {
            check_source(file, &fs::read_to_string(file)?, &mut wrong);
        }
        if is_page_source(file) {
            check_page_source(file, &fs::read_to_string(file)?, &mut wrong);
        }
        if Path::new(file).extension().is_some_and(|e| e == "md") {
            let text = fs::read_to_string(file)?;
            check_links(file, &text, &mut wrong);
            check_paths(&process::root(), file, &text, &mut wrong);
        }
    }
    if !wrong.is_empty() {
        bail!("tidy: {} complaints\n  {}", wrong.len(), wrong.join("\n  "));
    }
    println!("tidy: {} files in order", files.len());
    Ok(())
}

fn empty_name(path: &Path) -> Option<String> {
    let stem = |part: &Path| part.file_stem().map(|s| s.to_string_lossy().into_owned());
    path.components()
        .filter_map(|part| stem(Path::new(part.as_os_str())))
        .find(|name| EMPTY_NAMES.contains(&name.as_str()))
}

fn check_source(file: &str, text: &str, wrong: &mut Vec<String>) {
    if !text.starts_with("//! ") && !text.starts_with("#!") {
        wrong.push(format!("{file}: the first line does not say (`//! …`) what the file is for"));
    }
    let code = without_tests(text);
    for (number, line) in text.lines().enumerate() {
        for mark in UNFINISHED.iter().filter(|mark| line.contains(**mark)) {
            wrong.push(format!("{file}:{}: `{mark}`: finish it or leave it out", number + 1));
        }
    }
    if is_test(file) {
        return;
    }
    let lines = code.lines().count();
    if lines > FILE_LINES_MAX {
        wrong.push(format!("{file}: {lines} lines without tests; {FILE_LINES_MAX} at most"));
    }
    if text.contains(HIDDEN) {
        wrong.push(format!("{file}: `{HIDDEN}`: delete what is dead"));
    }
    if FLOOR_0.iter().any(|folder| file.starts_with(folder)) {
        for clock in CLOCKS.iter().filter(|clock| code.contains(**clock)) {
            wrong.push(format!("{file}: floor 0 reads a clock (`{clock}`)"));
        }
    }
    for (name, fields) in structs(code) {
        if fields > STRUCT_FIELDS_MAX && !DOCUMENT_ROOTS.contains(&name.as_str()) {
            wrong.push(format!("{file}: struct {name} has {fields} fields; {STRUCT_FIELDS_MAX} at most"));
        }
    }
}

fn is_page_source(file: &str) -> bool {
    let kind = Path::new(file).extension().and_then(|kind| kind.to_str()).unwrap_or_default();
    file.starts_with("ui/")
        && !file.starts_with(PAGES_BUILT)
        && matches!(kind, "ts" | "tsx" | "mjs" | "css")
        && !file.ends_with(".test.ts")
}

fn check_page_source(file: &str, text: &str, wrong: &mut Vec<String>) {
    let first = text.lines().next().unwrap_or_default();
    if !["// ", "/* ", "#!", "/** "].iter().any(|begin| first.starts_with(begin)) {
        wrong.push(format!("{file}: the first line does not say (`// …`) what the file is for"));
    }
    let lines = text.lines().count();
    if lines > PAGE_FILE_LINES_MAX && !first.contains("Generated") {
        wrong.push(format!("{file}: {lines} lines; {PAGE_FILE_LINES_MAX} at most"));
    }
}

/// Tests and the tools of benchmarks: they may be long, and share what not all of them use.
fn is_test(file: &str) -> bool {
    file.split('/').any(|part| matches!(part, "tests" | "benches" | "fuzz")) || file.ends_with("tests.rs")
}

/// The text before the first `#[cfg(test)]` module.
fn without_tests(text: &str) -> &str {
    match text.find("#[cfg(test)]\nmod ") {
        Some(end) => &text[..end],
        None => text,
    }
}

/// Names and field counts of the top-level structs, by the layout that rustfmt gives.
fn structs(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize)> = None;
    for line in code.lines() {
        match &mut open {
            Some((name, fields)) => {
                if line.starts_with('}') {
                    found.push((std::mem::take(name), *fields));
                    open = None;
                } else if line.starts_with("    ")
                    && !line.trim_start().starts_with("//")
                    && line.contains(": ")
                {
                    *fields += usize::from(!line.starts_with("     ") && !line.trim_start().starts_with('#'));
                }
            }
            None => {
                let declared = line
                    .split_once("struct ")
                    .filter(|(before, _)| before.is_empty() || before.starts_with("pub"));
                if let Some((_, rest)) = declared.filter(|_| line.ends_with('{')) {
                    let name = rest.split(['<', ' ', '{']).next().unwrap_or_default();
                    open = Some((name.to_owned(), 0));
                }
            }
        }
    }
    found
}

/// Links from documents to files of the repository lead somewhere.
fn check_links(file: &str, text: &str, wrong: &mut Vec<String>) {
    let folder = Path::new(file).parent().map(Path::to_path_buf).unwrap_or_default();
    for part in text.split("](").skip(1) {
        let Some(link) = part.split([')', '#', ' ']).next().filter(|l| !l.is_empty() && !l.contains("://"))
        else {
            continue;
        };
        let target: PathBuf = folder.join(link);
        if !link.starts_with("mailto:") && !target.exists() {
            wrong.push(format!("{file}: the link to {link} leads nowhere"));
        }
    }
}

/// What documents name in backticks and what looks like a path of the repository is there.
fn check_paths(root: &Path, file: &str, text: &str, wrong: &mut Vec<String>) {
    for (number, line) in text.lines().enumerate() {
        for named in line.split('`').skip(1).step_by(2).filter_map(repository_path) {
            if !root.join(&named).exists() {
                wrong.push(format!("{file}:{}: `{}` does not exist", number + 1, named.display()));
            }
        }
    }
}

/// The path that a text in backticks means: one that begins with a folder of the repository, or `NAME/src/…` of a
/// crate. Of `tests/xmpp/<name>.xmpp` and `docs/*.md` the folder counts.
fn repository_path(text: &str) -> Option<PathBuf> {
    let word = |c: char| c.is_ascii_alphanumeric() || "_-./<>*".contains(c);
    let (first, rest) = text.split_once('/')?;
    if !text.chars().all(word) {
        return None;
    }
    let path = if FOLDERS.contains(&first) {
        PathBuf::from(text)
    } else if rest.starts_with("src/") || rest.starts_with("tests/") {
        Path::new("crates").join(text)
    } else {
        return None;
    };
    let fixed = path.iter().take_while(|part| !part.to_string_lossy().contains(['<', '*']));
    Some(fixed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_backticks_is_known_from_other_things() {
        let path = |text| repository_path(text).map(|path| path.display().to_string());
        assert_eq!(path("crates/im/src/router.rs").as_deref(), Some("crates/im/src/router.rs"));
        assert_eq!(path("im/src/pipeline.rs").as_deref(), Some("crates/im/src/pipeline.rs"));
        assert_eq!(path("tests/xmpp/<name>.xmpp").as_deref(), Some("tests/xmpp"));
        for other in ["DIR/control.sock", "/healthz/ready", "cargo test -p im/src", "<r/>", "user"] {
            assert_eq!(path(other), None, "{other}");
        }
    }

    #[test]
    fn a_document_that_names_a_missing_file_is_refused() {
        let mut wrong = Vec::new();
        check_paths(
            &process::root(),
            "docs/a.md",
            "See `crates/nowhere/src/a.rs` and `crates/`.",
            &mut wrong,
        );
        assert_eq!(wrong, ["docs/a.md:1: `crates/nowhere/src/a.rs` does not exist"]);
    }

    fn complaints(file: &str, text: &str) -> usize {
        let mut wrong = Vec::new();
        check_source(file, text, &mut wrong);
        wrong.len()
    }

    #[test]
    fn a_file_must_say_what_it_is_for() {
        assert_eq!(complaints("crates/im/src/a.rs", "//! Says it.\n"), 0);
        assert_eq!(complaints("crates/im/src/a.rs", "use std::fmt;\n"), 1);
    }

    #[test]
    fn floor_0_reads_no_clock_outside_its_tests() {
        let reads = "//! A.\nfn f() { let _ = Instant::now(); }\n";
        assert_eq!(complaints("crates/sip/src/a.rs", reads), 1);
        assert_eq!(complaints("crates/calls/src/a.rs", reads), 0);
        let only_tests = "//! A.\n#[cfg(test)]\nmod tests { fn f() { Instant::now(); } }\n";
        assert_eq!(complaints("crates/sip/src/a.rs", only_tests), 0);
    }

    #[test]
    fn a_struct_with_sixteen_fields_is_refused() {
        let fields: String = (0..16).map(|n| format!("    f{n}: u8,\n")).collect();
        assert_eq!(complaints("crates/im/src/a.rs", &format!("//! A.\nstruct Big {{\n{fields}}}\n")), 1);
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        assert_eq!(empty_name(Path::new("crates/im/src/utils.rs")).as_deref(), Some("utils"));
        assert_eq!(empty_name(Path::new("crates/im/src/router.rs")), None);
    }
}
