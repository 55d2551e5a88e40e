//! Users, as an administrator handles them.

use model::{BareJid, LineId};
use serde_json::{Value, json};
use store::{NewLine, NewUser};

use super::{Failure, House, secret};

impl House {
    pub(super) async fn user_add(
        &self,
        jid: BareJid,
        name: String,
        password: &str,
        line: Option<(LineId, Option<String>)>,
    ) -> Result<Value, Failure> {
        self.own(&jid)?;
        let scram = secret::scram(password, &secret::salt(&self.runtime))?;
        let mut told = json!({ "jid": jid, "warning": secret::weakness(password) });
        let mut lines = Vec::new();
        if let Some((line, given)) = line {
            told["line"] = json!(line.to_string());
            if given.is_none() {
                told["line_password"] = Value::Null;
            }
            let line_password = given.unwrap_or_else(|| {
                let made = secret::random_line_password(&self.runtime);
                told["line_password"] = json!(made);
                made
            });
            let secrets = secret::digest(&line, Some(&jid), &self.domain, &line_password);
            lines.push(NewLine { line, owner: Some(jid.clone()), secrets });
        }
        self.store.user_add(NewUser { jid, name, scram, lines }).await?;
        Ok(told)
    }

    pub(super) async fn user_list(&self, without: Option<&str>) -> Result<Value, Failure> {
        let mut list = Vec::new();
        for user in self.store.users().await? {
            if let Some(mechanism) = without {
                let credentials = self.store.credentials(&user.jid).await?;
                let has = |m: &str| m.eq_ignore_ascii_case(mechanism);
                if credentials.is_some_and(|c| c.scram.iter().any(|record| has(&record.mechanism))) {
                    continue;
                }
            }
            list.push(json!({ "jid": user.jid, "name": user.name, "enabled": user.enabled }));
        }
        Ok(Value::Array(list))
    }

    pub(super) async fn user_show(&self, jid: &BareJid) -> Result<Value, Failure> {
        let user = self.store.user(jid).await?;
        let user = user.ok_or_else(|| Failure::refused(format!("{jid} does not exist; see `carillon user list`")))?;
        let lines = self.store.lines_of(jid).await?;
        let credentials = self.store.credentials(jid).await?;
        let roster = self.store.roster(jid).await?;
        Ok(json!({
            "jid": user.jid,
            "name": user.name,
            "enabled": user.enabled,
            "lines": lines.iter().map(|line| line.line.to_string()).collect::<Vec<_>>(),
            "mechanisms": credentials.map(|c| c.scram.into_iter().map(|r| r.mechanism).collect::<Vec<_>>()),
            "contacts": roster.items.len(),
        }))
    }

    pub(super) async fn user_enable(&self, jid: &BareJid, enabled: bool) -> Result<Value, Failure> {
        self.store.user_set_enabled(jid, enabled).await?;
        let ended = if enabled { 0 } else { self.end_sessions(jid) };
        Ok(json!({ "jid": jid, "enabled": enabled, "sessions_ended": ended }))
    }

    pub(super) async fn user_remove(&self, jid: &BareJid) -> Result<Value, Failure> {
        self.store.user_remove(jid).await?;
        Ok(json!({ "jid": jid, "sessions_ended": self.end_sessions(jid) }))
    }

    pub(super) async fn user_set_password(&self, jid: &BareJid, password: &str) -> Result<Value, Failure> {
        let scram = secret::scram(password, &secret::salt(&self.runtime))?;
        self.store.user_set_credentials(jid, scram).await?;
        Ok(json!({ "jid": jid, "warning": secret::weakness(password) }))
    }

    fn end_sessions(&self, jid: &BareJid) -> usize {
        self.running.as_ref().map_or(0, |running| running.end_sessions(jid))
    }
}
