//! What is said of call-manager groups and button templates: that they are there, used, and can hold.

use std::collections::BTreeSet;

use super::super::{BUTTONS_MAX, Button, ButtonTemplate, Device, Feature, GROUP_NODES_MAX, Plan};
use super::{Findings, named, unique};
use crate::SPEED_DIAL_PLACES;

/// Looks at what phones have in common.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    groups(plan, found);
    templates(plan, found);
}

fn groups(plan: &Plan, found: &mut Findings) {
    let groups = &plan.phones.call_manager_groups;
    let known = unique("phones.call_manager_group", groups.iter().map(|group| group.name.as_str()), found);
    let mut used = BTreeSet::new();
    for pool in &plan.device_pools {
        let group = pool.call_manager_group.as_deref();
        named(&format!("device_pool {}", pool.name), "call-manager group", group, &known, found);
        used.extend(group);
    }
    for group in groups {
        let at = format!("phones.call_manager_group {}", group.name);
        if group.nodes.is_empty() {
            found.error(&at, "it has no nodes", "name one to three in nodes, the primary first");
        }
        if group.nodes.len() > GROUP_NODES_MAX {
            let message = format!("it has more than {GROUP_NODES_MAX} nodes");
            found.error(&at, message, "keep the primary, the secondary and the tertiary");
        }
        let mut seen = BTreeSet::new();
        for node in &group.nodes {
            if node.is_empty() || node.contains(|c: char| c.is_whitespace() || c.is_control()) {
                found.error(&at, format!("{node:?} is no node's name"), "write the name without spaces");
            } else if !seen.insert(node) {
                found.error(
                    &at,
                    format!("it names {node} twice"),
                    "the first place counts; remove the other",
                );
            }
        }
        unused(&at, "no device pool names it", &used, &group.name, found);
    }
}

fn templates(plan: &Plan, found: &mut Findings) {
    let templates = &plan.phones.button_templates;
    let known = unique("phones.button_template", templates.iter().map(|one| one.name.as_str()), found);
    let mut used = BTreeSet::new();
    for device in &plan.devices {
        let at = format!("device {}", device.name);
        let name = device.button_template.as_deref();
        named(&at, "button template", name, &known, found);
        used.extend(name);
        let template = name.and_then(|name| templates.iter().find(|one| one.name == name));
        if let Some(template) = template.filter(|template| !template.buttons.is_empty()) {
            keys(&at, device, template, found);
        }
    }
    for template in templates {
        let at = format!("phones.button_template {}", template.name);
        if template.buttons.is_empty() {
            found.error(&at, "it has no buttons", "list what the keys are, such as \"line\"");
        }
        if template.buttons.len() > BUTTONS_MAX {
            let message = format!("it has more than {BUTTONS_MAX} buttons");
            found.error(&at, message, "leave out those that no phone has");
        }
        template.buttons.iter().for_each(|button| one(&at, *button, plan, found));
        unused(&at, "no device names it", &used, &template.name, found);
    }
}

/// Has the template a key for each line and lamp of the device?
fn keys(at: &str, device: &Device, template: &ButtonTemplate, found: &mut Findings) {
    let of = |kind: Button| template.buttons.iter().filter(|button| **button == kind).count();
    let kinds = [("lines", Button::Line, device.lines.len()), ("lamps", Button::Lamp, device.lamps.len())];
    for (what, kind, has) in kinds {
        let there = of(kind);
        if has > there {
            let message =
                format!("it has {has} {what}, and its button template {} keys for {there}", template.name);
            found.warning(at, message, "name another template, or give this one more keys");
        }
    }
}

fn one(at: &str, button: Button, plan: &Plan, found: &mut Findings) {
    let does = match button {
        Button::Line | Button::Lamp | Button::Empty => return,
        Button::Feature(feature) => feature,
        Button::Intercom(number) => {
            if number.is_empty() {
                found.error(at, "an intercom key has no number", "write { intercom = \"1003\" }");
            }
            Feature::Intercom
        }
        Button::SpeedDial(place) => {
            let is_of_house = place >= SPEED_DIAL_PLACES;
            if is_of_house && !plan.settings.speed_dials.iter().any(|dial| dial.place == place) {
                let message = format!("nothing stands at place {place} of the house's speed dials");
                found.warning(at, message, "add it under [[settings.speed_dial]], or name another place");
            }
            Feature::SpeedDial
        }
    };
    if plan.code(does).is_none() {
        let message = format!("no feature code does {}, so a key for it dials nothing", does.word());
        found.warning(at, message, "add one under [[feature_code]], or leave the key out");
    }
}

/// Says of what nobody names that it is of no use.
pub(super) fn unused(at: &str, message: &str, used: &BTreeSet<&str>, name: &str, found: &mut Findings) {
    if !used.contains(name) {
        found.warning(at, message, "remove it, or name it there");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn groups_of_nodes_are_named_used_and_have_three_nodes_at_most() {
        check(
            r#"
            [[phones.call_manager_group]]
            name = "empty"
            [[phones.call_manager_group]]
            name = "long"
            nodes = ["a", "b", "a", "d d"]
            [[phones.call_manager_group]]
            name = "good"
            nodes = ["a", "b", "c"]
            [[device_pool]]
            name = "p"
            call_manager_group = "good"
            [[device_pool]]
            name = "q"
            call_manager_group = "other"
            [emergency]
            to = { group = "local" }
        "#,
            &[
                "device_pool q: there is no call-manager group \"other\"",
                "phones.call_manager_group empty: it has no nodes",
                "phones.call_manager_group long: \"d d\" is no node's name",
                "phones.call_manager_group long: it has more than 3 nodes",
                "phones.call_manager_group long: it names a twice",
                "phones.call_manager_group empty: no device pool names it",
                "phones.call_manager_group long: no device pool names it",
            ],
        );
    }

    #[test]
    fn templates_have_keys_for_what_devices_show() {
        check(
            r#"
            [[phones.button_template]]
            name = "empty"
            [[phones.button_template]]
            name = "small"
            buttons = ["line", { intercom = "" }, { speed-dial = 100 }]
            [[device]]
            name = "d"
            lines = ["1001", "1002"]
            lamp = [{ watches = "bob" }]
            button_template = "small"
            [[device]]
            name = "e"
            lines = ["1003"]
            button_template = "none"
        "#,
            &[
                "device e: there is no button template \"none\"",
                "phones.button_template empty: it has no buttons",
                "phones.button_template small: an intercom key has no number",
                "device d: it has 1 lamps, and its button template small keys for 0",
                "device d: it has 2 lines, and its button template small keys for 1",
                "phones.button_template empty: no device names it",
                "phones.button_template small: nothing stands at place 100",
            ],
        );
    }

    #[test]
    fn a_key_for_a_feature_without_a_code_is_told() {
        check(
            r#"
            [[feature_code]]
            pattern = "*72.!"
            does = "forward-all"
            [[phones.button_template]]
            name = "t"
            buttons = ["line", { feature = "forward-all" }, { feature = "redial" }, { intercom = "1001" }]
            [[device]]
            name = "d"
            lines = ["1001"]
            button_template = "t"
        "#,
            &[
                "phones.button_template t: no feature code does intercom",
                "phones.button_template t: no feature code does redial",
            ],
        );
    }
}
