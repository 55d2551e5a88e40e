//! Lines, as an administrator handles them.

use model::{BareJid, LineId};
use serde_json::{Value, json};
use store::NewLine;

use super::{Failure, House, secret};

impl House {
    pub(super) async fn line_add(
        &self,
        line: LineId,
        owner: Option<BareJid>,
        password: Option<String>,
    ) -> Result<Value, Failure> {
        if let Some(owner) = &owner {
            self.own(owner)?;
        }
        let (password, told) = self.line_password(&line, password);
        let secrets = secret::digest(&line, owner.as_ref(), &self.domain, &password);
        self.store.line_add(NewLine { line, owner, secrets }).await?;
        Ok(told)
    }

    pub(super) async fn line_list(&self) -> Result<Value, Failure> {
        let lines = self.store.lines().await?;
        Ok(lines
            .into_iter()
            .map(|line| {
                json!({ "number": line.line.number, "partition": line.line.partition, "owner": line.owner })
            })
            .collect())
    }

    pub(super) async fn line_remove(&self, line: &LineId) -> Result<Value, Failure> {
        self.store.line_remove(line).await?;
        Ok(json!({ "line": line.to_string() }))
    }

    pub(super) async fn line_set_password(
        &self,
        line: &LineId,
        password: Option<String>,
    ) -> Result<Value, Failure> {
        let kept = self.store.line(line).await?;
        let kept = kept.ok_or_else(|| Failure::refused(format!("line {line} does not exist; see `carillon line list`")))?;
        let (password, told) = self.line_password(line, password);
        let secrets = secret::digest(line, kept.owner.as_ref(), &self.domain, &password);
        self.store.line_set_secrets(line, secrets).await?;
        Ok(told)
    }

    /// The given password, or a random one that is told.
    fn line_password(&self, line: &LineId, given: Option<String>) -> (String, Value) {
        match given {
            Some(password) => {
                let warning = secret::weakness(&password);
                (password, json!({ "line": line.to_string(), "warning": warning }))
            }
            None => {
                let made = secret::random_line_password(&self.runtime);
                let told = json!({ "line": line.to_string(), "line_password": made });
                (made, told)
            }
        }
    }
}
