//! What the running server finds odd about calls: a stolen password, somebody who tries many.

use calls::guard::{Alert, Oddity};

use super::Finding;

const WHAT: &str = "alerts";

pub(crate) fn check(alerts: &[Alert]) -> Vec<Finding> {
    if alerts.is_empty() {
        return vec![Finding::fine(WHAT, "nothing is odd about calls")];
    }
    alerts.iter().map(finding).collect()
}

fn finding(alert: &Alert) -> Finding {
    let Alert { at, who, text, times, .. } = alert;
    let again = if *times > 1 { format!(", {times} times") } else { String::new() };
    let advice = match alert.what {
        Oddity::Scanning => {
            "is it yours? else keep it out by the firewall; what it tries is answered late".to_owned()
        }
        _ => format!(
            "ask its owner; `carillon line set-password {who}` locks others out, `carillon line release {who}` lets it call again"
        ),
    };
    Finding::warning(WHAT, format!("{who}: {text} (since {at}{again})"), advice)
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;
    use crate::check::Grade;

    #[test]
    fn an_alert_says_who_and_what_to_do() {
        assert_eq!(check(&[])[0].grade, Grade::Fine);
        let alert = |what, who: &str| Alert {
            at: Timestamp(0),
            what,
            who: who.to_owned(),
            text: "6 calls".to_owned(),
            times: 3,
        };
        let found = check(&[alert(Oddity::ShortCalls, "1001"), alert(Oddity::Scanning, "203.0.113.7")]);
        assert!(found.iter().all(|finding| finding.grade == Grade::Warning));
        assert!(found[0].text.contains("1001: 6 calls") && found[0].text.contains("3 times"), "{}", found[0]);
        assert!(found[0].advice.contains("line release 1001") && found[1].advice.contains("firewall"));
    }
}
