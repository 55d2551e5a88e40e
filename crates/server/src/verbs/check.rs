//! `carillon check`: configuration, certificates, ports, DNS; each finding says what to do.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::ExitCode;

use anyhow::Result;
use hickory_resolver::TokioResolver;
use runtime::Runtime;
use serde_json::{Value, json};

use super::{Common, plain, table};
use crate::config::Config;
use crate::data::Data;
use crate::node::PORTS;

/// A certificate that ends sooner than this is told of, in days.
const CERTIFICATE_DAYS_LEFT: i64 = 14;
/// DNS records that clients and phones look for, and the port that they should name.
const RECORDS: &[(&str, u16)] = &[
    ("_xmpp-client._tcp", 5222),
    ("_xmpps-client._tcp", 5223),
    ("_sip._udp", 5060),
    ("_sip._tcp", 5060),
    ("_sips._tcp", 5061),
];

struct Finding {
    part: &'static str,
    good: bool,
    text: String,
}

pub(super) async fn run(common: Common) -> Result<ExitCode> {
    let data = common.data.data();
    let config = data.config()?;
    let mut findings = vec![Finding { part: "config", good: true, text: "carillon.toml is in order".to_owned() }];
    findings.push(certificate(&data, &config));
    findings.extend(ports(&data, &config));
    findings.extend(dns(&config).await);
    let value: Value = findings
        .iter()
        .map(|f| json!({ "part": f.part, "good": f.good, "text": f.text }))
        .collect();
    common.show(&value, |v| {
        let row = |f: &Value| {
            let mark = if f["good"] == true { "ok" } else { "!!" };
            vec![mark.to_owned(), plain(&f["part"]), plain(&f["text"])]
        };
        table(&v.as_array().into_iter().flatten().map(row).collect::<Vec<_>>())
    })?;
    // DNS may be served elsewhere or be still to come; everything else keeps the server from working.
    let broken = findings.iter().any(|f| !f.good && f.part != "dns");
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn certificate(data: &Data, config: &Config) -> Finding {
    let wrong = |text: String| Finding { part: "certificate", good: false, text };
    let facts = data.identity(config).and_then(|identity| identity.facts());
    let (ends, names) = match facts {
        Ok(facts) => facts,
        Err(error) => return wrong(format!("{error:#}; put PEM files there and name them in [listen]")),
    };
    let days = (ends - Runtime::real().timestamp().seconds()) / 86_400;
    if !names.contains(&config.domain) {
        return wrong(format!("is for {}, not for {}; get one for the domain", names.join(", "), config.domain));
    }
    if days < CERTIFICATE_DAYS_LEFT {
        return wrong(format!("ends in {days} days; renew it and `systemctl reload carillon`"));
    }
    Finding { part: "certificate", good: true, text: format!("for {}, {days} days left", config.domain) }
}

fn ports(data: &Data, config: &Config) -> Vec<Finding> {
    if std::os::unix::net::UnixStream::connect(data.control_socket()).is_ok() {
        return vec![Finding { part: "ports", good: true, text: "the server runs and has its ports".to_owned() }];
    }
    PORTS
        .iter()
        .map(|(name, port, udp, loopback)| {
            let address = if *loopback { [127, 0, 0, 1].into() } else { config.listen.address };
            let address = SocketAddr::new(address, config.port(*port));
            let tried = if *udp { UdpSocket::bind(address).map(drop) } else { TcpListener::bind(address).map(drop) };
            match tried {
                Ok(()) => Finding { part: "ports", good: true, text: format!("{name} {address} is free") },
                Err(error) => Finding {
                    part: "ports",
                    good: false,
                    text: format!("{name} {address}: {error}; stop what has it, or change [listen]"),
                },
            }
        })
        .collect()
}

async fn dns(config: &Config) -> Vec<Finding> {
    let wrong = |text: String| Finding { part: "dns", good: false, text };
    let resolver = match TokioResolver::builder_tokio().and_then(|builder| builder.build()) {
        Ok(resolver) => resolver,
        Err(error) => return vec![wrong(format!("no resolver: {error}"))],
    };
    let mut findings = Vec::new();
    for (record, port) in RECORDS {
        let name = format!("{record}.{}.", config.domain);
        let want = config.port(*port);
        findings.push(match resolver.srv_lookup(name.clone()).await {
            Ok(found) => {
                let ports: Vec<u16> = found.answers().iter().filter_map(srv_port).collect();
                if ports.contains(&want) {
                    Finding { part: "dns", good: true, text: format!("{name} names port {want}") }
                } else {
                    wrong(format!("{name} names port {ports:?}, this server listens on {want}"))
                }
            }
            Err(_) => wrong(format!("{name} is missing; add SRV 0 5 {want} with this server's name")),
        });
    }
    findings
}

fn srv_port(record: &hickory_resolver::proto::rr::Record) -> Option<u16> {
    match &record.data {
        hickory_resolver::proto::rr::RData::SRV(srv) => Some(srv.port),
        _ => None,
    }
}
