//! The plan as a document: TOML for people, JSON for programs.

use super::Plan;

/// The largest document that is read.
pub const DOCUMENT_BYTES_MAX: usize = 8 << 20;

/// Why a document is no plan: the fault of who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// Not TOML, or TOML that says something a plan does not know; the text names line and column.
    #[error("{0}")]
    Toml(#[from] Box<toml::de::Error>),
    /// The same of JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// It is too large.
    #[error("the document is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
}

impl Plan {
    /// Reads a document: JSON when it begins with a brace, else TOML.
    ///
    /// # Errors
    /// It is no plan; the error says where.
    pub fn read(document: &str) -> Result<Self, DocumentError> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge);
        }
        if document.trim_start().starts_with('{') {
            return Ok(serde_json::from_str(document)?);
        }
        Ok(toml::from_str(document).map_err(Box::new)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Plan, RouteTo};

    const DOCUMENT: &str = r#"
        [settings]
        time_zone = "Europe/Berlin"
        search_space = "staff"

        [[search_space]]
        name = "staff"
        partitions = ["internal", "pstn"]

        [[route]]
        pattern = "0.!"
        partition = "pstn"
        to = { list = "outside" }
        called = { strip_pre_dot = true }

        [[outside.route_list]]
        name = "outside"
        members = [{ group = "local" }]
    "#;

    #[test]
    fn both_forms_say_the_same() {
        let plan = Plan::read(DOCUMENT).unwrap();
        assert_eq!(plan.routes[0].to, RouteTo::List("outside".into()));
        let json = serde_json::to_string(&plan).unwrap();
        assert_eq!(Plan::read(&json).unwrap(), plan);
    }

    #[test]
    fn an_empty_document_is_the_empty_plan() {
        assert_eq!(Plan::read("").unwrap(), Plan::default());
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let wrong = DOCUMENT.replace("0.!", "0.@");
        let error = Plan::read(&wrong).unwrap_err().to_string();
        assert!(error.contains("line 11") && error.contains("'@'"), "{error}");
        assert!(Plan::read("[[rout]]").is_err(), "what nobody knows is no plan");
    }
}
