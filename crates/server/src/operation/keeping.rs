//! Keeping the data safe: backup and verification.

use std::path::Path;

use serde_json::{Value, json};

use super::{Failure, House};

impl House {
    pub(super) async fn backup(&self, path: &Path) -> Result<Value, Failure> {
        self.store.backup(path).await?;
        Ok(json!({ "file": path, "outside": ["carillon.toml", "certificate.pem", "key.pem"] }))
    }

    pub(super) async fn verify(&self) -> Result<Value, Failure> {
        let findings = self.store.verify().await?;
        if findings.is_empty() {
            return Ok(json!({ "findings": [] }));
        }
        let message = format!("the database has {} faults; restore the last good backup", findings.len());
        Err(Failure { rows: findings, ..Failure::refused(message) })
    }
}
