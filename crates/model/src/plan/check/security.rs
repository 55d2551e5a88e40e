//! What is said of security profiles: that they can hold, and that one certificate is one trunk.

use std::net::IpAddr;

use super::super::{
    CERTIFICATES_MAX, Plan, SecurityMode, SecurityProfile, Srtp, Trunk, TrunkSip, TrunkTransport,
};
use super::{Findings, named, unique};

/// Looks at all security profiles, and at the trunks that have them.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    let profiles = &plan.outside.security_profiles;
    let names = profiles.iter().map(|profile| profile.name.as_str());
    let known = unique("outside.security_profile", names, found);
    for profile in profiles {
        one(&format!("outside.security_profile {}", profile.name), profile, found);
    }
    for (index, trunk) in plan.outside.trunks.iter().enumerate() {
        let at = format!("outside.trunk {}", trunk.name);
        named(&at, "security profile", trunk.security_profile.as_deref(), &known, found);
        let (profile, Some(sip)) = (plan.outside.security_profile(trunk), &trunk.sip) else { continue };
        trunk_with(&at, profile, sip, found);
        if let Some(profile) = profile {
            certificates(&at, profile, (plan, &plan.outside.trunks[..index]), found);
        }
    }
}

fn one(at: &str, profile: &SecurityProfile, found: &mut Findings) {
    let clear = |transport: &TrunkTransport| *transport != TrunkTransport::Tls;
    let is_secure = profile.mode != SecurityMode::NonSecure;
    if is_secure && profile.transport.iter().chain(&profile.incoming).any(clear) {
        found.error(
            at,
            "it wants secure signalling, but names a transport without TLS",
            "leave udp and tcp out, or set mode = \"non-secure\"",
        );
    }
    if profile.pinned.len() + profile.subject_names.len() > CERTIFICATES_MAX {
        found.error(
            at,
            format!("it has more than {CERTIFICATES_MAX} names and certificates"),
            "put some together",
        );
    }
    if profile.ca_file.as_ref().is_some_and(|path| path.trim().is_empty()) {
        found.error(at, "its ca_file is empty", "name a file, or leave it out");
    }
    if profile.subject_names.iter().any(|name| name.trim().is_empty() || name.contains([' ', '/', '@'])) {
        found.error(
            at,
            "one of its subject_names is no name",
            "write sip.example.org, as in the certificate",
        );
    }
    let comes_in_clear = !profile.incoming.is_empty() && profile.incoming.iter().all(clear);
    if profile.knows_by_certificate() && comes_in_clear {
        found.error(
            at,
            "who comes in must show a certificate, but may not come over TLS",
            "add tls to incoming, or leave it out",
        );
    }
}

fn trunk_with(at: &str, profile: Option<&SecurityProfile>, sip: &TrunkSip, found: &mut Findings) {
    let mode = profile.map(|profile| profile.mode).unwrap_or_default();
    let transport = sip.transport.or(profile.and_then(|profile| profile.transport));
    if mode != SecurityMode::NonSecure && sip.transport.is_some_and(|own| own != TrunkTransport::Tls) {
        found.error(
            at,
            "its security profile wants TLS, its transport is another one",
            "leave transport out",
        );
    }
    if mode == SecurityMode::Encrypted && sip.srtp == Srtp::Off {
        found.error(at, "its security profile wants SRTP, and its srtp is off", "leave srtp out");
    }
    if profile.is_some_and(|profile| profile.digest) && sip.account.is_none() {
        found.error(
            at,
            "its callers must sign in, but it has no account",
            "give it an account, or set digest = false",
        );
    }
    let is_secure = mode != SecurityMode::NonSecure || transport == Some(TrunkTransport::Tls);
    let is_address = sip.domain.is_none() && sip.host_and_port().0.parse::<IpAddr>().is_ok();
    if is_secure && is_address && !profile.is_some_and(SecurityProfile::knows_by_certificate) {
        found.warning(
            at,
            "its certificate must be for an address, which few are",
            "write its name, or set domain, or subject_names or pinned of its security profile",
        );
    }
}

/// Who shows a certificate must not be two trunks.
fn certificates(
    at: &str,
    profile: &SecurityProfile,
    (plan, before): (&Plan, &[Trunk]),
    found: &mut Findings,
) {
    for other in before {
        let Some(theirs) = plan.outside.security_profile(other) else { continue };
        let same_name =
            |name: &&String| theirs.subject_names.iter().any(|their| their.eq_ignore_ascii_case(name));
        let name = profile.subject_names.iter().find(same_name).cloned();
        let pinned =
            profile.pinned.iter().find(|pinned| theirs.pinned.contains(pinned)).map(ToString::to_string);
        // Both sign in: then that says which of them it is.
        if let Some(what) = name.or(pinned)
            && !(profile.digest && theirs.digest)
        {
            found.error(
                at,
                format!("who shows the certificate {what} is also the trunk {}", other.name),
                "give each trunk a security profile with names of its own",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Plan;

    const NAMED: &str = "subject_names = [\"sip.example.org\"]";

    fn findings(profile: &str, trunk: &str) -> Vec<String> {
        let document = format!(
            "[[outside.security_profile]]\nname = \"secure\"\n{profile}\n[[outside.trunk]]\nname = \"pstn\"\n\
             search_space = \"in\"\n{trunk}\n[[search_space]]\nname = \"in\"\npartitions = [\"internal\"]"
        );
        let all = Plan::read(&document).unwrap().check();
        all.into_iter().filter(|f| f.path.starts_with("outside.")).map(|f| f.message).collect()
    }

    const TRUNK: &str = "security_profile = \"secure\"\nsip = { address = \"sip.example.org\" }";

    #[test]
    fn a_profile_that_can_hold_is_right() {
        for profile in [
            "",
            "mode = \"encrypted\"",
            "mode = \"authenticated\"\ntransport = \"tls\"\nincoming = [\"tls\"]\nca_file = \"ca.pem\"",
            "client_certificate = true\naccept_replaces = false\nsubject_names = [\"*.example.org\"]",
            "incoming = [\"udp\", \"tcp\"]",
        ] {
            assert_eq!(findings(profile, TRUNK), Vec::<String>::new(), "{profile}");
        }
        let comes_in = "security_profile = \"secure\"\nsip = {}";
        assert!(findings(NAMED, comes_in).is_empty(), "who has a certificate may call");
        assert!(findings("", "sip = { address = \"sip.example.org\", transport = \"tls\" }").is_empty());
    }

    #[test]
    fn what_cannot_hold_is_an_error() {
        let named_in_clear = format!("{NAMED}\nincoming = [\"udp\"]");
        let other = "security_profile = \"other\"\nsip = { address = \"x\" }";
        let udp = "security_profile = \"secure\"\nsip = { address = \"x\", transport = \"udp\" }";
        let off = "security_profile = \"secure\"\nsip = { address = \"x\", srtp = \"off\" }";
        let number = "security_profile = \"secure\"\nsip = { address = \"192.0.2.1\" }";
        for (profile, trunk, message) in [
            ("", other, "there is no security profile \"other\""),
            ("mode = \"encrypted\"\ntransport = \"tcp\"", TRUNK, "without TLS"),
            ("mode = \"authenticated\"\nincoming = [\"tls\", \"udp\"]", TRUNK, "without TLS"),
            ("mode = \"authenticated\"", udp, "wants TLS"),
            ("mode = \"encrypted\"", off, "wants SRTP"),
            ("mode = \"encrypted\"", number, "for an address"),
            ("digest = true", TRUNK, "no account"),
            ("ca_file = \"\"", TRUNK, "ca_file is empty"),
            ("subject_names = [\"sip:a@b\"]", TRUNK, "is no name"),
            (named_in_clear.as_str(), TRUNK, "may not come over TLS"),
        ] {
            let found = findings(profile, trunk);
            assert!(found.iter().any(|text| text.contains(message)), "{profile} {trunk}: {found:?}");
        }
    }

    #[test]
    fn one_certificate_is_one_trunk_unless_both_sign_in() {
        let second =
            "[[outside.trunk]]\nname = \"other\"\nsearch_space = \"in\"\nsecurity_profile = \"secure\"";
        let two = format!("{TRUNK}\n{second}\nsip = {{ address = \"y\" }}");
        let found = findings(NAMED, &two);
        assert!(found.iter().any(|text| text.contains("is also the trunk pstn")), "{found:?}");
        let account = |name: &str| format!("account = {{ username = \"{name}\", password = \"p\" }}");
        let signing = format!(
            "security_profile = \"secure\"\nsip = {{ address = \"x\", {} }}\n{second}\nsip = {{ address = \"y\", {} }}",
            account("a"),
            account("b")
        );
        let profile = format!("{NAMED}\ndigest = true");
        assert!(findings(&profile, &signing).is_empty());
        let found = findings(&profile, &signing.replace(&account("b"), &account("a")));
        assert!(found.iter().any(|text| text.contains("user name is also that")), "{found:?}");
    }
}
