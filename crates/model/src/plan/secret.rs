//! What in a plan is secret, trunks' passwords and authorisation codes, and a document without it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{DocumentError, Plan};

/// What stands in the place of a secret.
pub const HIDDEN: &str = "(hidden)";
/// Texts under this key are secret wherever they stand.
const PASSWORD: &str = "password";
/// Texts under the second key are secret below the first.
const CODE: (&str, &str) = ("authorization", "code");

impl Plan {
    /// A document without its secrets, otherwise as it was written; one in JSON is laid out anew.
    ///
    /// # Errors
    /// It is no document.
    pub fn without_secrets(document: &str) -> Result<String, DocumentError> {
        if document.trim_start().starts_with('{') {
            let mut value: serde_json::Value = serde_json::from_str(document)?;
            hide(&mut value, false);
            return Ok(serde_json::to_string_pretty(&value)?);
        }
        let table = DeTable::parse(document).map_err(Box::new)?;
        let mut found = Vec::new();
        in_table(table.get_ref(), false, &mut found);
        found.sort_by_key(|span| span.start);
        let mut text = document.to_owned();
        for span in found.into_iter().rev() {
            text.replace_range(span, &format!("\"{HIDDEN}\""));
        }
        Ok(text)
    }

    /// Where secrets are hidden, so that the plan cannot be applied.
    pub(super) fn hidden_secrets(&self) -> Vec<String> {
        let trunks = self.outside.trunks.iter().filter(|trunk| {
            let account = trunk.sip.as_ref().and_then(|sip| sip.account.as_ref());
            account.is_some_and(|account| account.password == HIDDEN)
        });
        let codes = self.codes.authorization.iter().filter(|code| code.code == HIDDEN);
        let trunks = trunks.map(|trunk| format!("outside.trunk {}", trunk.name));
        trunks.chain(codes.map(|code| format!("codes.authorization {}", code.name))).collect()
    }
}

fn is_secret(key: &str, is_code: bool) -> bool {
    key == PASSWORD || (is_code && key == CODE.1)
}

fn in_table(table: &DeTable<'_>, is_code: bool, found: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let key = key.get_ref().as_ref();
        if is_secret(key, is_code) && matches!(value.get_ref(), DeValue::String(_)) {
            found.push(value.span());
        }
        in_value(value, is_code || key == CODE.0, found);
    }
}

fn in_value(value: &Spanned<DeValue<'_>>, is_code: bool, found: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => in_table(table, is_code, found),
        DeValue::Array(array) => array.iter().for_each(|value| in_value(value, is_code, found)),
        _ => {}
    }
}

fn hide(value: &mut serde_json::Value, is_code: bool) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if is_secret(key, is_code) && value.is_string() {
                    *value = HIDDEN.into();
                }
                hide(value, is_code || key == CODE.0);
            }
        }
        serde_json::Value::Array(array) => array.iter_mut().for_each(|value| hide(value, is_code)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"# kept
[[outside.trunk]]
name = "out"  # password = above
[outside.trunk.sip]
address = "192.0.2.1"
account = { username = "carillon", password = 'open "sesame"', register = true }
[[outside.trunk]]
name = "other"
sip.account.username = "other"
sip.account.password = """
open
sesame"""
[[codes.authorization]]
name = "ann"
code = "sesame"
level = 3
[[codes.matter]]
name = "a client"
code = "4711"
"#;

    #[test]
    fn secrets_are_hidden_and_all_else_stays_as_it_was_written() {
        let shown = Plan::without_secrets(DOCUMENT).unwrap();
        assert!(!shown.contains("sesame"), "{shown}");
        let hidden = "\"(hidden)\"";
        let expected = DOCUMENT
            .replace("'open \"sesame\"'", hidden)
            .replace("\"\"\"\nopen\nsesame\"\"\"", hidden)
            .replace("\"sesame\"", hidden);
        assert_eq!(shown, expected);
        assert_eq!(Plan::read(&shown).unwrap().hidden_secrets().len(), 3);
        assert!(Plan::read(DOCUMENT).unwrap().hidden_secrets().is_empty());
    }

    #[test]
    fn json_is_shown_without_secrets_too() {
        let plan = Plan::read(DOCUMENT).unwrap();
        let shown = Plan::without_secrets(&serde_json::to_string(&plan).unwrap()).unwrap();
        assert!(!shown.contains("sesame") && shown.contains("4711"), "{shown}");
        assert_eq!(Plan::read(&shown).unwrap().hidden_secrets().len(), 3);
    }

    #[test]
    fn a_plan_with_hidden_secrets_is_refused_at_each() {
        let findings = Plan::read(&Plan::without_secrets(DOCUMENT).unwrap()).unwrap().check();
        let refused =
            |at: &str| findings.iter().any(|f| f.path == at && f.severity == crate::plan::Severity::Error);
        let all = ["outside.trunk out", "outside.trunk other", "codes.authorization ann"];
        assert!(all.into_iter().all(refused), "{findings:?}");
    }
}
