//! `dialplan`: what dialled numbers lead to, and why.

use std::path::{Path, PathBuf};

use calls::admission::PoolShown;
use calls::dialplan::{Case, CaseFailure};
use model::plan::{DOCUMENT_BYTES_MAX, Finding, Severity};
use operations::exit::Exit;
use operations::{
    CasesRun, DialPlanApplied, DialPlanShown, DialPlanTested, DialPlanUses, Failure, NewDialPlan, Request,
};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Failed cases that are told with their explanation.
const FAILURES_TOLD: usize = 10;

/// Show, check, apply and test the dial plan
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Print the dial plan in force, as it was written, without passwords and authorisation codes
    Show(Show),
    /// Check a dial plan as a whole; without a file, the one in force
    Check(Check),
    /// Let a dial plan take effect, if it has no errors and all saved cases pass; live calls stay
    Apply(Apply),
    /// Say what a call would do, and why, step by step
    Test(Test),
    /// List locations: the bandwidth there is between them, and what calls take of it now
    Locations(Common),
    /// Say what of the dial plan in force names something, and which lines and users that concerns
    Uses(UsesOf),
    /// Run cases: calls whose outcome is known; without a file, the saved ones
    Cases(Cases),
}

#[derive(clap::Args)]
struct Show {
    /// With trunks' passwords and authorisation codes; only so can a plan that has some be applied again
    #[arg(long)]
    secrets: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Check {
    /// The document, TOML or JSON
    file: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Apply {
    /// The document, TOML or JSON
    file: PathBuf,
    /// Save these cases (CSV) in place of the saved ones
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// Apply although saved cases fail
    #[arg(long)]
    without_cases: bool,
    /// Apply only while this revision is in force; a document from `dialplan show` says it in its first line
    #[arg(long = "if", value_name = "REVISION")]
    only_if: Option<u64>,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Test {
    /// Who calls: a line such as 1002 or 1002@partition, or "trunk NAME NUMBER"
    #[arg(long, value_name = "LINE", default_value = "")]
    from: String,
    /// What is dialled: a number, a user, or user@domain of another domain
    #[arg(long, value_name = "NUMBER")]
    dial: String,
    /// When, such as 2026-12-25T09:30:00+01:00; now unless said otherwise
    #[arg(long, value_name = "TIME", default_value = "")]
    at: String,
    /// The device, for a line that several show
    #[arg(long, value_name = "NAME", default_value = "")]
    device: String,
    /// Digits come one by one: more could follow
    #[arg(long)]
    overlap: bool,
    /// As if there were no bandwidth to the line that is reached
    #[arg(long)]
    around: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct UsesOf {
    /// A partition, search space, pool, group, trunk, schedule, line, ...
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Cases {
    /// Cases as CSV: name,from,dial,at,goes_to,called,calling
    file: Option<PathBuf>,
    /// If all pass, save them: they are run on every change from then on
    #[arg(long, requires = "file")]
    save: bool,
    /// Explain every case
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Show(show) => &show.common,
            Verb::Locations(common) => common,
            Verb::Uses(uses) => &uses.common,
            Verb::Check(check) => &check.common,
            Verb::Apply(apply) => &apply.common,
            Verb::Test(test) => &test.common,
            Verb::Cases(cases) => &cases.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::Show(Show { secrets, .. }) => {
            let shown: DialPlanShown = ask(&common, runtime, Request::DialPlanShow { secrets }).await?;
            show(&common, &shown);
            Ok(Exit::Done)
        }
        Verb::Check(Check { file, .. }) => {
            let document = file.as_deref().map(read).transpose()?;
            let findings: Vec<Finding> = ask(&common, runtime, Request::DialPlanCheck { document }).await?;
            Ok(checked(&common, &findings))
        }
        Verb::Apply(Apply { file, cases, without_cases, only_if, .. }) => {
            let cases = cases.as_deref().map(read).transpose()?;
            let new = NewDialPlan { document: read(&file)?, cases, without_cases, only_if };
            let applied: DialPlanApplied = ask(&common, runtime, Request::DialPlanApply(new)).await?;
            Ok(tell_applied(&common, &applied))
        }
        Verb::Test(Test { from, dial, at, device, overlap, around, .. }) => {
            let flag = |set: bool| if set { "yes".to_owned() } else { String::new() };
            let (overlap, around) = (flag(overlap), flag(around));
            let case = Case { from, dial, at, device, overlap, around, ..Case::default() };
            let tested: DialPlanTested = ask(&common, runtime, Request::DialPlanTest(Box::new(case))).await?;
            print::shown(common.json, &tested, |tested| print::line(tested.text.trim_end()));
            Ok(Exit::Done)
        }
        Verb::Locations(_) => {
            let pools: Vec<PoolShown> = ask(&common, runtime, Request::DialPlanLocations).await?;
            print::shown(common.json, &pools, |pools| locations(pools));
            Ok(Exit::Done)
        }
        Verb::Uses(UsesOf { name, .. }) => {
            let uses: DialPlanUses = ask(&common, runtime, Request::DialPlanUses { name }).await?;
            print::shown(common.json, &uses, tell_uses);
            Ok(Exit::Done)
        }
        Verb::Cases(Cases { file, save, explain, .. }) => {
            let csv = file.as_deref().map(read).transpose()?;
            let run: CasesRun = ask(&common, runtime, Request::DialPlanCases { csv, save, explain }).await?;
            Ok(tell_cases(&common, &run))
        }
    }
}

/// Lines and users that are told; --json tells them all.
const CONCERNED_TOLD: usize = 20;

fn tell_uses(found: &DialPlanUses) {
    for row in &found.uses.defined {
        print::line(&format!("written as  {row}"));
    }
    let rows: Vec<Vec<String>> =
        found.uses.used.iter().map(|one| vec![one.row.clone(), one.field.clone()]).collect();
    if rows.is_empty() {
        return print::line("nothing names it");
    }
    print::table(&["NAMED BY", "AS"], &rows);
    let lines: Vec<String> = found.uses.lines.iter().map(ToString::to_string).collect();
    for (what, all) in [("lines", &lines), ("users", &found.users)] {
        let more = all.len().saturating_sub(CONCERNED_TOLD);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let told = &all[..all.len().min(CONCERNED_TOLD)];
        if !told.is_empty() {
            print::line(&format!("{what} that this concerns: {}{more}", told.join(", ")));
        }
    }
}

fn locations(pools: &[PoolShown]) {
    let of = |taken: u32, limit: Option<u32>| match limit {
        Some(limit) => format!("{taken} of {limit}"),
        None => format!("{taken} (no limit)"),
    };
    let rows: Vec<Vec<String>> = pools
        .iter()
        .map(|pool| {
            let audio = of(pool.audio_taken, pool.audio_kbits);
            let video = of(pool.video_taken, pool.video_kbits);
            vec![pool.name.clone(), audio, video, pool.calls.to_string()]
        })
        .collect();
    print::table(&["LOCATION", "SOUND kbit/s", "PICTURES kbit/s", "CALLS"], &rows);
}

fn read(path: &Path) -> Result<String, Failure> {
    let size = std::fs::metadata(path).map(|data| data.len());
    let text = match size {
        Ok(size) if size > DOCUMENT_BYTES_MAX as u64 => {
            return Err(Failure::invalid(format!(
                "{} is larger than {DOCUMENT_BYTES_MAX} bytes",
                path.display()
            )));
        }
        _ => std::fs::read_to_string(path),
    };
    text.map_err(|error| Failure::not_found(format!("{} cannot be read: {error}", path.display())))
}

fn show(common: &Common, shown: &DialPlanShown) {
    if common.json {
        return print::json(shown);
    }
    print::line(&shown.heading());
    print::line(shown.document.trim_end());
}

fn checked(common: &Common, findings: &[Finding]) -> Exit {
    if common.json {
        print::json(&findings);
    } else if findings.is_empty() {
        print::line("nothing to mend");
    } else {
        tell(findings);
    }
    if findings.is_empty() { Exit::Done } else { Exit::Findings }
}

fn tell(findings: &[Finding]) {
    for finding in findings {
        let mark = if finding.severity == Severity::Error { "ERROR  " } else { "warning" };
        print::line(&format!(
            "{mark}  {}: {}\n         -> {}",
            finding.path, finding.message, finding.advice
        ));
    }
}

fn tell_failures(failures: &[CaseFailure]) {
    for CaseFailure { row, case, found, explanation } in failures.iter().take(FAILURES_TOLD) {
        let numbers = [("called", &case.called), ("calling", &case.calling)];
        let numbers = numbers.iter().filter(|(_, n)| !n.is_empty()).map(|(what, n)| format!(", {what} {n}"));
        let expected = format!("{}{}", case.goes_to, numbers.collect::<String>());
        print::line(&format!("FAILED  row {row}, {}: {} dials {}", case.name, case.from, case.dial));
        print::line(&format!("        expected {expected}\n        found    {found}"));
        explanation.lines().for_each(|line| print::line(&format!("        {line}")));
    }
    if failures.len() > FAILURES_TOLD {
        print::line(&format!("and {} more failed; --json tells them all", failures.len() - FAILURES_TOLD));
    }
}

fn tell_applied(common: &Common, applied: &DialPlanApplied) -> Exit {
    if common.json {
        print::json(applied);
    } else {
        tell(&applied.findings);
        tell_failures(&applied.failures);
        let cases =
            format!("{} of {} saved cases pass", applied.cases - applied.failures.len(), applied.cases);
        let how = if applied.applied {
            format!("revision {} is in force; {cases}", applied.revision)
        } else {
            format!("NOT applied, revision {} stays in force; {cases}", applied.revision)
        };
        print::line(&how);
    }
    if applied.applied { Exit::Done } else { Exit::Invalid }
}

fn tell_cases(common: &Common, run: &CasesRun) -> Exit {
    if common.json {
        print::json(run);
    } else {
        run.explanations.iter().for_each(|explanation| print::line(explanation));
        tell_failures(&run.failures);
        let saved = if run.saved { ", and are saved" } else { "" };
        print::line(&format!("{} of {} cases pass{saved}", run.cases - run.failures.len(), run.cases));
    }
    if run.failures.is_empty() { Exit::Done } else { Exit::Findings }
}
