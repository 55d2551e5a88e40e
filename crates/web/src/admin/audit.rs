//! The audit log: who did what; page by page, and as CSV.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use model::Timestamp;
use operations::role::Right;
use operations::{ActShown, AuditPage, AuditWanted, Request};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::caller::Caller;
use super::given::Asked;
use super::list::Wanted;
use super::problem::{Problem, Refusals};
use crate::limits::ADMIN_AUDIT_EXPORT_MAX;

#[derive(OpenApi)]
#[openapi(paths(list, export))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router =
        Router::new().route("/api/v1/admin/audit", get(list)).route("/api/v1/admin/audit.csv", get(export));
    (router, Document::openapi())
}

/// Which acts are wanted. What is not said is not looked at.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Which {
    /// By whom.
    #[serde(default)]
    who: String,
    /// What was done, such as `user-add`.
    #[serde(default)]
    act: String,
    /// To what.
    #[serde(default)]
    target: String,
    /// With this text in one of them or in the result; case does not count.
    #[serde(default)]
    q: String,
    /// At this time or later.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Before this time.
    #[serde(default)]
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// The order of the page, by this field; with `-` before it the other way round. The latest come first.
    #[serde(default)]
    sort: Option<String>,
    /// Behind this one: what `next` of the page before says.
    #[serde(default)]
    after: Option<String>,
    /// At most so many: 50 when it is not said.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// A page of acts.
#[derive(Serialize, ToSchema)]
struct Acts {
    /// What is on it.
    items: Vec<ActShown>,
    /// What to ask for as `after` for the next page; none when this is the last one.
    next: Option<String>,
    /// How many there are on all pages.
    total: usize,
}

async fn find(caller: &Caller, which: &Which, max: usize) -> Result<AuditPage, Problem> {
    let behind = which.after.as_deref().map(str::parse).transpose();
    let wanted = AuditWanted {
        who: which.who.clone(),
        act: which.act.clone(),
        target: which.target.clone(),
        text: which.q.clone(),
        since: which.since,
        until: which.until,
        behind: behind.map_err(|_| Problem::field("after", "it is the number of an act"))?,
        max,
    };
    caller.perform(Request::AuditList(wanted)).await
}

/// Who did what, the latest first
#[utoipa::path(get, path = "/api/v1/admin/audit", tag = "audit", params(Which),
    responses((status = 200, body = Acts), Refusals))]
async fn list(caller: Caller, Asked(which): Asked<Which>) -> Result<Json<Acts>, Problem> {
    caller.needs(Right::AuditRead)?;
    let order = Wanted { sort: which.sort.clone(), limit: which.limit, ..Wanted::default() };
    let limit = order.limit()?;
    let AuditPage { acts, total } = find(&caller, &which, limit).await?;
    let next = if acts.len() == limit { acts.last().map(|act| act.id.to_string()) } else { None };
    let items = order.page(acts, |act| act.id.to_string())?.items;
    Ok(Json(Acts { items, next, total: usize::try_from(total).unwrap_or(0) }))
}

/// The same as CSV
#[utoipa::path(get, path = "/api/v1/admin/audit.csv", tag = "audit", params(Which),
    responses((status = 200, body = String, content_type = "text/csv"), Refusals))]
async fn export(caller: Caller, Asked(which): Asked<Which>) -> Result<Response, Problem> {
    caller.needs(Right::AuditRead)?;
    let page = find(&caller, &which, ADMIN_AUDIT_EXPORT_MAX).await?;
    let mut text = "id,at,who,how,from,act,target,before,after,result\r\n".to_owned();
    for act in &page.acts {
        let json =
            |value: &serde_json::Value| if value.is_null() { String::new() } else { value.to_string() };
        let fields = [
            act.id.to_string(),
            act.at.to_string(),
            act.who.clone(),
            act.how.clone(),
            act.from.clone().unwrap_or_default(),
            act.act.clone(),
            act.target.clone().unwrap_or_default(),
            json(&act.before),
            json(&act.after),
            act.result.clone(),
        ];
        text.push_str(&fields.map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
    let name = "attachment; filename=\"audit.csv\"";
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8"), (CONTENT_DISPOSITION, name)], text).into_response())
}

/// A field of CSV (RFC 4180 §2). What a spreadsheet would take for a formula gets an apostrophe.
fn quoted(field: &str) -> String {
    let mark = if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{mark}{}\"", field.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_text_for_spreadsheets_too() {
        assert_eq!(quoted("ann \"A\", 1"), "\"ann \"\"A\"\", 1\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
