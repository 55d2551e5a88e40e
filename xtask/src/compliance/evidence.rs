//! Tests that name specifications in their first lines: scripted peers, clients of our own, and foreign software.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::name;

/// A test, and what it says it proves.
#[derive(Debug)]
pub struct Test {
    /// Its file, from the top of the repository.
    pub path: String,
    /// `scripted peer`, `test client`, or the foreign software that it runs.
    pub peer: String,
    /// The specifications that its head names.
    pub specs: BTreeSet<String>,
}

impl Test {
    /// Does it run software that others wrote?
    pub fn is_foreign(&self) -> bool {
        self.peer != SCRIPTED && self.peer != CLIENT
    }
}

const SCRIPTED: &str = "scripted peer";
const CLIENT: &str = "test client";
const FOLDERS: [(&str, &str); 6] = [
    ("tests/interop", "py"),
    ("tests/xmpp", "xmpp"),
    ("crates/im/tests/sessions", "rs"),
    ("crates/im/tests/federation", "rs"),
    ("crates/web/tests", "rs"),
    ("crates/server/tests/verbs", "rs"),
];

/// All tests whose heads name a specification.
pub fn tests() -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for (folder, ending) in FOLDERS {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == ending) {
                let test = read(&path, &fs::read_to_string(&path)?);
                tests.extend(Some(test).filter(|test| !test.specs.is_empty()));
            }
        }
    }
    tests.sort_by(|a, b| (b.is_foreign(), &a.path).cmp(&(a.is_foreign(), &b.path)));
    Ok(tests)
}

fn read(path: &Path, text: &str) -> Test {
    let head = match text.strip_prefix("\"\"\"") {
        Some(docstring) => docstring.split("\"\"\"").next().unwrap_or_default().to_owned(),
        None => {
            let head = |line: &&str| line.starts_with('#') || line.starts_with("//!");
            text.lines().take_while(head).collect::<Vec<_>>().join("\n")
        }
    };
    let ours = if path.extension().is_some_and(|ending| ending == "rs") { CLIENT } else { SCRIPTED };
    let peer = head.lines().find_map(|line| line.strip_prefix("peer: "));
    Test {
        path: path.to_string_lossy().into_owned(),
        peer: peer.unwrap_or(ours).to_owned(),
        specs: named(&head),
    }
}

/// `XEP-0045` and `RFC 6121` in a text.
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (kind, mark) in [("XEP", "XEP-"), ("RFC", "RFC ")] {
        for (at, _) in text.match_indices(mark) {
            let digits: String = text[at + mark.len()..].chars().take_while(char::is_ascii_digit).collect();
            found.extend(digits.parse().ok().map(|number| name(kind, number)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_head_names_is_found_and_nothing_behind_it() {
        let script = read(Path::new("a.xmpp"), "# XEP-0313 §5 and RFC 6121: the archive.\n\n# XEP-0001\n");
        assert_eq!(script.specs.into_iter().collect::<Vec<_>>(), ["RFC 6121", "XEP-0313"]);
        let foreign = read(Path::new("a.py"), "\"\"\"XEP-0198.\n\npeer: slixmpp\n\"\"\"\nXEP-0001");
        assert_eq!((foreign.peer.as_str(), foreign.specs.len()), ("slixmpp", 1));
    }
}
