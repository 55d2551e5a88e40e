//! How a call came to where it rings, and what it has to go on with when nobody answers there (`CC-17`, `CC-18`).

use model::LineId;
use sip::{Headers, Name};

use crate::features::applications::Visit;
use crate::features::hunt::Hunt;

/// Diversions that one call may go through, here and before it came here.
pub const DIVERSIONS_MAX: usize = 8;

/// The way of a call so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// Where it was diverted from, first to last.
    pub diversions: Vec<Diversion>,
    /// How often it had been diverted before it came here.
    pub earlier: usize,
    /// What rings now.
    pub rings_at: RingsAt,
    /// What rings shall answer by itself.
    pub is_intercom: bool,
}

/// What rings, as far as it decides where the call goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RingsAt {
    /// A place with nothing behind it.
    #[default]
    Elsewhere,
    /// A line, or the lines of a user, of which this is the first: its forwards hold.
    Line(LineId),
    /// Members of a hunt pilot.
    Hunt(Box<Hunt>),
    /// Nothing yet: an application says where the call goes from this route point.
    RoutePoint(Box<Visit>),
}

/// One diversion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diversion {
    /// The line, hunt pilot or route point that the call would have reached.
    pub from: LineId,
    /// Why it went elsewhere.
    pub reason: Why,
}

/// Why a call was diverted, in the words of RFC 5806 §5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// All calls are.
    Unconditional,
    /// The line was busy.
    UserBusy,
    /// Nobody answered.
    NoAnswer,
    /// No phone was registered or reachable.
    Unavailable,
    /// The line did not want to be disturbed.
    DoNotDisturb,
    /// Somebody sent it on while it rang.
    Deflection,
}

impl Why {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unconditional => "unconditional",
            Self::UserBusy => "user-busy",
            Self::NoAnswer => "no-answer",
            Self::Unavailable => "unavailable",
            Self::DoNotDisturb => "do-not-disturb",
            Self::Deflection => "deflection",
        }
    }
}

impl Course {
    /// A course that begins elsewhere, with so many diversions.
    pub fn after(earlier: usize) -> Self {
        Self { earlier, ..Self::default() }
    }

    /// Was it diverted from there?
    pub fn came_from(&self, line: &LineId) -> bool {
        self.diversions.iter().any(|diversion| diversion.from == *line)
    }

    /// The same call, diverted from `from`. `None` when that would lead in a circle or went on for too long.
    pub fn diverted(&self, from: &LineId, reason: Why) -> Option<Self> {
        if self.came_from(from) || self.earlier + self.diversions.len() >= DIVERSIONS_MAX {
            metrics::counter!("carillon_calls_diverted_in_a_circle_total").increment(1);
            tracing::warn!(%from, limit = DIVERSIONS_MAX, "a call was diverted in a circle, or too often");
            return None;
        }
        let mut diversions = self.diversions.clone();
        diversions.push(Diversion { from: from.clone(), reason });
        Some(Self { diversions, earlier: self.earlier, ..Self::default() })
    }

    /// This course, which follows upon that one.
    #[must_use]
    pub fn behind(mut self, before: &Self) -> Self {
        self.earlier = before.earlier;
        self.diversions = before.diversions.iter().chain(&self.diversions).cloned().collect();
        self
    }
}

/// How often a call was diverted before it came here: by Diversion (RFC 5806 §5, each with its counter) or by
/// History-Info (RFC 7044 §5: one entry for where it was sent first), whichever says more.
pub(crate) fn diversions_before(headers: &Headers) -> usize {
    let counter = |element: &[u8]| {
        let parameters = element.split(|byte| *byte == b';');
        let mut counted =
            parameters.filter_map(|parameter| sip::scan::trim(parameter).strip_prefix(b"counter="));
        counted.next_back().and_then(sip::scan::number::<usize>).unwrap_or(1).clamp(1, DIVERSIONS_MAX)
    };
    let diversions: usize = headers.elements(Name::Diversion).take(DIVERSIONS_MAX).map(counter).sum();
    let history = headers.elements(Name::HistoryInfo).take(DIVERSIONS_MAX + 1).count().saturating_sub(1);
    diversions.max(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<model::Number>().unwrap())
    }

    #[test]
    fn no_line_diverts_a_call_twice_and_none_does_after_the_last_one() {
        let course = Course::default().diverted(&line("1001"), Why::UserBusy).unwrap();
        assert_eq!(course.diverted(&line("1001"), Why::NoAnswer), None);
        let mut course = Course::after(DIVERSIONS_MAX - 2);
        for number in ["1001", "1002"] {
            course = course.diverted(&line(number), Why::Unconditional).unwrap();
        }
        assert_eq!(course.diverted(&line("1003"), Why::Unconditional), None);
        assert_eq!(course.diversions.len(), 2);
    }

    #[test]
    fn a_course_goes_on_from_another_one() {
        let first = Course::after(2).diverted(&line("1001"), Why::Deflection).unwrap();
        let second = Course::default().diverted(&line("1002"), Why::Unconditional).unwrap();
        let whole = second.behind(&first);
        let from: Vec<String> = whole.diversions.iter().map(|d| d.from.to_string()).collect();
        assert_eq!((from.join(" "), whole.earlier), ("1001 1002".to_owned(), 2));
    }

    fn before(headers: &[(Name, &str)]) -> usize {
        let mut request = sip::RequestBuilder::new(sip::Method::Invite, b"sip:1002@example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        diversions_before(request.finish().headers())
    }

    #[test]
    fn what_happened_before_is_counted() {
        assert_eq!(before(&[]), 0);
        let two = "<sip:1@a>;reason=no-answer, <sip:2@a>;reason=user-busy;counter=3";
        assert_eq!(before(&[(Name::Diversion, two)]), 4);
        assert_eq!(before(&[(Name::Diversion, "<sip:1@a>;counter=4000000000")]), DIVERSIONS_MAX);
        let history = "<sip:1@a>;index=1, <sip:2@a>;index=1.1";
        assert_eq!(before(&[(Name::HistoryInfo, history), (Name::HistoryInfo, "<sip:3@a>;index=1.2")]), 2);
        assert_eq!(before(&[(Name::HistoryInfo, history), (Name::Diversion, two)]), 4);
    }
}
