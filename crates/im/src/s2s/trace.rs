//! What was seen on the way to another server, step by step, for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How well a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// As it should.
    Fine,
    /// It goes on, but somebody should look at it.
    Warning,
    /// It ends here, or another way must be tried.
    Failed,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was done: `policy`, `dns`, `connect`, `tls`, `certificate`, `authentication`.
    pub what: String,
    /// How it went.
    pub grade: Grade,
    /// What was seen.
    pub text: String,
    /// What to do about it; empty when nothing.
    pub advice: String,
}

/// All steps so far.
#[derive(Debug, Default)]
pub(crate) struct Trace(pub(crate) Vec<Step>);

impl Trace {
    pub(crate) fn fine(&mut self, what: &str, text: impl fmt::Display) {
        self.push(what, Grade::Fine, text, "");
    }

    pub(crate) fn warning(&mut self, what: &str, text: impl fmt::Display, advice: &str) {
        self.push(what, Grade::Warning, text, advice);
    }

    pub(crate) fn failed(&mut self, what: &str, text: impl fmt::Display, advice: &str) {
        self.push(what, Grade::Failed, text, advice);
    }

    fn push(&mut self, what: &str, grade: Grade, text: impl fmt::Display, advice: &str) {
        let (what, text, advice) = (what.to_owned(), text.to_string(), advice.to_owned());
        self.0.push(Step { what, grade, text, advice });
    }
}
