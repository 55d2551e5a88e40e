//! Importing users from CSV: every row is checked before any is written, and all are written or none.

use std::collections::BTreeMap;

use futures::StreamExt;
use model::{BareJid, LineId, Number};
use serde::{Deserialize, Serialize};
use store::NewUser;

use crate::exit::Exit;
use crate::line::secrets_for;
use crate::{Context, Failure, Listener, Progress, RowFailure, Secret, password, user};

/// The most bytes of one file.
pub const CSV_BYTES_MAX: usize = 12 << 20;
/// The most mistakes that are told.
const MISTAKES_MAX: usize = 100;
/// Passwords derived by one task before the next progress is told.
const ROWS_PER_TASK: usize = 16;
/// The columns that there must be.
const COLUMNS: [&str; 2] = ["jid", "password"];
/// The columns that there may be.
const COLUMNS_OPTIONAL: [&str; 3] = ["name", "line", "line_password"];

/// One row of the file, parsed.
#[derive(Clone, Debug)]
pub struct Row {
    /// The line of the file, from 1.
    pub at: u64,
    /// The address.
    pub jid: BareJid,
    /// The name shown to people.
    pub name: String,
    /// The password.
    pub password: Secret,
    /// The line, with its password if one was given.
    pub line: Option<(LineId, Option<Secret>)>,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Users that were added.
    pub users: usize,
    /// Lines that were added.
    pub lines: usize,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

pub(crate) async fn import(
    context: &Context,
    csv: &Secret,
    progress: Listener<'_>,
) -> Result<Imported, Failure> {
    let rows = read_rows(&csv.0).map_err(refused)?;
    let mut mistakes = Vec::new();
    check(context, &rows, &mut mistakes).await?;
    if !mistakes.is_empty() {
        return Err(refused(mistakes));
    }
    let warnings = warnings(&rows);
    let users = derive_all(context, &rows, progress).await?;
    let lines = users.iter().map(|user| user.lines.len()).sum();
    let imported = Imported { users: users.len(), lines, warnings };
    match context.store.users_import(users).await {
        Ok(()) => Ok(imported),
        Err(store::Error::Conflicts(conflicts)) => Err(refused(
            conflicts
                .into_iter()
                .map(|conflict| RowFailure {
                    line: rows.get(conflict.row).map_or(0, |row| row.at),
                    message: format!("{} exists already", conflict.what),
                })
                .collect(),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Reads the rows of a CSV file. Columns are known by the header, in any order.
///
/// # Errors
/// All rows that are not right.
pub fn read_rows(csv: &str) -> Result<Vec<Row>, Vec<RowFailure>> {
    if csv.len() > CSV_BYTES_MAX {
        let message = format!("the file has more than {} MiB: import it in parts", CSV_BYTES_MAX >> 20);
        return Err(vec![RowFailure { line: 1, message }]);
    }
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(csv.trim_start_matches('\u{feff}').as_bytes());
    let columns = columns(&mut reader)?;
    let (mut rows, mut mistakes) = (Vec::new(), Vec::new());
    for record in reader.records() {
        match record {
            Ok(record) => {
                let at = record.position().map_or(0, csv::Position::line);
                match row(at, &record, &columns) {
                    Ok(row) => rows.push(row),
                    Err(message) => mistakes.push(RowFailure { line: at, message }),
                }
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                let message = match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("the row has {len} fields, and the header {expected_len}")
                    }
                    _ => error.to_string(),
                };
                mistakes.push(RowFailure { line, message });
            }
        }
    }
    if rows.is_empty() && mistakes.is_empty() {
        mistakes.push(RowFailure { line: 1, message: "the file has no rows".to_owned() });
    }
    if mistakes.is_empty() { Ok(rows) } else { Err(mistakes) }
}

fn columns(reader: &mut csv::Reader<&[u8]>) -> Result<BTreeMap<String, usize>, Vec<RowFailure>> {
    let mistake = |message: String| vec![RowFailure { line: 1, message }];
    let header = reader.headers().map_err(|error| mistake(error.to_string()))?;
    let mut columns = BTreeMap::new();
    for (place, name) in header.iter().enumerate() {
        let name = name.to_lowercase();
        if !COLUMNS.contains(&name.as_str()) && !COLUMNS_OPTIONAL.contains(&name.as_str()) {
            return Err(mistake(format!(
                "there is no column {name:?}; the header names some of jid, name, password, line, line_password"
            )));
        }
        if columns.insert(name.clone(), place).is_some() {
            return Err(mistake(format!("the column {name:?} is there twice")));
        }
    }
    match COLUMNS.iter().find(|name| !columns.contains_key(**name)) {
        Some(name) => Err(mistake(format!("the column {name:?} is missing from the header"))),
        None => Ok(columns),
    }
}

fn row(at: u64, record: &csv::StringRecord, columns: &BTreeMap<String, usize>) -> Result<Row, String> {
    let field = |name: &str| columns.get(name).and_then(|place| record.get(*place)).unwrap_or_default();
    let text = field("jid").trim();
    let jid: BareJid =
        text.parse().map_err(|_| format!("jid: {text:?} is not an address such as ann@example.org"))?;
    password::check(field("password")).map_err(|failure| format!("password: {failure}"))?;
    let line_password = field("line_password");
    let line = match field("line").trim() {
        "" if line_password.is_empty() => None,
        "" => return Err("line_password: there is no line that it could be for".to_owned()),
        number => {
            let number: Number = number.parse().map_err(|error| format!("line: {error}"))?;
            if !line_password.is_empty() {
                password::check(line_password).map_err(|failure| format!("line_password: {failure}"))?;
            }
            let secret = (!line_password.is_empty()).then(|| Secret(line_password.to_owned()));
            Some((LineId::from(number), secret))
        }
    };
    let name = field("name").trim();
    if name.len() > store::NAME_BYTES_MAX {
        return Err(format!("name: at most {} bytes", store::NAME_BYTES_MAX));
    }
    let local = jid.node().map(|node| node.to_string()).unwrap_or_default();
    let name = if name.is_empty() { local } else { name.to_owned() };
    Ok(Row { at, jid, name, password: Secret(field("password").to_owned()), line })
}

/// Finds what is in the store already, in the file twice, or of another domain: before passwords are derived,
/// which takes long.
async fn check(context: &Context, rows: &[Row], mistakes: &mut Vec<RowFailure>) -> Result<(), Failure> {
    let mut users: BTreeMap<BareJid, Option<u64>> =
        context.store.users().await?.into_iter().map(|user| (user.jid, None)).collect();
    let mut lines: BTreeMap<LineId, Option<u64>> =
        context.store.lines().await?.into_iter().map(|line| (line.line, None)).collect();
    let taken = |what: String, earlier: Option<u64>| match earlier {
        None => format!("{what} exists already"),
        Some(line) => format!("{what} is in line {line} already"),
    };
    for row in rows {
        let mut mistake = |message| mistakes.push(RowFailure { line: row.at, message });
        if let Err(failure) = user::check_address(context, &row.jid) {
            mistake(format!("jid: {failure}"));
        }
        if let Some(earlier) = users.insert(row.jid.clone(), Some(row.at)) {
            mistake(taken(format!("user {}", row.jid), earlier));
        }
        if let Some((line, _)) = &row.line
            && let Some(earlier) = lines.insert(line.clone(), Some(row.at))
        {
            mistake(taken(format!("line {line}"), earlier));
        }
    }
    Ok(())
}

fn warnings(rows: &[Row]) -> Vec<String> {
    let mut warnings = Vec::new();
    let weak: Vec<&Row> = rows
        .iter()
        .filter(|row| {
            let local = row.jid.node().map(|node| node.to_string()).unwrap_or_default();
            let number = row.line.as_ref().map_or("", |(line, _)| line.number.as_str());
            let weak = |secret: &Secret| password::weakness(&secret.0, &[&local, number]).is_some();
            weak(&row.password) || row.line.iter().filter_map(|(_, secret)| secret.as_ref()).any(weak)
        })
        .collect();
    if let Some(first) = weak.first() {
        warnings.push(format!("{} rows have weak passwords, the first in line {}", weak.len(), first.at));
    }
    let silent = rows.iter().filter(|row| matches!(&row.line, Some((_, None)))).count();
    if silent > 0 {
        warnings.push(format!(
            "{silent} lines have no password in the file and got random ones: give phones theirs with \
             `carillon line set-password`"
        ));
    }
    warnings
}

/// Derives all passwords on all of the machine's cores. A node that runs here goes on serving meanwhile: the kernel
/// shares the cores fairly, and its short tasks come first. Half of two cores would miss the promised minute.
async fn derive_all(
    context: &Context,
    rows: &[Row],
    progress: Listener<'_>,
) -> Result<Vec<NewUser>, Failure> {
    let tasks = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let total = rows.len() as u64;
    let mut users = Vec::with_capacity(rows.len());
    let parts: Vec<Vec<Row>> = rows.chunks(ROWS_PER_TASK).map(<[Row]>::to_vec).collect();
    let mut parts =
        futures::stream::iter(parts).map(|part| derive_part(context.clone(), part)).buffered(tasks);
    while let Some(part) = parts.next().await {
        users.extend(part?);
        progress(Progress { done: users.len() as u64, total });
    }
    Ok(users)
}

async fn derive_part(context: Context, rows: Vec<Row>) -> Result<Vec<NewUser>, Failure> {
    let runtime = context.runtime.clone();
    let derived = runtime.blocking(move || rows.iter().map(|row| derive_row(&context, row)).collect()).join();
    let users: Result<Vec<NewUser>, RowFailure> =
        derived.await.ok_or_else(|| Failure::new(Exit::Failed, "deriving the passwords failed"))?;
    users.map_err(|mistake| refused(vec![mistake]))
}

fn derive_row(context: &Context, row: &Row) -> Result<NewUser, RowFailure> {
    let scram = password::derive(&row.password.0, &password::entropy(&context.runtime), &context.hashes)
        .map_err(|error| RowFailure { line: row.at, message: format!("password: {error}") })?;
    let lines = row.line.iter().map(|(line, secret)| {
        let random = || password::random(&context.runtime);
        let password = secret.as_ref().map_or_else(random, |secret| secret.0.clone());
        let secrets = secrets_for(context, line, Some(&row.jid), &password);
        store::NewLine { line: line.clone(), owner: Some(row.jid.clone()), secrets }
    });
    Ok(NewUser { jid: row.jid.clone(), name: row.name.clone(), scram, lines: lines.collect() })
}

fn refused(mut mistakes: Vec<RowFailure>) -> Failure {
    mistakes.sort();
    let count = mistakes.len();
    mistakes.truncate(MISTAKES_MAX);
    let message = format!("{count} mistakes in the file: nothing was imported");
    Failure { exit: Exit::Invalid, message, rows: mistakes }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(csv: &str) -> Vec<(u64, String)> {
        let mistakes = read_rows(csv).unwrap_err();
        mistakes.into_iter().map(|mistake| (mistake.line, mistake.message)).collect()
    }

    #[test]
    fn columns_are_known_by_the_header_in_any_order() {
        let rows = read_rows(
            "\u{feff}line,Password,jid,name\n1001,\"pass,word\",ann@localhost,Ann\n,pencil12,bob@localhost,\n",
        )
        .unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0].password.0, "pass,word");
        assert_eq!(rows[0].line.as_ref().unwrap().0.to_string(), "1001");
        assert_eq!((rows[1].at, rows[1].name.as_str()), (3, "bob"));
        assert!(rows[1].line.is_none());
    }

    #[test]
    fn every_row_that_is_not_right_is_named_with_its_line() {
        let found = mistakes(
            "jid,name,password,line,line_password\n\
             ann@localhost,Ann,secret12,1001,\n\
             not an address,X,secret12,,\n\
             bob@localhost,Bob,,1002,\n\
             carol@localhost,Carol,secret12,10x,\n\
             dave@localhost,Dave,secret12,,orphan\n\
             erin@localhost,Erin\n",
        );
        let wanted = [
            (3, "jid: \"not an address\""),
            (4, "password: a password needs"),
            (5, "line: a number is made of"),
            (6, "line_password: there is no line"),
            (7, "the row has 2 fields, and the header 5"),
        ];
        assert_eq!(found.len(), wanted.len(), "{found:?}");
        for ((line, message), (wanted_line, wanted_start)) in found.iter().zip(wanted) {
            assert_eq!(*line, wanted_line);
            assert!(message.starts_with(wanted_start), "{message}");
        }
    }

    #[test]
    fn a_header_that_is_not_ours_is_refused() {
        assert!(mistakes("jid,colour\n")[0].1.contains("no column \"colour\""));
        assert!(mistakes("jid,name\na@b,A\n")[0].1.contains("\"password\" is missing"));
        assert!(mistakes("jid,jid,password\n")[0].1.contains("twice"));
        assert!(mistakes("jid,password\n")[0].1.contains("no rows"));
        assert!(!mistakes("")[0].1.is_empty());
    }
}
