//! docs/doap.xml: the description of the project that XMPP software lists read (XEP-0453).

use super::Declared;
use super::evidence::Test;

const HEAD: &str = "<?xml version='1.0' encoding='UTF-8'?>
<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://usefulinc.com/ns/doap#' xmlns:xmpp='https://linkmauve.fr/ns/xmpp-doap#'>
  <Project>
    <name>Carillon</name>
    <shortdesc xml:lang='en'>One server for chat, telephony and presence</shortdesc>
    <description xml:lang='en'>A self-hosted server for any XMPP client and any SIP phone, with one presence for both.</description>
    <category rdf:resource='https://linkmauve.fr/ns/xmpp-doap#category-server'/>
    <programming-language>Rust</programming-language>
    <os>Linux</os>
    <license rdf:resource='https://www.apache.org/licenses/LICENSE-2.0'/>
";

/// The file. Tests do not stand in it.
pub fn write(declared: &[Declared], _tests: &[Test]) -> String {
    let mut text = HEAD.to_owned();
    let mut last = String::new();
    for spec in declared {
        let name = spec.name();
        if name == last {
            continue;
        }
        if spec.kind == "RFC" {
            let number = spec.number;
            text.push_str(&format!(
                "    <implements rdf:resource='https://xmpp.org/rfcs/rfc{number}.html'/>\n"
            ));
        } else {
            let status = if spec.missing.is_empty() { "complete" } else { "partial" };
            let note = if spec.missing.is_empty() {
                String::new()
            } else {
                format!("<xmpp:note>without {}</xmpp:note>", spec.missing)
            };
            text.push_str(&format!(
                "    <implements><xmpp:SupportedXep><xmpp:xep rdf:resource='https://xmpp.org/extensions/xep-{:04}.html'/>\
                 <xmpp:status>{status}</xmpp:status><xmpp:version>{}</xmpp:version>{note}</xmpp:SupportedXep></implements>\n",
                spec.number, spec.version
            ));
        }
        last = name;
    }
    text.push_str("  </Project>\n</rdf:RDF>\n");
    text
}
