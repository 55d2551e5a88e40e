//! The dial plan: the document, the check, the explaining tester and the saved cases.

use axum::http::header::ETAG;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use operations::role::Right;
use operations::{NewDialPlan, Request};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::caller::Caller;
use super::given::{Asked, Given, MayBeGiven};
use super::problem::{Problem, Refusals};
use super::tag::{IfMatch, Tagged, tag};

#[derive(OpenApi)]
#[openapi(paths(show, apply, check, test, cases, set_cases, run_cases))]
struct Document;

pub(super) fn noun() -> super::Noun {
    let router = Router::new()
        .route("/api/v1/admin/dialplan", get(show).put(apply))
        .route("/api/v1/admin/dialplan/check", post(check))
        .route("/api/v1/admin/dialplan/test", post(test))
        .route("/api/v1/admin/dialplan/cases", get(cases).put(set_cases))
        .route("/api/v1/admin/dialplan/cases/run", post(run_cases));
    (router, Document::openapi())
}

/// The dial plan in force.
#[derive(Serialize, ToSchema)]
struct DialPlan {
    /// Counts changes; 0 when none was ever applied.
    revision: u64,
    /// When it was changed last.
    changed: Option<String>,
    /// The document in TOML. What is secret in it is hidden unless `secrets` is asked for, and must be there in a document that is put.
    document: String,
}

/// How the plan is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct How {
    /// With the passwords of trunks and the authorisation codes: only who may change the plan sees them.
    #[serde(default)]
    secrets: bool,
}

/// A plan that shall take effect.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DialPlanGiven {
    /// The document.
    document: String,
    /// Cases, as CSV, that are saved in place of those that were.
    #[serde(default)]
    cases: Option<String>,
    /// Takes effect although saved cases fail.
    #[serde(default)]
    without_cases: bool,
}

/// What came of it.
#[derive(Serialize, Deserialize, ToSchema)]
struct DialPlanApplied {
    /// It is in force. When it is not, findings or failures say why.
    applied: bool,
    /// The revision in force.
    revision: u64,
    /// What the check found.
    findings: Vec<Finding>,
    /// How many saved cases were run.
    cases: usize,
    /// Those that failed.
    failures: Vec<CaseFailure>,
}

/// Something in a plan that is not right.
#[derive(Serialize, Deserialize, ToSchema)]
struct Finding {
    /// `error`: the plan does not take effect; or `warning`.
    severity: String,
    /// Where: `route 9.011! in pstn`.
    path: String,
    /// What is wrong.
    message: String,
    /// What to do.
    advice: String,
}

/// What the check found.
#[derive(Serialize, ToSchema)]
struct Findings {
    findings: Vec<Finding>,
}

/// A document, or none for the one in force.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DocumentGiven {
    /// The document.
    #[serde(default)]
    document: Option<String>,
}

/// A question, or a saved case. What is empty is not looked at.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
struct Case {
    /// What it is there for.
    name: String,
    /// A line, `trunk NAME NUMBER`, or nothing.
    from: String,
    /// The device of the line.
    device: String,
    /// What is dialled: a number, a name, or `user@domain` of another domain.
    dial: String,
    /// When, such as `2026-11-20T09:30:00Z`; nothing is now.
    at: String,
    /// The authorisation code that is keyed in.
    authorization: String,
    /// The client matter code that is keyed in.
    matter: String,
    /// Digit by digit: `yes`.
    overlap: String,
    /// Where it goes.
    goes_to: String,
    /// The called number there.
    called: String,
    /// The calling number there.
    calling: String,
    /// As if there were no bandwidth to the line that is reached: `yes`.
    around: String,
    /// What the regions of both ends allow, in the words of an explanation.
    allows: String,
}

/// A case that did not come out as it says.
#[derive(Serialize, Deserialize, ToSchema)]
struct CaseFailure {
    /// Its row, from 1.
    row: usize,
    /// The case.
    case: Case,
    /// What came out, or why it could not be run.
    found: String,
    /// The explanation, line by line.
    explanation: String,
}

/// What a call would do, and how that was found.
#[derive(Serialize, Deserialize, ToSchema)]
struct Tested {
    summary: Summary,
    explanation: Explanation,
    /// The explanation for people.
    text: String,
}

/// Where a call would go.
#[derive(Serialize, Deserialize, ToSchema)]
struct Summary {
    /// `line 1002`, `trunk london-1`, `blocked`, `unallocated`, …
    goes_to: String,
    /// The called number there.
    called: String,
    /// The calling number there.
    calling: String,
}

/// How a route was found, step by step.
#[derive(Serialize, Deserialize, ToSchema)]
struct Explanation {
    steps: Vec<Step>,
}

/// One step.
#[derive(Serialize, Deserialize, ToSchema)]
struct Step {
    /// What was done, or found.
    text: String,
    /// The patterns that match the number, closest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Candidate>,
    /// Candidates that are not listed.
    #[serde(default)]
    more: usize,
}

/// A pattern that matches the number.
#[derive(Serialize, Deserialize, ToSchema)]
struct Candidate {
    /// Is it the one that was taken?
    taken: bool,
    /// The pattern.
    pattern: String,
    /// Its partition.
    partition: String,
    /// `line`, `route`, …
    kind: String,
    /// Why it was taken, or not.
    why: String,
}

/// The saved cases.
#[derive(Serialize, ToSchema)]
struct Cases {
    /// They are run on every change of the dial plan.
    items: Vec<Case>,
    /// How many there are.
    total: usize,
}

/// Cases as CSV, with a head.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CasesGiven {
    /// The text.
    csv: String,
}

/// Cases as CSV, or none for the saved ones.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CasesToRun {
    /// The text.
    #[serde(default)]
    csv: Option<String>,
    /// Explains every case.
    #[serde(default)]
    explain: bool,
}

/// What came of running cases.
#[derive(Serialize, Deserialize, ToSchema)]
struct CasesRun {
    /// How many were run.
    cases: usize,
    /// Those that failed.
    failures: Vec<CaseFailure>,
    /// They were saved, and are run on every change from now on.
    saved: bool,
    /// The explanation of each, when it was asked for.
    explanations: Vec<String>,
}

/// What is kept.
#[derive(Deserialize)]
struct Kept {
    revision: u64,
    changed: Option<String>,
    document: String,
    cases: Vec<Case>,
}

async fn kept(caller: &Caller, secrets: bool) -> Result<Kept, Problem> {
    caller.perform(Request::DialPlanShow { secrets }).await
}

/// The dial plan in force
#[utoipa::path(get, path = "/api/v1/admin/dialplan", tag = "dial plan", params(How),
    responses((status = 200, body = DialPlan, headers(("ETag" = String))), Refusals))]
async fn show(caller: Caller, Asked(how): Asked<How>) -> Result<Response, Problem> {
    caller.needs(if how.secrets { Right::DialPlanWrite } else { Right::DialPlanRead })?;
    let Kept { revision, changed, document, .. } = kept(&caller, how.secrets).await?;
    // The same with its secrets and without.
    let tag = tag(&revision);
    Ok(([(ETAG, tag)], Json(DialPlan { revision, changed, document })).into_response())
}

/// Lets a dial plan take effect, unless the check finds an error or a saved case fails
#[utoipa::path(put, path = "/api/v1/admin/dialplan", tag = "dial plan", request_body = DialPlanGiven,
    params(("If-Match" = String, Header)), responses((status = 200, body = DialPlanApplied), Refusals))]
async fn apply(
    caller: Caller,
    seen: IfMatch,
    Given(given): Given<DialPlanGiven>,
) -> Result<Json<DialPlanApplied>, Problem> {
    caller.needs(Right::DialPlanWrite)?;
    let _alone = caller.alone().await;
    let revision = kept(&caller, false).await?.revision;
    seen.check(&revision)?;
    let new = NewDialPlan {
        document: given.document,
        cases: given.cases,
        without_cases: given.without_cases,
        only_if: Some(revision),
    };
    caller.perform(Request::DialPlanApply(new)).await.map(Json)
}

/// Looks at a dial plan as a whole; at the one in force when none is given
#[utoipa::path(post, path = "/api/v1/admin/dialplan/check", tag = "dial plan", request_body = DocumentGiven,
    responses((status = 200, body = Findings), Refusals))]
async fn check(
    caller: Caller,
    MayBeGiven(given): MayBeGiven<DocumentGiven>,
) -> Result<Json<Findings>, Problem> {
    caller.needs(Right::DialPlanRead)?;
    let findings = caller.perform(Request::DialPlanCheck { document: given.document }).await?;
    Ok(Json(Findings { findings }))
}

/// Says what a call would do, and why
#[utoipa::path(post, path = "/api/v1/admin/dialplan/test", tag = "dial plan", request_body = Case,
    responses((status = 200, body = Tested), Refusals))]
async fn test(caller: Caller, Given(case): Given<calls::dialplan::Case>) -> Result<Json<Tested>, Problem> {
    caller.needs(Right::DialPlanRead)?;
    caller.perform(Request::DialPlanTest(Box::new(case))).await.map(Json)
}

/// The saved cases
#[utoipa::path(get, path = "/api/v1/admin/dialplan/cases", tag = "dial plan",
    responses((status = 200, body = Cases, headers(("ETag" = String))), Refusals))]
async fn cases(caller: Caller) -> Result<Tagged<Cases>, Problem> {
    caller.needs(Right::DialPlanRead)?;
    let items = kept(&caller, false).await?.cases;
    Ok(Tagged(Cases { total: items.len(), items }))
}

/// Saves cases in place of those that were, when all of them pass
#[utoipa::path(put, path = "/api/v1/admin/dialplan/cases", tag = "dial plan", request_body = CasesGiven,
    params(("If-Match" = String, Header)), responses((status = 200, body = CasesRun), Refusals))]
async fn set_cases(
    caller: Caller,
    seen: IfMatch,
    Given(given): Given<CasesGiven>,
) -> Result<Json<CasesRun>, Problem> {
    caller.needs(Right::DialPlanWrite)?;
    let _alone = caller.alone().await;
    let items = kept(&caller, false).await?.cases;
    seen.check(&Cases { total: items.len(), items })?;
    let request = Request::DialPlanCases { csv: Some(given.csv), save: true, explain: false };
    caller.perform(request).await.map(Json)
}

/// Runs cases against the dial plan in force; the saved ones when none are given
#[utoipa::path(post, path = "/api/v1/admin/dialplan/cases/run", tag = "dial plan", request_body = CasesToRun,
    responses((status = 200, body = CasesRun), Refusals))]
async fn run_cases(
    caller: Caller,
    MayBeGiven(given): MayBeGiven<CasesToRun>,
) -> Result<Json<CasesRun>, Problem> {
    caller.needs(Right::DialPlanRead)?;
    let request = Request::DialPlanCases { csv: given.csv, save: false, explain: given.explain };
    caller.perform(request).await.map(Json)
}
