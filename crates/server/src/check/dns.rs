//! What the world's name service says of the domain: addresses, and the SRV records that clients and phones ask for.

use hickory_resolver::TokioResolver;
use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;

use super::Finding;
use crate::config::Config;

const WHAT: &str = "dns";

pub(crate) async fn check(config: &Config) -> Vec<Finding> {
    let domain = config.domain.as_str();
    if domain == "localhost" || domain.ends_with(".localhost") || domain.parse::<std::net::IpAddr>().is_ok() {
        return vec![Finding::fine(WHAT, format!("{domain} needs no name service"))];
    }
    let resolver = match TokioResolver::builder_tokio().and_then(|builder| builder.build()) {
        Ok(resolver) => resolver,
        Err(error) => return vec![Finding::warning(WHAT, error.to_string(), "see /etc/resolv.conf")],
    };
    let mut findings = Vec::new();
    // A dot at the end: the name is complete, and no search list of this machine is tried.
    match resolver.lookup_ip(format!("{domain}.")).await {
        Ok(found) => {
            let addresses: Vec<String> = found.iter().map(|address| address.to_string()).collect();
            findings.push(Finding::fine(WHAT, format!("{domain} is {}", addresses.join(", "))));
        }
        Err(error) => findings.push(missing(
            &error,
            format!("{domain} has no address"),
            format!("add an A or AAAA record for {domain}, or the SRV records below"),
        )),
    }
    for (service, port) in wanted(config) {
        let name = format!("{service}.{domain}.");
        let record = format!("{name} IN SRV 0 5 {port} {domain}.");
        findings.push(match resolver.srv_lookup(name.as_str()).await {
            Ok(found) => {
                let ports: Vec<u16> = found
                    .answers()
                    .iter()
                    .filter_map(
                        |record| if let RData::SRV(srv) = &record.data { Some(srv.port) } else { None },
                    )
                    .collect();
                judge(service, domain, port, &ports, &record)
            }
            Err(error) => missing(&error, format!("{service}.{domain} is missing"), format!("add: {record}")),
        });
    }
    findings
}

fn judge(service: &str, domain: &str, port: u16, ports: &[u16], record: &str) -> Finding {
    if ports.contains(&port) {
        Finding::fine(WHAT, format!("{service}.{domain} names port {port}"))
    } else {
        // A router may well move ports: that is no failure.
        let text = format!("{service}.{domain} names port {ports:?}, and this server listens on {port}");
        Finding::warning(WHAT, text, format!("unless a router moves it, write: {record}"))
    }
}

/// The records (RFC 6120 §3.2.1, XEP-0368 §3, RFC 3263 §4.1) with the ports that they should name.
fn wanted(config: &Config) -> Vec<(&'static str, u16)> {
    let listen = &config.listen;
    let records = [
        ("_xmpp-client._tcp", listen.xmpp),
        ("_xmpps-client._tcp", listen.xmpps),
        ("_xmpp-server._tcp", if config.im.federation.enabled { listen.xmpp_servers } else { 0 }),
        ("_xmpps-server._tcp", if config.im.federation.enabled { listen.xmpps_servers } else { 0 }),
        ("_sip._udp", listen.sip),
        ("_sip._tcp", listen.sip),
        ("_sips._tcp", listen.sips),
    ];
    records.into_iter().filter(|(_, port)| *port != 0).collect()
}

fn missing(error: &NetError, text: String, advice: String) -> Finding {
    if error.is_no_records_found() {
        Finding::warning(WHAT, text, advice)
    } else {
        Finding::warning(WHAT, format!("the name service did not answer: {error}"), "see /etc/resolv.conf")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Grade;

    #[tokio::test]
    async fn localhost_needs_no_name_service() {
        let config = Config::new(std::path::Path::new("/data"), "localhost".parse().unwrap());
        assert_eq!(check(&config).await[0].grade, Grade::Fine);
    }

    #[test]
    fn records_are_wanted_for_what_is_served_only() {
        let mut config = Config::new(std::path::Path::new("/data"), "example.org".parse().unwrap());
        config.listen.sips = 0;
        let names: Vec<&str> = wanted(&config).into_iter().map(|(name, _)| name).collect();
        config.im.federation.enabled = false;
        let without: Vec<&str> = wanted(&config).into_iter().map(|(name, _)| name).collect();
        assert_eq!(without, ["_xmpp-client._tcp", "_xmpps-client._tcp", "_sip._udp", "_sip._tcp"]);
        assert_eq!(&names[2..4], ["_xmpp-server._tcp", "_xmpps-server._tcp"]);
    }

    #[test]
    fn a_record_for_another_port_is_warned_of() {
        assert_eq!(judge("_sip._udp", "example.org", 5060, &[5060], "").grade, Grade::Fine);
        let other = judge("_sip._udp", "example.org", 5060, &[5070], "the record");
        assert_eq!(other.grade, Grade::Warning);
        assert!(other.text.contains("5070") && other.advice.contains("the record"), "{other:?}");
    }
}
