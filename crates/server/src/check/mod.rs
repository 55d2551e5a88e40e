//! What `check` looks at, one file each.

pub(crate) mod alerts;
pub(crate) mod certificates;
pub(crate) mod dns;
pub(crate) mod ports;

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    /// As it should be.
    Fine,
    /// Works, but for some purposes only.
    Warning,
    /// Does not work.
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How bad it is.
    pub grade: Grade,
    /// What was seen.
    pub text: String,
    /// What to do about it; empty when nothing.
    pub advice: String,
}

impl Finding {
    pub(crate) fn fine(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, grade: Grade::Fine, text: text.into(), advice: String::new() }
    }

    pub(crate) fn warning(what: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, grade: Grade::Warning, text: text.into(), advice: advice.into() }
    }

    pub(crate) fn failed(what: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what, grade: Grade::Failed, text: text.into(), advice: advice.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.grade {
            Grade::Fine => "ok     ",
            Grade::Warning => "warning",
            Grade::Failed => "FAILED ",
        };
        write!(f, "{mark}  {:<6}  {}", self.what, self.text)?;
        if !self.advice.is_empty() {
            write!(f, "\n                 -> {}", self.advice)?;
        }
        Ok(())
    }
}
