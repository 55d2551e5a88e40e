//! Time of day: periods, holidays, and the schedules made of them, in the civil time of their zone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Plan;
use crate::Timestamp;

/// All that has to do with time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Times {
    /// Periods of the week.
    #[serde(rename = "period", skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<Period>,
    /// Schedules.
    #[serde(rename = "schedule", skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<Schedule>,
}

/// Hours of a day, on some days of the week, or on some dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// Its name.
    pub name: String,
    /// Days of the week; all when none is named.
    #[serde(default, skip_serializing_if = "Days::is_all")]
    pub days: Days,
    /// Dates, for holidays: `2026-12-31`, or `12-25` in every year. All when none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<Date>,
    /// From when, `HH:MM`.
    #[serde(default)]
    pub from: Moment,
    /// Until when, not counted; `24:00` is the end of the day.
    #[serde(default = "Moment::end")]
    pub to: Moment,
}

/// When something is open: in one of its periods, and in none of those in which it is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// The periods in which it is open.
    pub open: Vec<String>,
    /// The periods in which it is closed all the same: holidays.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<String>,
    /// Its zone, such as `Europe/London`; the settings' when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// Days of the week: `mon-fri`, `sat sun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Days(u8);

/// A minute of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Moment(u16);

/// A date of one year, or of every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: Option<i16>,
    month: i8,
    day: i8,
}

/// Why hours could not be made of a plan, or a text of them not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HoursError {
    /// No such schedule.
    #[error("there is no schedule {0:?}")]
    NoSchedule(String),
    /// No such period.
    #[error("there is no period {0:?}")]
    NoPeriod(String),
    /// No such zone.
    #[error("there is no time zone {0:?}; it is written such as Europe/London")]
    NoZone(String),
    /// Days that nobody knows.
    #[error("days are written such as mon-fri, or sat sun")]
    BadDays,
    /// A time that no clock shows.
    #[error("a time of day is written such as 08:30, up to 24:00")]
    BadMoment,
    /// A date that no calendar has.
    #[error("a date is written 2026-12-31, or 12-25 for every year")]
    BadDate,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A schedule made ready: asked with a time, it says whether it is open.
#[derive(Clone, Debug)]
pub struct Hours {
    zone: jiff::tz::TimeZone,
    open: Vec<Period>,
    closed: Vec<Period>,
}

impl Hours {
    /// Makes a schedule of a plan ready.
    ///
    /// # Errors
    /// It names what is not there.
    pub fn of(plan: &Plan, schedule: &str) -> Result<Self, HoursError> {
        let found = plan.time.schedules.iter().find(|found| found.name == schedule);
        let found = found.ok_or_else(|| HoursError::NoSchedule(schedule.to_owned()))?;
        let periods = |names: &[String]| -> Result<Vec<Period>, HoursError> {
            let period = |name: &String| {
                let period = plan.time.periods.iter().find(|period| period.name == *name);
                period.cloned().ok_or_else(|| HoursError::NoPeriod(name.clone()))
            };
            names.iter().map(period).collect()
        };
        let name = found.time_zone.as_deref().unwrap_or(&plan.settings.time_zone);
        let zone = jiff::tz::TimeZone::get(name).map_err(|_| HoursError::NoZone(name.to_owned()))?;
        Ok(Self { zone, open: periods(&found.open)?, closed: periods(&found.closed)? })
    }

    /// Is it open at this time?
    pub fn is_open(&self, when: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_microsecond(when.0) else { return false };
        let civil = self.zone.to_datetime(instant);
        let holds = |period: &Period| period.holds(civil);
        self.open.iter().any(holds) && !self.closed.iter().any(holds)
    }
}

impl Period {
    fn holds(&self, civil: jiff::civil::DateTime) -> bool {
        let minute = u16::try_from(i16::from(civil.hour()) * 60 + i16::from(civil.minute())).unwrap_or(0);
        let weekday = civil.weekday().to_monday_zero_offset();
        self.days.0 & (1 << weekday) != 0
            && (self.from.0..self.to.0).contains(&minute)
            && (self.dates.is_empty() || self.dates.iter().any(|date| date.is(civil)))
    }
}

impl Date {
    fn is(self, civil: jiff::civil::DateTime) -> bool {
        self.year.is_none_or(|year| year == civil.year())
            && self.month == civil.month()
            && self.day == civil.day()
    }
}

impl Days {
    /// Are these all days?
    pub fn is_all(&self) -> bool {
        self.0 == 0x7f
    }
}

impl Default for Days {
    fn default() -> Self {
        Self(0x7f)
    }
}

impl Moment {
    /// A minute of the day.
    pub(super) const fn at(hour: u16, minute: u16) -> Self {
        Self(hour * 60 + minute)
    }

    /// The minute that a clock shows in a zone; `None`: there is no such zone.
    pub(super) fn of(when: Timestamp, zone: &str) -> Option<Self> {
        let zone = jiff::tz::TimeZone::get(zone).ok()?;
        let civil = zone.to_datetime(jiff::Timestamp::from_microsecond(when.0).ok()?);
        Some(Self(u16::try_from(i16::from(civil.hour()) * 60 + i16::from(civil.minute())).ok()?))
    }

    /// The end of the day.
    pub fn end() -> Self {
        Self(24 * 60)
    }
}

impl FromStr for Days {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let day = |name: &str| DAYS.iter().position(|day| *day == name).ok_or(HoursError::BadDays);
        let mut bits = 0;
        for part in text.split([' ', ',']).filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (day(first)?, day(last)?);
            let days = (last + 7 - first) % 7;
            bits |= (0..=days).fold(0, |bits, n| bits | 1 << ((first + n) % 7));
        }
        if bits == 0 { Err(HoursError::BadDays) } else { Ok(Self(bits)) }
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = (0..7).filter(|day| self.0 & (1 << day) != 0).map(|day| DAYS[day]).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Moment {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let (hour, minute) = text.split_once(':').ok_or(HoursError::BadMoment)?;
        let number = |text: &str| text.parse::<u16>().map_err(|_| HoursError::BadMoment);
        let (hour, minute) = (number(hour)?, number(minute)?);
        if minute > 59 || hour * 60 + minute > 24 * 60 {
            return Err(HoursError::BadMoment);
        }
        Ok(Self(hour * 60 + minute))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for Date {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let parts: Vec<&str> = text.split('-').collect();
        let (year, month, day) = match parts.as_slice() {
            [month, day] => (None, *month, *day),
            [year, month, day] => (Some(year.parse().map_err(|_| HoursError::BadDate)?), *month, *day),
            _ => return Err(HoursError::BadDate),
        };
        let number = |text: &str| text.parse::<i8>().map_err(|_| HoursError::BadDate);
        let (month, day) = (number(month)?, number(day)?);
        // Every year's date may be the 29th of February.
        jiff::civil::Date::new(year.unwrap_or(2024), month, day).map_err(|_| HoursError::BadDate)?;
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(year) = self.year {
            write!(f, "{year:04}-")?;
        }
        write!(f, "{:02}-{:02}", self.month, self.day)
    }
}

/// Text in documents, parsed on the way in.
macro_rules! written_as_text {
    ($($kind:ty),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = HoursError;

            fn try_from(text: String) -> Result<Self, HoursError> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )*};
}

written_as_text!(Days, Moment, Date);

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        [settings]
        time_zone = "Europe/Berlin"
        [[time.period]]
        name = "office"
        days = "mon-fri"
        from = "08:00"
        to = "18:00"
        [[time.period]]
        name = "christmas"
        dates = ["12-25", "2026-12-31"]
        [[time.schedule]]
        name = "day"
        open = ["office"]
        closed = ["christmas"]
        [[time.schedule]]
        name = "london"
        open = ["office"]
        time_zone = "Europe/London"
    "#;

    fn is_open(schedule: &str, when: &str) -> bool {
        let hours = Hours::of(&Plan::read(PLAN).unwrap(), schedule).unwrap();
        hours.is_open(when.parse().unwrap())
    }

    #[test]
    fn a_schedule_follows_the_civil_time_of_its_zone() {
        assert!(is_open("day", "2026-11-20T07:00:00Z"), "08:00 in Berlin, a Friday in winter");
        assert!(!is_open("day", "2026-11-20T06:59:59Z"));
        assert!(is_open("day", "2026-07-17T06:00:00Z"), "08:00 in Berlin, a Friday in summer");
        assert!(!is_open("day", "2026-11-20T17:00:00Z"), "the end is not counted");
        assert!(!is_open("day", "2026-11-21T10:00:00Z"), "a Saturday");
        assert!(!is_open("london", "2026-11-20T07:30:00Z"));
        assert!(is_open("london", "2026-11-20T08:00:00Z"));
    }

    #[test]
    fn holidays_close_what_would_be_open() {
        assert!(!is_open("day", "2026-12-25T10:00:00Z"), "a Friday");
        assert!(!is_open("day", "2026-12-31T10:00:00Z"));
        assert!(is_open("day", "2025-12-31T10:00:00Z"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let plan = Plan::read(&PLAN.replace("Europe/London", "Mars/Base")).unwrap();
        assert_eq!(Hours::of(&plan, "london").unwrap_err(), HoursError::NoZone("Mars/Base".into()));
        assert_eq!(Hours::of(&plan, "night").unwrap_err(), HoursError::NoSchedule("night".into()));
    }

    #[test]
    fn texts_of_time_survive() {
        assert_eq!("sat-mon".parse::<Days>().unwrap().to_string(), "mon sat sun");
        assert_eq!("24:00".parse::<Moment>().unwrap(), Moment::end());
        for text in ["12-25", "2026-12-31", "02-29"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in ["13-01", "2026-02-29", "x", "1-2-3-4"] {
            assert_eq!(text.parse::<Date>(), Err(HoursError::BadDate), "{text}");
        }
        for text in ["24:01", "8", "08:60"] {
            assert_eq!(text.parse::<Moment>(), Err(HoursError::BadMoment), "{text}");
        }
    }
}
