//! docs/compliance.md and docs/doap.xml: what the code declares, and the tests that name it.

mod doap;
mod evidence;
mod page;
mod suite;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process;

type Write = fn(&[Declared], &[evidence::Test]) -> String;

const PAGES: [(&str, Write); 2] = [("docs/compliance.md", page::write), ("docs/doap.xml", doap::write)];

/// Whether to write.
#[derive(Args)]
pub struct Options {
    /// Write nothing; fail when what is there is not what would be written
    #[arg(long)]
    pub check: bool,
}

/// A specification as a feature declares it.
#[derive(Debug)]
pub struct Declared {
    /// `RFC` or `XEP`.
    pub kind: String,
    /// Its number.
    pub number: u16,
    /// The version of a XEP, the sections of an RFC.
    pub version: String,
    /// The file of the feature.
    pub feature: String,
    /// What is missing, empty for nothing.
    pub missing: String,
}

impl Declared {
    /// As documents name it: `RFC 6120`, `XEP-0045`.
    pub fn name(&self) -> String {
        name(&self.kind, self.number)
    }
}

/// As documents name a specification.
pub fn name(kind: &str, number: u16) -> String {
    if kind == "XEP" { format!("XEP-{number:04}") } else { format!("{kind} {number}") }
}

/// Writes or checks both pages.
pub fn run(options: &Options) -> Result<()> {
    let text =
        process::output(&["cargo", "run", "--quiet", "--package", "server", "--example", "specifications"])?;
    let declared = declared(&text)?;
    let tests = evidence::tests()?;
    for (path, write) in PAGES {
        let new = write(&declared, &tests);
        if !options.check {
            std::fs::write(path, new)?;
        } else if std::fs::read_to_string(path).unwrap_or_default() != new {
            bail!("{path} is not what the code and the tests say: run `cargo xtask compliance`");
        }
    }
    println!("compliance: {} declarations, {} tests that name specifications", declared.len(), tests.len());
    Ok(())
}

fn declared(text: &str) -> Result<Vec<Declared>> {
    let mut all = text
        .lines()
        .map(|line| {
            let mut columns = line.split('\t').map(str::to_owned);
            let mut next = || columns.next().with_context(|| format!("too few columns: {line}"));
            Ok(Declared {
                kind: next()?,
                number: next()?.parse()?,
                version: next()?,
                feature: next()?,
                missing: next().unwrap_or_default(),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| (&a.kind, a.number, &a.feature).cmp(&(&b.kind, b.number, &b.feature)));
    Ok(all)
}
