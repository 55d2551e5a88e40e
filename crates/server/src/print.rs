//! What verbs print: tables and lines for people, JSON for programs, mistakes on standard error.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use operations::{Failure, Progress};
use serde::Serialize;

/// Prints a line on standard output. Who reads only the beginning (`| head`) closes it, and that is no fault.
pub(crate) fn line(text: &str) {
    let mut output = std::io::stdout().lock();
    let _closed = output.write_all(text.as_bytes()).and_then(|()| output.write_all(b"\n"));
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) {
    line(&serde_json::to_string_pretty(value).expect("answers are plain structs with text keys"));
}

/// Prints an answer as it was asked for: as JSON, or for people.
pub(crate) fn shown<T: Serialize>(json: bool, value: &T, people: impl FnOnce(&T)) {
    if json { self::json(value) } else { people(value) }
}

/// Prints columns, each as wide as its widest cell.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) {
    line(columns(header, rows).trim_end());
}

fn columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|cell| cell.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let mut text = String::new();
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&header).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Tells warnings on standard error, so that they never mix with what a program reads.
pub(crate) fn warnings(warnings: &[String]) {
    for warning in warnings {
        eprintln!("carillon: warning: {warning}");
    }
}

/// Tells a failure on standard error: in one line for people, or as JSON.
pub(crate) fn failure(failure: &Failure, as_json: bool) {
    if as_json {
        let text = serde_json::to_string(&serde_json::json!({ "error": failure }));
        eprintln!("{}", text.expect("failures are plain structs"));
        return;
    }
    eprintln!("carillon: {}", failure.message);
    for row in &failure.rows {
        eprintln!("  line {}: {}", row.line, row.message);
    }
}

/// A progress bar on standard error; nothing when that is not a terminal.
pub(crate) fn progress_bar(what: &'static str) -> impl Fn(Progress) + Send + Sync {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}");
    bar.set_style(style.expect("the template is fixed and right"));
    bar.set_message(what);
    move |progress: Progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        if progress.done >= progress.total {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [vec!["ann@localhost".to_owned(), "Ann".to_owned()], vec!["b@c".to_owned(), String::new()]];
        assert_eq!(columns(&["ADDRESS", "NAME"], &rows), "ADDRESS        NAME\nann@localhost  Ann\nb@c\n");
    }
}
