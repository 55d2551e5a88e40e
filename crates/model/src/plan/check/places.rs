//! What is said of regions and locations: that the others are there, each pair once, and that something can be spoken.

use std::collections::BTreeSet;

use super::super::{Allowance, OPUS_KBITS, Plan, codec_kbits};
use super::Findings;

/// The least bandwidth that one call of any codec takes, in kbit/s: that of G.729.
const CALL_KBITS_MIN: u32 = 24;

/// Looks at all regions and locations.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    let regions: BTreeSet<&str> = plan.outside.regions.iter().map(|region| region.name.as_str()).collect();
    allowance("settings.between_regions", &plan.settings.between_regions, found);
    let mut pairs = BTreeSet::new();
    for region in &plan.outside.regions {
        let at = format!("outside.region {}", region.name);
        allowance(&format!("{at} within"), &region.within, found);
        for to in &region.to {
            let at = format!("{at} to {}", to.region);
            pair(&at, "region", (&region.name, &to.region), (&regions, &mut pairs), found);
            allowance(&at, &to.allows, found);
        }
    }
    let locations: BTreeSet<&str> =
        plan.outside.locations.iter().map(|location| location.name.as_str()).collect();
    let mut pairs = BTreeSet::new();
    for location in &plan.outside.locations {
        let at = format!("outside.location {}", location.name);
        bandwidth(&at, location.audio_kbits, found);
        for to in &location.to {
            let at = format!("{at} to {}", to.location);
            pair(&at, "location", (&location.name, &to.location), (&locations, &mut pairs), found);
            bandwidth(&at, to.audio_kbits, found);
        }
    }
}

fn pair<'a>(
    at: &str,
    kind: &str,
    (one, other): (&'a str, &'a str),
    (known, pairs): (&BTreeSet<&str>, &mut BTreeSet<(&'a str, &'a str)>),
    found: &mut Findings,
) {
    if !known.contains(other) {
        found.error(at, format!("there is no {kind} {other:?}"), "add it, or name another");
    } else if one == other {
        found.error(at, format!("it is the {kind} itself"), "what holds within it stands at the top of it");
    } else if !pairs.insert((one.min(other), one.max(other))) {
        found.error(at, "the pair is there twice", "write each pair once, in one of the two");
    }
}

fn allowance(at: &str, allows: &Allowance, found: &mut Findings) {
    let is_named =
        |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
    for codec in &allows.codecs {
        if !is_named(codec) {
            found.error(at, format!("{codec:?} is no codec"), "write its name, such as PCMA, G722 or opus");
        } else if allows.rank(codec).is_none() {
            let (needs, most) = (codec_kbits(codec), allows.audio_kbits.unwrap_or_default());
            found.warning(
                at,
                format!("{codec} needs {needs} kbit/s and {most} are allowed, so it is never spoken"),
                "raise audio_kbits, or leave the codec out",
            );
        }
    }
    let speaks = |codec: &String| allows.rank(codec).is_some();
    if !allows.codecs.is_empty() && !allows.codecs.iter().any(speaks) {
        found.error(at, "nothing is left to speak", "raise audio_kbits, or name slower codecs");
    }
    if allows.codecs.is_empty() && allows.audio_kbits.is_some_and(|most| most < OPUS_KBITS.min(8)) {
        found.error(at, "no codec is as slow as that", "set audio_kbits to 8 or more");
    }
    let sound = allows.audio_kbits.unwrap_or_default();
    if allows.video_call_kbits.is_some_and(|whole| whole > 0 && whole <= sound) {
        found.warning(
            at,
            "sound takes all that a call with pictures may take",
            "set video_call_kbits to the rate of sound and pictures together, such as 2064",
        );
    }
}

fn bandwidth(at: &str, audio_kbits: Option<u32>, found: &mut Findings) {
    if let Some(kbits) = audio_kbits.filter(|kbits| *kbits < CALL_KBITS_MIN) {
        let message = format!("{kbits} kbit/s are not enough for one call");
        found.warning(at, message, "a call takes 80 in G.711 or G.722, and 24 in G.729");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn regions_that_are_not_there_and_pairs_that_are_there_twice_are_told() {
        check(
            r#"
            [[outside.region]]
            name = "berlin"
            to = [{ region = "london" }, { region = "paris" }, { region = "berlin" }]
            [[outside.region]]
            name = "london"
            to = [{ region = "berlin" }]
            "#,
            &[
                "outside.region berlin to berlin: it is the region itself",
                "outside.region berlin to paris: there is no region \"paris\"",
                "outside.region london to berlin: the pair is there twice",
            ],
        );
    }

    #[test]
    fn what_nobody_can_speak_is_refused() {
        let within = |allows: &str| format!("[[outside.region]]\nname = \"r\"\nwithin = {{ {allows} }}");
        check(&within("codecs = [\"PCMA\", \"G729\"], audio_kbits = 64, video_call_kbits = 2064"), &[]);
        check(
            &within("codecs = [\"PCMA\", \"G729\"], audio_kbits = 8"),
            &["outside.region r within: PCMA needs 64 kbit/s and 8 are allowed"],
        );
        check(
            &within("codecs = [\"PCMA\"], audio_kbits = 8"),
            &["nothing is left to speak", "PCMA needs 64"],
        );
        check(&within("audio_kbits = 2"), &["no codec is as slow as that"]);
        check(&within("codecs = [\"\"]"), &["\"\" is no codec"]);
        check(&within("audio_kbits = 64, video_call_kbits = 64"), &["sound takes all"]);
        check(&within("audio_kbits = 64, video_call_kbits = 0"), &[]);
    }

    #[test]
    fn locations_are_there_and_wide_enough_for_one_call() {
        check(
            "[[outside.location]]\nname = \"a\"\naudio_kbits = 20\nto = [{ location = \"b\", audio_kbits = 80 }]",
            &[
                "outside.location a to b: there is no location",
                "outside.location a: 20 kbit/s are not enough",
            ],
        );
    }

    #[test]
    fn a_place_names_regions_and_locations_that_are_there() {
        check(
            "[[device_pool]]\nname = \"p\"\nplace = { region = \"r\", location = \"l\" }",
            &[
                "device_pool p: there is no location \"l\"",
                "device_pool p: there is no region \"r\"",
                "device_pool p: its emergency calls have no way out",
            ],
        );
    }
}
