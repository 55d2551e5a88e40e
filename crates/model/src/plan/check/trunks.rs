//! What is said of trunks: that they can be reached, and that not everybody is one.

use super::super::{
    COST_ENTRIES_MAX, CallerId, Costs, Plan, SecurityProfile, Selection, TRUNKS_MAX, Trunk, TrunkSip,
};
use super::Findings;

/// The shortest interval of OPTIONS and of registrations that is taken, in seconds.
const SECONDS_MIN: u32 = 5;

/// Looks at all trunks.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    let trunks = &plan.outside.trunks;
    if trunks.len() > TRUNKS_MAX {
        found.error("outside.trunk", format!("there are more than {TRUNKS_MAX}"), "put some together");
    }
    for group in &plan.outside.route_groups {
        let at = format!("outside.route_group {}", group.name);
        let is_weighted = group.selection == Selection::Weighted;
        if is_weighted && group.weights.len() != group.trunks.len() {
            found.error(at, "it has not as many weights as trunks", "give each trunk its weight");
        } else if is_weighted && group.weights.iter().all(|weight| *weight == 0) {
            found.error(at, "all its weights are 0", "give one trunk a weight at least");
        } else if !is_weighted && !group.weights.is_empty() {
            found.warning(at, "its weights have no effect", "set selection = \"weighted\"");
        }
    }
    for at in plan.hidden_secrets() {
        let advice = "write it again, or begin with `carillon dialplan show --secrets`";
        found.error(at, "its secret was hidden when the plan was shown", advice);
    }
    costs(&plan.outside.costs, found);
    for (index, trunk) in trunks.iter().enumerate() {
        let at = format!("outside.trunk {}", trunk.name);
        if let Some(sip) = &trunk.sip {
            one(&at, (trunk, plan.outside.security_profile(trunk)), sip, found);
            sources(&at, (trunk, sip), (plan, &trunks[..index]), found);
        }
    }
}

fn costs(costs: &Costs, found: &mut Findings) {
    let at = "outside.costs";
    if let Some(country) = &costs.country
        && !country.as_str().starts_with('+')
    {
        found.error(at, format!("country '{}' is no country code", country.as_str()), "write it such as +49");
    }
    let entries = costs.premium.len() + costs.international.len() + costs.exceptions.len();
    if entries > COST_ENTRIES_MAX {
        found.error(
            at,
            format!("there are more than {COST_ENTRIES_MAX} patterns and exceptions"),
            "put some together",
        );
    }
}

fn one(at: &str, (trunk, profile): (&Trunk, Option<&SecurityProfile>), sip: &TrunkSip, found: &mut Findings) {
    if !sip.address.is_empty() && !is_place(&sip.address) {
        found.error(
            at,
            format!("its address '{}' is neither a host nor host:port", sip.address),
            "write sip.example.org or 192.0.2.1:5060",
        );
    }
    let account = sip.account.as_ref();
    let signs_in = account.is_some_and(|account| account.inbound || profile.is_some_and(|p| p.digest));
    let is_known =
        signs_in || !sip.from.is_empty() || profile.is_some_and(SecurityProfile::knows_by_certificate);
    if sip.address.is_empty() && !is_known {
        found.error(
            at,
            "no call can go out over it or come in",
            "give it an address, or from, or an account with inbound, or a security profile with subject_names",
        );
    }
    if sip.from.iter().any(super::super::Source::is_everybody) {
        found.error(
            at,
            "its from lets everybody in without a password",
            "name the networks of the other side",
        );
    }
    if let Some(account) = account {
        if account.username.is_empty() || account.password.is_empty() {
            found.error(at, "its account has no user name or no password", "set both, or leave account out");
        }
        if account.register && sip.address.is_empty() {
            found.error(at, "it registers, but has no address to register at", "give it an address");
        }
        if account.expires_seconds < SECONDS_MIN {
            found.error(
                at,
                format!("it registers more often than every {SECONDS_MIN} seconds"),
                "set expires_seconds to 60 or more",
            );
        }
    }
    if sip.options_seconds != 0 && u32::from(sip.options_seconds) < SECONDS_MIN {
        found.error(at, format!("options_seconds is below {SECONDS_MIN}"), "set 30, or 0 for never");
    }
    if sip.answer_seconds == 0 || sip.answer_seconds > 32 {
        found.error(at, "answer_seconds is not between 1 and 32", "set 4");
    }
    if sip.half_open_max == 0 {
        found.warning(at, "half_open_max is 0: no call comes in over it", "leave it out, or raise it");
    }
    if sip.calls_max == Some(0) {
        found.warning(at, "calls_max is 0: no call goes over it", "leave it out, or raise it");
    }
    let is_flagged = profile.is_some_and(|profile| profile.accept_out_of_dialog_refer);
    if (trunk.accept_out_of_dialog_refer || is_flagged) && !is_known {
        found.warning(
            at,
            "it accepts REFER outside a dialog, but nobody can be told to be this trunk",
            "set from, or account.inbound, or subject_names of a security profile",
        );
    }
    if sip.trust_identity && sip.caller_id == CallerId::From && sip.from.is_empty() && account.is_none() {
        found.warning(at, "it trusts the identity that anybody claims", "set from or account");
    }
}

/// One address must not be two trunks: the search space of a call would hang on the order of the document.
fn sources(
    at: &str,
    (trunk, sip): (&Trunk, &TrunkSip),
    (plan, before): (&Plan, &[Trunk]),
    found: &mut Findings,
) {
    // Whoever signs in is known by this name.
    let name = |trunk: &Trunk| {
        let wants_all = plan.outside.security_profile(trunk).is_some_and(|profile| profile.digest);
        let account = trunk.sip.as_ref()?.account.as_ref()?;
        (account.inbound || wants_all).then(|| account.username.clone())
    };
    for other in before {
        let theirs = other.sip.as_ref().map_or(&[][..], |sip| &sip.from);
        if let Some(source) = sip.from.iter().find(|source| theirs.iter().any(|their| their.overlaps(source)))
        {
            found.error(
                at,
                format!("{source} in from is also the trunk {}", other.name),
                "name each network once",
            );
        }
        if name(trunk).is_some() && name(trunk) == name(other) {
            found.error(
                at,
                format!("its user name is also that of the trunk {}", other.name),
                "use another one",
            );
        }
    }
}

/// `host`, `host:port`, `[address]:port`.
fn is_place(text: &str) -> bool {
    let (host, port) = super::super::trunk::host_and_port(text);
    let is_name = |host: &str| {
        !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    port.is_some_and(|port| port != Some(0)) && (is_name(host) || host.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::super::super::Plan;

    fn findings(trunk: &str) -> Vec<String> {
        let document = format!("[[outside.trunk]]\nname = \"pstn\"\nsearch_space = \"in\"\n{trunk}");
        let document = format!("{document}\n[[search_space]]\nname = \"in\"\npartitions = [\"internal\"]");
        let all = Plan::read(&document).unwrap().check();
        all.into_iter().filter(|f| f.path.starts_with("outside.trunk")).map(|f| f.message).collect()
    }

    #[test]
    fn a_trunk_that_can_be_reached_is_right() {
        for address in ["192.0.2.1", "192.0.2.1:5080", "sip.example.org", "[2001:db8::1]:5070", "2001:db8::1"]
        {
            assert!(findings(&format!("sip = {{ address = \"{address}\" }}")).is_empty(), "{address}");
        }
        assert!(findings("sip = { from = [\"192.0.2.0/24\"] }").is_empty(), "calls may only come in");
    }

    #[test]
    fn what_cannot_work_or_would_let_anybody_in_is_an_error() {
        for (trunk, message) in [
            ("sip = { address = \"sip:x\" }", "neither a host"),
            ("sip = { address = \"x:0\" }", "neither a host"),
            ("sip = {}", "no call can go out"),
            ("sip = { from = [\"0.0.0.0/0\"] }", "everybody"),
            ("sip = { address = \"x\", account = { username = \"a\", password = \"\" } }", "no password"),
            (
                "sip = { from = [\"192.0.2.1\"], account = { username = \"a\", password = \"b\", register = true } }",
                "register at",
            ),
            ("sip = { address = \"x\", options_seconds = 1 }", "options_seconds"),
            ("sip = { address = \"x\", answer_seconds = 60 }", "answer_seconds"),
        ] {
            let found = findings(trunk);
            assert!(found.iter().any(|text| text.contains(message)), "{trunk}: {found:?}");
        }
    }

    #[test]
    fn one_address_is_one_trunk() {
        let found = findings(
            "sip = { from = [\"192.0.2.0/24\"] }\n[[outside.trunk]]\nname = \"other\"\nsearch_space = \"in\"\nsip = { from = [\"192.0.2.7\"] }",
        );
        assert!(found.iter().any(|text| text.contains("also the trunk pstn")), "{found:?}");
    }
}
