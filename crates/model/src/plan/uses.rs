//! Who uses what: everything of a plan that names one thing, so that nobody removes it blindly (`PH-12`).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LineSpan, Plan};
use crate::LineId;

/// Texts under these keys are for people, or are secret: they name nothing.
const NO_NAMES: &[&str] = &["note", "label", "address", "password", "code"];
/// What a row is known by, the first that it has.
const KNOWN_BY: &[&str] = &["name", "number", "pattern", "domain", "place"];

/// A place in the plan that names the thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Use {
    /// The row: `device berlin-floor-1`, `route 0.! in pstn`, `settings`.
    pub row: String,
    /// What in it: `pool`, `place.region`, `groups`.
    pub field: String,
}

/// Where something is written, and who names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    /// The rows that are called so: several when things of different kinds have one name.
    pub defined: Vec<String>,
    /// Who names it.
    pub used: Vec<Use>,
    /// The lines behind that: those that name it, and those of devices that do, themselves or by their pool.
    pub lines: Vec<LineSpan>,
}

impl Plan {
    /// Everything that names this: a partition, search space, group, pool, trunk, schedule, line, sound, user, ….
    pub fn uses(&self, name: &str) -> Uses {
        let mut uses = Uses::default();
        // A plan is plain data with texts as keys: it can always be written.
        let Ok(Value::Object(tables)) = serde_json::to_value(self) else { return uses };
        let line = name.parse::<LineSpan>().ok().filter(|span| span.len() == 1).map(|span| span.first());
        let seeker = Seeker { name, line };
        for (table, value) in &tables {
            seeker.table(table, value, &mut uses);
        }
        uses.used.sort();
        uses.used.dedup();
        uses.lines = self.lines_behind(&uses.used);
        uses
    }

    fn lines_behind(&self, used: &[Use]) -> Vec<LineSpan> {
        let names = |row: String| used.iter().any(|one| one.row == row);
        let mut lines: Vec<LineSpan> = self.lines.iter().map(|line| line.number.clone()).collect();
        lines.retain(|line| names(format!("line {line}")));
        for device in &self.devices {
            let pool = device.pool.as_ref().map(|pool| format!("device_pool {pool}"));
            if names(format!("device {}", device.name)) || pool.is_some_and(names) {
                lines.extend(device.lines.iter().cloned());
            }
        }
        lines.sort();
        lines.dedup();
        lines
    }
}

struct Seeker<'a> {
    name: &'a str,
    line: Option<LineId>,
}

impl Seeker<'_> {
    /// Is it this text? A line is named by a span of lines, too.
    fn is_it(&self, text: &str) -> bool {
        let is_in = |line: &LineId| {
            text.contains('-') && text.parse::<LineSpan>().is_ok_and(|span| span.contains(line))
        };
        text == self.name || self.line.as_ref().is_some_and(is_in)
    }

    /// A table of rows, of further tables, or of settings.
    fn table(&self, path: &str, value: &Value, uses: &mut Uses) {
        match value {
            Value::Array(rows) if rows.iter().all(Value::is_object) => {
                for row in rows.iter().filter_map(Value::as_object) {
                    self.row(path, row, uses);
                }
            }
            Value::Object(fields) => {
                for (field, value) in fields {
                    let is_table = matches!(value, Value::Object(_))
                        || matches!(value, Value::Array(rows) if rows.iter().any(Value::is_object));
                    match is_table {
                        true => self.table(&format!("{path}.{field}"), value, uses),
                        false => self.field(path, field, value, uses),
                    }
                }
            }
            _ => {}
        }
    }

    fn row(&self, table: &str, row: &Map<String, Value>, uses: &mut Uses) {
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        let known = KNOWN_BY.iter().find_map(|key| Some((*key, text(key)?)));
        let mut shown = table.to_owned();
        if let Some((key, by)) = known {
            shown = format!("{table} {by}");
            if let Some(partition) = text("partition").filter(|_| key != "name") {
                shown += &format!(" in {partition}");
            }
            if self.is_it(by) {
                uses.defined.push(shown.clone());
            }
        }
        for (field, value) in row.iter().filter(|(field, _)| known.is_none_or(|(key, _)| key != *field)) {
            self.field(&shown, field, value, uses);
        }
    }

    /// What stands in a row, however deep.
    fn field(&self, row: &str, field: &str, value: &Value, uses: &mut Uses) {
        if NO_NAMES.iter().any(|none| field.rsplit('.').next() == Some(none)) {
            return;
        }
        match value {
            Value::String(text) if self.is_it(text) => {
                uses.used.push(Use { row: row.to_owned(), field: field.to_owned() });
            }
            Value::Array(values) => values.iter().for_each(|value| self.field(row, field, value, uses)),
            Value::Object(fields) => {
                for (inner, value) in fields {
                    self.field(row, &format!("{field}.{inner}"), value, uses);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        settings.search_space = "staff"
        [[search_space]]
        name = "staff"
        partitions = ["internal", "pstn"]
        note = "berlin"
        [[line]]
        number = "1000-1009"
        presence_group = "berlin"
        [line.forward]
        all = { to = "5000", search_space = "staff" }
        [[device]]
        name = "phone"
        lines = ["1003", "2000-2002"]
        pool = "berlin"
        [[device]]
        name = "other"
        lines = ["3000"]
        place = { region = "berlin" }
        [[device_pool]]
        name = "berlin"
        place = { region = "north" }
        [[route]]
        pattern = "0.!"
        partition = "pstn"
        to = { trunk = "berlin" }
        [[hunt_pilot]]
        number = "5000"
        algorithm = "top-down"
        members = ["1001-1003"]
        [[outside.region]]
        name = "north"
        [[outside.region]]
        name = "berlin"
        to = [{ region = "north" }]
        [[outside.trunk]]
        name = "berlin"
        sip = { address = "192.0.2.1", account = { username = "u", password = "secret" } }
        [[codes.authorization]]
        name = "boss"
        code = "4711"
        level = 1
    "#;

    fn uses(name: &str) -> (String, String, String) {
        let Uses { defined, used, lines } = Plan::read(PLAN).unwrap().uses(name);
        let used: Vec<String> = used.iter().map(|one| format!("{}: {}", one.row, one.field)).collect();
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        (defined.join(", "), used.join(", "), lines.join(" "))
    }

    fn told(defined: &str, used: &str, lines: &str) -> (String, String, String) {
        (defined.to_owned(), used.to_owned(), lines.to_owned())
    }

    #[test]
    fn everything_that_is_called_so_is_told_and_all_that_name_it() {
        assert_eq!(
            uses("berlin"),
            told(
                "device_pool berlin, outside.region berlin, outside.trunk berlin",
                "device other: place.region, device phone: pool, line 1000-1009: presence_group, route 0.! in pstn: \
                 to.trunk",
                "1000-1009 1003 2000-2002 3000"
            )
        );
    }

    #[test]
    fn what_a_pool_names_its_devices_have() {
        assert_eq!(
            uses("north"),
            told(
                "outside.region north",
                "device_pool berlin: place.region, outside.region berlin: to.region",
                "1003 2000-2002"
            )
        );
    }

    #[test]
    fn settings_and_what_stands_deep_in_a_row_are_found() {
        assert_eq!(
            uses("staff"),
            told(
                "search_space staff",
                "line 1000-1009: forward.all.search_space, settings: search_space",
                "1000-1009"
            )
        );
    }

    #[test]
    fn a_line_is_named_by_spans() {
        let (defined, used, _) = uses("1003");
        assert_eq!(defined, "line 1000-1009");
        assert_eq!(used, "device phone: lines, hunt_pilot 5000 in internal: members");
        assert_eq!(uses("5000").0, "hunt_pilot 5000 in internal");
    }

    #[test]
    fn secrets_and_texts_for_people_are_no_names() {
        for secret in ["secret", "4711", "192.0.2.1"] {
            assert_eq!(uses(secret), told("", "", ""), "{secret}");
        }
    }
}
