//! Saved cases: calls whose outcome is known, run before a plan takes effect.

use model::plan::{Digits, DigitsError, LineSpan};
use model::{LineId, Timestamp};
use serde::{Deserialize, Serialize};

use super::codes::Keyed;
use super::route::{Ask, Manner, Route};
use super::summary::Summary;
use super::{DialPlan, Who};

/// Cases that are kept.
pub const CASES_MAX: usize = 20_000;

/// One case. Columns that are empty are not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Case {
    /// What it is there for.
    pub name: String,
    /// A line, `trunk NAME NUMBER`, or nothing.
    pub from: String,
    /// The device of the line.
    pub device: String,
    /// What is dialled: a number, a name, or `user@domain` of another domain.
    pub dial: String,
    /// When, such as `2026-11-20T09:30:00Z`; nothing is the time at which the case is run.
    pub at: String,
    /// The authorisation code that is keyed in.
    pub authorization: String,
    /// The client matter code that is keyed in.
    pub matter: String,
    /// Digit by digit: `yes`.
    pub overlap: String,
    /// Where it goes, as [`Summary::goes_to`] has it.
    pub goes_to: String,
    /// The called number there.
    pub called: String,
    /// The calling number there.
    pub calling: String,
    /// As if there were no bandwidth to the line that is reached: `yes`.
    pub around: String,
    /// What the regions of both ends allow, in the words of an explanation.
    pub allows: String,
}

/// A case that did not come out as it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseFailure {
    /// Its row, from 1; the head of the list is not counted.
    pub row: usize,
    /// The case.
    pub case: Case,
    /// What came out, or why it could not be run.
    pub found: String,
    /// The explanation, line by line.
    pub explanation: String,
}

/// Why a list of cases cannot be read: the fault of who wrote it.
#[derive(Debug, thiserror::Error)]
pub enum CasesError {
    /// Not CSV with the columns of a case.
    #[error("the cases are not CSV with columns such as name,from,dial,at,goes_to,called,calling: {0}")]
    Csv(#[from] csv::Error),
    /// Too many.
    #[error("more than {CASES_MAX} cases")]
    TooMany,
}

/// Why a case says nothing that can be asked.
#[derive(Debug, thiserror::Error)]
enum Unaskable {
    #[error("`from` is no line such as 1002 or 1002@partition, and no `trunk NAME NUMBER`")]
    From,
    #[error("`at` is no time such as 2026-11-20T09:30:00Z")]
    At,
    #[error("`from`: {0}")]
    Number(#[from] DigitsError),
}

/// Who a case is from.
enum From {
    Line(LineId),
    Trunk(String, Digits),
    Nobody,
}

/// Reads cases from CSV with a head.
///
/// # Errors
/// They cannot be read.
pub fn read_cases(text: &str) -> Result<Vec<Case>, CasesError> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_reader(text.as_bytes());
    let cases: Vec<Case> = reader.deserialize().take(CASES_MAX + 1).collect::<Result<_, _>>()?;
    if cases.len() > CASES_MAX { Err(CasesError::TooMany) } else { Ok(cases) }
}

/// Runs cases; gives those that fail.
pub fn run_cases(plan: &DialPlan, cases: &[Case], now: Timestamp) -> Vec<CaseFailure> {
    let failure = |(row, case): (usize, &Case)| {
        let (found, explanation) = case.run(plan, now).err()?;
        Some(CaseFailure { row, case: case.clone(), found, explanation })
    };
    (1..).zip(cases).filter_map(failure).collect()
}

impl Case {
    /// Runs it: `Err` is what came out instead, and the explanation.
    fn run(&self, plan: &DialPlan, now: Timestamp) -> Result<(), (String, String)> {
        let from = self.caller().map_err(|error| (error.to_string(), String::new()))?;
        let ask = self.ask(&from, now).map_err(|error| (error.to_string(), String::new()))?;
        let route = plan.resolve(&ask);
        let summary = self.summary(plan, &ask, &route);
        let allows = plan.allows(&ask.who, &route);
        let is_allowed = self.allows.is_empty() || self.allows == allows;
        if self.expects(&summary) && is_allowed {
            return Ok(());
        }
        let allows = if is_allowed { String::new() } else { format!("; allowed is {allows}") };
        Err((format!("{summary}{allows}"), plan.explain(&ask).0.to_string()))
    }

    /// Explains it.
    ///
    /// # Errors
    /// It cannot be asked; the text says why.
    pub fn explain(&self, plan: &DialPlan, now: Timestamp) -> Result<(super::Explanation, Summary), String> {
        let from = self.caller().map_err(|error| error.to_string())?;
        let ask = self.ask(&from, now).map_err(|error| error.to_string())?;
        let (mut explanation, route) = plan.explain(&ask);
        let summary = self.summary(plan, &ask, &route);
        if !self.around.is_empty() {
            explanation.steps.push(super::Step::new("there is no bandwidth to the line: the way around"));
            explanation.steps.push(super::Step::new(format!("result: {summary}")));
        }
        Ok((explanation, summary))
    }

    /// What comes of it; of the way around when there is no bandwidth.
    fn summary(&self, plan: &DialPlan, ask: &Ask<'_>, route: &Route<'_>) -> Summary {
        let Some(line) = route.line().filter(|_| !self.around.is_empty()) else { return plan.summary(route) };
        match plan.reroute(line, &ask.who, ask.when) {
            Ok(around) => plan.summary(&around),
            Err(_) => Summary { goes_to: "no way around".to_owned(), ..Summary::default() },
        }
    }

    fn expects(&self, found: &Summary) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(&self.goes_to, &found.goes_to)
            && fits(&self.called, &found.called)
            && fits(&self.calling, &found.calling)
    }

    fn caller(&self) -> Result<From, Unaskable> {
        if self.from.is_empty() {
            return Ok(From::Nobody);
        }
        if let Some(rest) = self.from.strip_prefix("trunk ") {
            let (name, number) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
            return Ok(From::Trunk(name.to_owned(), Digits::parse(number.trim())?));
        }
        let span: LineSpan = self.from.parse().map_err(|_| Unaskable::From)?;
        if span.len() == 1 { Ok(From::Line(span.first())) } else { Err(Unaskable::From) }
    }

    fn ask<'a>(&'a self, from: &'a From, now: Timestamp) -> Result<Ask<'a>, Unaskable> {
        let some = |text: &'a str| (!text.is_empty()).then_some(text);
        let who = match from {
            From::Line(line) => Who::Line(line, some(&self.device)),
            From::Trunk(name, number) => Who::Trunk(name, *number),
            From::Nobody => Who::Nobody,
        };
        let when = some(&self.at).map_or(Ok(now), |at| at.parse().map_err(|_| Unaskable::At))?;
        let (dialled, domain) =
            self.dial.split_once('@').map_or((self.dial.as_str(), None), |(u, d)| (u, Some(d)));
        let manner = if self.overlap.is_empty() { Manner::Complete } else { Manner::DigitByDigit };
        let keyed = Keyed { authorization: some(&self.authorization), matter: some(&self.matter) };
        Ok(Ask { dialled, domain, who, when, keyed, manner })
    }
}
