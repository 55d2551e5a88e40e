//! The dial plan: shown, checked, applied as a whole, asked, and held against its saved cases.

use std::collections::BTreeSet;

use calls::admission::{PoolShown, Pools};
use calls::dialplan::{self, Accounts, Case, CaseFailure, DialPlan, Explanation, KeepError, Kept, Summary};
use model::plan::{DocumentError, Finding, Plan, Severity, SoundName, Uses};
use model::{LineId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::{Context, Failure, sound};

/// The dial plan as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialPlanShown {
    /// Counts changes; 0 when none was ever applied.
    pub revision: u64,
    /// When it was changed last.
    pub changed: Option<Timestamp>,
    /// The document, as it was written; without its secrets unless they were asked for.
    pub document: String,
    /// The saved cases.
    pub cases: Vec<Case>,
}

impl DialPlanShown {
    /// The line above a document that is shown: by it, whoever applies the document again is told when another one
    /// came into force in between.
    pub fn heading(&self) -> String {
        let changed = self.changed.map_or_else(|| "never".to_owned(), |changed| changed.to_string());
        format!("{HEADING}{}, changed {changed}, {} saved cases", self.revision, self.cases.len())
    }
}

/// How the line above a document that is shown begins.
const HEADING: &str = "# revision ";

/// Takes the heading off a document: the revision that it was made from, if it says so, and the rest.
fn without_heading(document: &str) -> (Option<u64>, &str) {
    let parts = || {
        let (heading, rest) = document.strip_prefix(HEADING)?.split_once('\n')?;
        let (revision, _) = heading.split_once(", changed ")?;
        Some((revision.parse().ok()?, rest))
    };
    parts().map_or((None, document), |(revision, rest)| (Some(revision), rest))
}

/// A plan that shall take effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewDialPlan {
    /// The document.
    pub document: String,
    /// Cases, as CSV, that are saved in place of those that were.
    pub cases: Option<String>,
    /// Takes effect although saved cases fail.
    pub without_cases: bool,
    /// Takes effect only while this revision is in force; without it, the heading of the document says which.
    #[serde(default)]
    pub only_if: Option<u64>,
}

/// What came of applying a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialPlanApplied {
    /// It is in force.
    pub applied: bool,
    /// The revision in force.
    pub revision: u64,
    /// What the check found.
    pub findings: Vec<Finding>,
    /// How many saved cases were run.
    pub cases: usize,
    /// Those that failed.
    pub failures: Vec<CaseFailure>,
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialPlanTested {
    /// Where it goes.
    pub summary: Summary,
    /// How it was found, step by step.
    pub explanation: serde_json::Value,
    /// The same for people.
    pub text: String,
}

/// What came of running cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CasesRun {
    /// How many were run.
    pub cases: usize,
    /// Those that failed.
    pub failures: Vec<CaseFailure>,
    /// They were saved, and are run on every change from now on.
    pub saved: bool,
    /// The explanation of each, when it was asked for.
    pub explanations: Vec<String>,
}

/// What of the plan names something, and whom that concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialPlanUses {
    /// Where it is written, who names it, the lines behind.
    #[serde(flatten)]
    pub uses: Uses,
    /// The users of these lines.
    pub users: Vec<String>,
}

pub(crate) async fn show(context: &Context, secrets: bool) -> Result<DialPlanShown, Failure> {
    let Kept { revision, changed, document, cases, .. } = dialplan::kept(&context.store).await?;
    let document = if secrets { document } else { Plan::without_secrets(&document).map_err(no_plan)? };
    Ok(DialPlanShown { revision, changed, document, cases })
}

pub(crate) async fn check(context: &Context, document: Option<String>) -> Result<Vec<Finding>, Failure> {
    let document = match document {
        Some(document) => document,
        None => dialplan::kept(&context.store).await?.document,
    };
    Ok(looked_at(context, read(&document)?, Vec::new()).await?.findings)
}

/// What came of looking at a plan.
struct LookedAt {
    findings: Vec<Finding>,
    failures: Vec<CaseFailure>,
    patterns: usize,
}

/// What is not right with a plan by itself, what of it is in the way of the server's own numbers, and which cases fail.
async fn looked_at(context: &Context, plan: Plan, cases: Vec<Case>) -> Result<LookedAt, Failure> {
    let (accounts, services) = (accounts(context).await?, context.services.clone());
    let now = context.runtime.timestamp();
    let sounds: BTreeSet<String> = sound::list(context).await?.into_iter().map(|sound| sound.name).collect();
    let looked = context.runtime.blocking(move || {
        let compiled = dialplan::compile(&plan, accounts, services);
        let mut findings = plan.check();
        findings.extend(compiled.slots_in_the_way());
        findings.extend(missing_sounds(&plan, &sounds));
        let failures = dialplan::run_cases(&compiled, &cases, now);
        LookedAt { findings, failures, patterns: compiled.len() }
    });
    looked.join().await.ok_or_else(|| Failure::new(Exit::Failed, "looking at the dial plan was given up"))
}

pub(crate) async fn apply(context: &Context, new: NewDialPlan) -> Result<DialPlanApplied, Failure> {
    let (made_from, document) = without_heading(&new.document);
    let plan = read(document)?;
    let old = dialplan::kept(&context.store).await?;
    if let Some(expected) = new.only_if.or(made_from).filter(|expected| *expected != old.revision) {
        return Err(Failure::invalid(format!(
            "the document was made from revision {expected} of the dial plan, and revision {0} is in force: look at it \
             with `carillon dialplan show`, then apply yours with --if {0}",
            old.revision
        )));
    }
    let cases = match &new.cases {
        Some(text) => cases_of(text)?,
        None => old.cases.clone(),
    };
    let LookedAt { findings, failures, patterns } = looked_at(context, plan, cases.clone()).await?;
    let is_wrong = findings.iter().any(|finding| finding.severity == Severity::Error);
    let mut applied = DialPlanApplied {
        applied: !is_wrong && (failures.is_empty() || new.without_cases),
        revision: old.revision,
        findings,
        cases: cases.len(),
        failures,
    };
    if applied.applied {
        let kept = Kept { document: document.to_owned(), cases, ..old };
        applied.revision = keep(context, kept).await?;
        if let Some(node) = &context.node {
            node.dial_plan_changed().await?;
        }
        tracing::info!(revision = applied.revision, patterns, "a dial plan was applied");
    }
    Ok(applied)
}

/// What is not right in a plan, the sounds that it names and that are not there included.
fn missing_sounds(plan: &Plan, there: &BTreeSet<String>) -> Vec<Finding> {
    let missing = plan.sounds().into_iter().filter(|(_, name)| !there.contains(name.as_str()));
    let finding = |(path, name): (String, &SoundName)| Finding {
        severity: Severity::Warning,
        path,
        message: format!("there is no sound {name:?}, so it is left out", name = name.as_str()),
        advice: format!("carillon sound import {name} FILE.wav"),
    };
    missing.map(finding).collect()
}

pub(crate) async fn test(context: &Context, case: &Case) -> Result<DialPlanTested, Failure> {
    let plan = in_force(context).await?;
    let (explanation, summary) =
        case.explain(&plan, context.runtime.timestamp()).map_err(Failure::invalid)?;
    Ok(DialPlanTested { summary, text: explanation.to_string(), explanation: value(&explanation) })
}

pub(crate) async fn cases(
    context: &Context,
    csv: Option<&str>,
    save: bool,
    explain: bool,
) -> Result<CasesRun, Failure> {
    let kept = dialplan::kept(&context.store).await?;
    let cases = csv.map_or_else(|| Ok(kept.cases.clone()), cases_of)?;
    let (plan, now) = (in_force(context).await?, context.runtime.timestamp());
    let failures = dialplan::run_cases(&plan, &cases, now);
    let explained = |case: &Case| {
        let (name, dial) = (&case.name, &case.dial);
        let text = case.explain(&plan, now).map_or_else(|error| error, |(e, _)| e.to_string());
        format!("{name} ({dial})\n{text}")
    };
    let explanations = if explain { cases.iter().map(explained).collect() } else { Vec::new() };
    let count = cases.len();
    let saved = save && failures.is_empty();
    if saved {
        keep(context, Kept { cases, ..kept }).await?;
    }
    Ok(CasesRun { cases: count, failures, saved, explanations })
}

/// The pools of bandwidth; without a node nobody takes from them.
pub(crate) async fn locations(context: &Context) -> Result<Vec<PoolShown>, Failure> {
    if let Some(node) = &context.node {
        return Ok(node.calls().locations());
    }
    let pools = Pools::default();
    pools.follow(in_force(context).await?.plan());
    Ok(pools.shown())
}

/// Everything that names this, with the lines and users behind it. Looks through the whole plan: only when asked.
pub(crate) async fn uses(context: &Context, name: &str) -> Result<DialPlanUses, Failure> {
    let plan = in_force(context).await?;
    let uses = plan.plan().uses(name);
    if uses.defined.is_empty() && uses.used.is_empty() {
        return Err(Failure::not_found(format!("nothing in the dial plan is called {name}, or names it")));
    }
    let concerned = |line: &&LineId| uses.lines.iter().any(|span| span.contains(line));
    let owners = plan.accounts().lines().filter(concerned).filter_map(|line| plan.accounts().owner(line)?);
    let users: BTreeSet<String> = owners.map(ToString::to_string).collect();
    Ok(DialPlanUses { users: users.into_iter().collect(), uses })
}

fn read(document: &str) -> Result<Plan, Failure> {
    Plan::read(without_heading(document).1).map_err(no_plan)
}

fn no_plan(error: DocumentError) -> Failure {
    Failure::invalid(format!("this is no dial plan: {error}"))
}

fn cases_of(text: &str) -> Result<Vec<Case>, Failure> {
    dialplan::read_cases(text).map_err(|error| Failure::invalid(error.to_string()))
}

async fn accounts(context: &Context) -> Result<Accounts, Failure> {
    Ok(dialplan::accounts(&context.store).await?)
}

/// The plan that calls go by: with a node or without, it is the one that is kept.
async fn in_force(context: &Context) -> Result<DialPlan, Failure> {
    Ok(dialplan::load(&context.store, context.services.clone(), &context.runtime).await?)
}

async fn keep(context: &Context, kept: Kept) -> Result<u64, Failure> {
    match dialplan::keep(&context.store, kept, context.runtime.timestamp()).await {
        Ok(kept) => Ok(kept.revision),
        Err(KeepError::Changed) => Err(Failure::invalid(
            "somebody else changed the dial plan at the same time: look at theirs first",
        )),
        Err(KeepError::Store(error)) => Err(error.into()),
    }
}

fn value(explanation: &Explanation) -> serde_json::Value {
    serde_json::to_value(explanation).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heading_is_taken_off_and_other_comments_stay() {
        let shown = DialPlanShown { revision: 7, changed: None, document: String::new(), cases: Vec::new() };
        let document = format!("{}\n# mine\n", shown.heading());
        assert_eq!(without_heading(&document), (Some(7), "# mine\n"));
        for other in ["# revision 7\n", "# revision of May, changed a lot\n", "", "# mine\n"] {
            assert_eq!(without_heading(other), (None, other));
        }
    }
}
