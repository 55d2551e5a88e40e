//! How a verb ends: the one table of exit codes, for people and for scripts.

use std::process::ExitCode;

/// How a verb ended. The numbers are promised: scripts depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// All was done.
    Done = 0,
    /// It could not be done, for a reason that none of the others names.
    Failed = 1,
    /// The command line is not right (clap answers this itself).
    Usage = 2,
    /// The configuration is not right.
    Configuration = 3,
    /// What was named does not exist.
    NotFound = 4,
    /// What was to be made exists already.
    Exists = 5,
    /// What was given is not right: a row, an address, a password.
    Invalid = 6,
    /// The data directory, the storage or the running node cannot be used now.
    Unavailable = 7,
    /// `check`, `verify` or `status` found something wrong.
    Findings = 8,
}

/// The table of exit codes as `--help` and the manual show it.
pub const TABLE: &str = "\
Exit codes:
  0  all was done
  1  it could not be done
  2  the command line is not right
  3  the configuration is not right
  4  what was named does not exist
  5  what was to be made exists already
  6  what was given is not right: a row, an address, a password
  7  the data directory, the storage or the running node cannot be used now
  8  check, verify or status found something wrong";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code_once() {
        let codes = [
            Exit::Done,
            Exit::Failed,
            Exit::Usage,
            Exit::Configuration,
            Exit::NotFound,
            Exit::Exists,
            Exit::Invalid,
            Exit::Unavailable,
            Exit::Findings,
        ];
        let listed: Vec<u8> = TABLE
            .lines()
            .skip(1)
            .map(|line| line.trim().split(' ').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(listed, codes.map(|code| code as u8));
    }
}
