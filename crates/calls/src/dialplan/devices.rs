//! Devices by what they say of themselves: their name, a line, an instance (`CC-01`).

use model::plan::LineSpan;
use model::{LineId, Number};

use super::DialPlan;

/// Hexadecimal digits of a MAC address.
const MAC_DIGITS: usize = 12;

impl DialPlan {
    /// The line of this number, among those that the plan shows on a device.
    pub fn line_on_device(&self, device: &str, number: &str) -> Option<&LineId> {
        let number: Number = number.parse().ok()?;
        let shown = &self.plan.devices[self.names.device(device)?].lines;
        let mut lines = shown.iter().filter_map(|span| span.line(&number));
        lines.find_map(|line| self.line_index(&line)).map(|index| &self.lines[index].line)
    }

    /// How many calls a device may take part in on this line at once, and the lines on which they are counted together.
    /// `None`: the plan says nothing of it.
    pub fn device_limit(&self, device: &str, line: &LineId) -> Option<(usize, Vec<LineId>)> {
        let said = &self.plan.devices[self.names.device(device)?];
        let max = usize::from(said.calls_max?);
        // Behind a span there is a device for each line.
        if said.lines.iter().any(|span| span.len() > 1 && span.contains(line)) {
            return Some((max, vec![line.clone()]));
        }
        Some((max, said.lines.iter().filter(|span| span.len() == 1).map(LineSpan::first).collect()))
    }

    /// The device that shows a line and is this instance (RFC 5626 §4.1): the plan names the instance, or both name the
    /// same MAC address, the instance as the last digits of its UUID (RFC 4122 §4.1.6) and the device in its name.
    pub fn device_by_instance(&self, line: &LineId, instance: &str) -> Option<&str> {
        let profiles = &self.lines[self.line_index(line)?].profiles;
        let mut devices = profiles.iter().filter_map(|profile| Some(&self.plan.devices[profile.device?]));
        let said = plain(instance);
        let is_it = |device: &&model::plan::Device| match &device.instance {
            Some(named) => plain(named) == said,
            None => mac(&said).is_some_and(|mac| self::mac(&plain(&device.name)) == Some(mac)),
        };
        devices.find(is_it).map(|device| device.name.as_str())
    }
}

/// Without what is written in several ways: case, brackets, `urn:uuid:`, separators.
fn plain(instance: &str) -> String {
    let lower = instance.to_ascii_lowercase();
    let inside = lower.trim_matches(['<', '>']);
    let bare = inside.strip_prefix("urn:uuid:").unwrap_or(inside);
    bare.chars().filter(|c| !matches!(c, '-' | ':' | '.')).collect()
}

/// The twelve hexadecimal digits at the end.
fn mac(plain: &str) -> Option<&str> {
    let digits = plain.get(plain.len().checked_sub(MAC_DIGITS)?..)?;
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use model::plan::Plan;

    use super::super::{Accounts, Ask, Who, compile};
    use super::*;

    const PLAN: &str = r#"
        [[line]]
        number = "1001"
        [[line]]
        number = "1003-1004"
        [[device]]
        name = "SEP00036BC7B973"
        lines = ["1001", "1003-1004"]
        [[device]]
        name = "laptop"
        lines = ["1001"]
        instance = "urn:uuid:F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"
    "#;

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<Number>().unwrap())
    }

    #[test]
    fn a_device_is_known_by_its_instance_or_its_mac_address() {
        let plan = compile(&Plan::read(PLAN).unwrap(), Accounts::default(), None);
        let known = |number: &str, instance: &str| plan.device_by_instance(&line(number), instance);
        let of_mac = "<urn:uuid:00000000-0000-0000-0000-00036bc7b973>";
        assert_eq!(known("1001", of_mac), Some("SEP00036BC7B973"));
        assert_eq!(known("1004", of_mac), Some("SEP00036BC7B973"));
        let of_laptop = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";
        assert_eq!(known("1001", of_laptop), Some("laptop"));
        assert_eq!(known("1003", of_laptop), None, "it does not show that line");
        assert_eq!(known("1001", "<urn:uuid:00000000-0000-0000-0000-00036bc7b974>"), None);
        assert_eq!(known("1001", "laptop"), None, "a name is no instance");
    }

    #[test]
    fn the_calls_of_a_device_are_counted_over_its_lines_and_those_of_a_span_line_by_line() {
        let document = PLAN.replace("lines = [\"1001\", ", "calls_max = 2\nlines = [\"1001\", \"1009\", ");
        let plan = compile(&Plan::read(&document).unwrap(), Accounts::default(), None);
        let limit = |device: &str, number: &str| plan.device_limit(device, &line(number));
        assert_eq!(limit("SEP00036BC7B973", "1009"), Some((2, vec![line("1001"), line("1009")])));
        assert_eq!(limit("SEP00036BC7B973", "1004"), Some((2, vec![line("1004")])));
        assert_eq!(limit("laptop", "1001"), None);
        let (from, now) = (line("1004"), model::Timestamp(0));
        let explained =
            |dialled: &str| plan.explain(&Ask::new(dialled, Who::Line(&from, None), now)).0.to_string();
        let (own, other) = ("may have 2 calls at once on 1004:", "may have 2 calls at once on 1001, 1009:");
        assert!(
            explained("1001").contains(own) && explained("1001").contains(other),
            "{}",
            explained("1001")
        );
        assert!(!explained("2000").contains(other), "{}", explained("2000"));
    }

    #[test]
    fn a_device_has_the_lines_that_the_plan_shows_on_it() {
        let plan = compile(&Plan::read(PLAN).unwrap(), Accounts::default(), None);
        let on = |device: &str, number: &str| plan.line_on_device(device, number).map(ToString::to_string);
        assert_eq!(on("SEP00036BC7B973", "1004"), Some("1004".to_owned()));
        assert_eq!(on("SEP00036BC7B973", "1002"), None);
        assert_eq!(on("laptop", "1003"), None);
        assert_eq!(on("nothing", "1001"), None);
        assert_eq!(on("laptop", "ann"), None);
    }
}
