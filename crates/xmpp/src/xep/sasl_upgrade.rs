//! SASL Upgrade Tasks (XEP-0480): a client that has signed in gives what a stronger mechanism needs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::sasl2;
use crate::sasl::scram::Hash;
use crate::{Builder, Element};

/// The namespace.
pub const NS: &str = "urn:xmpp:sasl:upgrade:0";
/// The namespace of the tasks for SCRAM (§3).
pub const SCRAM: &str = "urn:xmpp:scram-upgrade:0";

/// The task that gives an account a record for `hash` (§2.1: never with `-PLUS`).
pub fn task(hash: Hash) -> String {
    format!("UPGR-{}", hash.mechanism())
}

/// The hash function of a task that we know.
pub fn hash(task: &str) -> Option<Hash> {
    Hash::ALL.into_iter().find(|hash| task.strip_prefix("UPGR-") == Some(hash.mechanism()))
}

/// `<continue/>`: signed in, and this task comes before the success (§2.2).
pub fn proceed(hash: Hash, additional: Option<&str>) -> Bytes {
    let mut builder = Builder::other("continue", sasl2::NS);
    if let Some(additional) = additional {
        builder.text_child("additional-data", "", additional);
    }
    builder.open("tasks", "").text_child("task", "", &task(hash)).finish()
}

/// The salt and the count that the client is to derive with (§3).
pub fn salt(salt: &[u8], iterations: u32) -> Bytes {
    Builder::other("task-data", sasl2::NS)
        .open("salt", SCRAM)
        .attr("iterations", &iterations.to_string())
        .text(&BASE64.encode(salt))
        .finish()
}

/// The salted password that the client sent (§3).
pub fn salted_password(task_data: &Element) -> Option<Vec<u8>> {
    BASE64.decode(task_data.child("hash", SCRAM)?.text().trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_the_name_of_its_mechanism() {
        for stronger in Hash::ALL {
            assert_eq!(hash(&task(stronger)), Some(stronger));
        }
        assert_eq!(task(Hash::Sha256), "UPGR-SCRAM-SHA-256");
        assert_eq!(hash("UPGR-SCRAM-SHA-256-PLUS"), None);
        assert_eq!(hash("SCRAM-SHA-256"), None);
    }

    /// XEP-0480 §3.
    #[test]
    fn the_examples_are_what_we_write_and_read() {
        assert_eq!(
            proceed(Hash::Sha256, Some("dj1tc1Y=")),
            "<continue xmlns='urn:xmpp:sasl:2'><additional-data>dj1tc1Y=</additional-data>\
             <tasks><task>UPGR-SCRAM-SHA-256</task></tasks></continue>"
        );
        assert_eq!(
            salt(&[0; 3], 4096),
            "<task-data xmlns='urn:xmpp:sasl:2'><salt xmlns='urn:xmpp:scram-upgrade:0' iterations='4096'>AAAA\
             </salt></task-data>"
        );
        let xml = "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'> \
                   BzOnw3Pc5H4bOLlPZ/8JAy6wnTpH05aH21KW2+Xfpaw=\n</hash></task-data>";
        let element = Element::parse(xml.as_bytes(), sasl2::NS).unwrap();
        assert_eq!(salted_password(&element).map(|salted| salted.len()), Some(32));
    }
}
