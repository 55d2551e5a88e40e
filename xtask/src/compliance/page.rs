//! docs/compliance.md.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::evidence::Test;
use super::suite::{SUITE, Wanted};
use super::{Declared, name};

const HEAD: &str = "# Compliance

Written by `cargo xtask compliance` from what each feature declares in the code and from the tests that name a specification in their first
lines; `cargo xtask ci` fails when it is not up to date. A claim needs both: a declaration, and a test against software that others
wrote, with a scripted peer (`tests/xmpp`) or with a client of the tests' own.

## XMPP Compliance Suites 2023 (XEP-0479), server
";

/// The page.
pub fn write(declared: &[Declared], tests: &[Test]) -> String {
    let mut page = HEAD.to_owned();
    for (category, wanted) in SUITE {
        let open: Vec<&Wanted> = wanted.iter().filter(|wanted| !is_met(wanted, declared, tests)).collect();
        let level = match (open.is_empty(), open.iter().any(|wanted| wanted.basic)) {
            (true, _) => "Advanced Server".to_owned(),
            (false, false) => format!("Server; for Advanced Server {} missing", list(&open)),
            (false, true) => format!("not yet: {} missing", list(&open)),
        };
        line(
            &mut page,
            &format!(
                "\n### {category}: {level}\n\n| specification | declared by | proved by |\n| --- | --- | --- |"
            ),
        );
        for wanted in *wanted {
            let spec = name(wanted.kind, wanted.number);
            let star = if wanted.basic { "" } else { " (Advanced)" };
            let by = features(&spec, declared);
            line(&mut page, &format!("| {}{star} | {by} | {} |", link(&spec), proofs(&spec, tests, 4)));
        }
    }
    line(
        &mut page,
        "\n## All specifications\n\n| specification | version or sections | declared by | what is missing | proved by |\n| --- | --- | --- | --- | --- |",
    );
    let mut all: BTreeMap<(&str, u16), Vec<&Declared>> = BTreeMap::new();
    for spec in declared {
        all.entry((&spec.kind, spec.number)).or_default().push(spec);
    }
    for specs in all.values() {
        let spec = specs[0].name();
        let mut versions: Vec<&str> = specs.iter().map(|s| s.version.as_str()).collect();
        versions.dedup();
        let mut missing: Vec<&str> =
            specs.iter().map(|s| s.missing.as_str()).filter(|m| !m.is_empty()).collect();
        missing.dedup();
        line(
            &mut page,
            &format!(
                "| {} | {} | {} | {} | {} |",
                link(&spec),
                versions.join("; "),
                features(&spec, declared),
                missing.join("; "),
                proofs(&spec, tests, 3)
            ),
        );
    }
    page
}

fn line(page: &mut String, text: &str) {
    // Writing into a string does not fail.
    let _written = writeln!(page, "{text}");
}

fn is_met(wanted: &Wanted, declared: &[Declared], tests: &[Test]) -> bool {
    let spec = name(wanted.kind, wanted.number);
    declared.iter().any(|d| d.name() == spec) && tests.iter().any(|test| test.specs.contains(&spec))
}

fn list(wanted: &[&Wanted]) -> String {
    wanted.iter().map(|wanted| name(wanted.kind, wanted.number)).collect::<Vec<_>>().join(", ")
}

fn features(spec: &str, declared: &[Declared]) -> String {
    let names: Vec<String> =
        declared.iter().filter(|d| d.name() == spec).map(|d| format!("`{}`", d.feature)).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

fn proofs(spec: &str, tests: &[Test], most: usize) -> String {
    let proofs: Vec<String> = tests
        .iter()
        .filter(|test| test.specs.contains(spec))
        .take(most)
        .map(|test| {
            let short = test.path.rsplit('/').next().unwrap_or(&test.path);
            format!("[{short}](../{}) ({})", test.path, test.peer)
        })
        .collect();
    if proofs.is_empty() { "nothing".to_owned() } else { proofs.join(", ") }
}

fn link(spec: &str) -> String {
    let address = match spec.strip_prefix("XEP-") {
        Some(number) => format!("https://xmpp.org/extensions/xep-{number}.html"),
        None => format!("https://www.rfc-editor.org/rfc/{}", spec.to_lowercase().replace(' ', "")),
    };
    format!("[{spec}]({address})")
}
