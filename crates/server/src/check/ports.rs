//! Are the ports free, or in use by our own server?

use std::net::SocketAddr;

use operations::folder;
use runtime::{Runtime, SocketOptions};

use super::Finding;
use crate::config::{Config, ListenSection};
use crate::control::Client;

const WHAT: &str = "ports";

/// A service with its addresses.
struct Service {
    key: &'static str,
    addresses: Vec<SocketAddr>,
    udp: bool,
}

pub(crate) async fn check(config: &Config, runtime: &Runtime) -> Vec<Finding> {
    if Client::connect(runtime, &folder::socket_path(&config.folder)).await.is_some() {
        return vec![Finding::fine(WHAT, "the server runs and holds its ports")];
    }
    let mut findings = Vec::new();
    for service in services(&config.listen) {
        for address in &service.addresses {
            findings.extend(bind(runtime, &service, *address));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::fine(WHAT, "all ports are free"));
    }
    findings
}

fn services(listen: &ListenSection) -> Vec<Service> {
    let public = |key, port, udp| Service { key, addresses: listen.at(port), udp };
    let loopback = |key, port| Service { key, addresses: listen.loopback(port), udp: false };
    vec![
        public("xmpp", listen.xmpp, false),
        public("xmpps", listen.xmpps, false),
        public("xmpp_servers", listen.xmpp_servers, false),
        public("xmpps_servers", listen.xmpps_servers, false),
        public("sip", listen.sip, false),
        public("sip", listen.sip, true),
        public("sips", listen.sips, false),
        public("https", listen.https, false),
        public("proxy", listen.proxy, false),
        public("webrtc", listen.webrtc, false),
        public("webrtc", listen.webrtc, true),
        loopback("http_loopback", listen.http_loopback),
        loopback("metrics", listen.metrics),
    ]
}

fn bind(runtime: &Runtime, service: &Service, address: SocketAddr) -> Option<Finding> {
    let options = SocketOptions::default();
    let bound = if service.udp {
        runtime.bind_udp(address, options).map(drop)
    } else {
        runtime.listen_tcp(address, options).map(drop)
    };
    let error = bound.err()?;
    let key = service.key;
    let protocol = if service.udp { "UDP" } else { "TCP" };
    let text = format!("{protocol} {address} ([listen] {key}) cannot be used: {error}");
    Some(match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let advice = format!(
                "end the program that has it (ss -lnp), or set another [listen] {key} or port_offset"
            );
            Finding::failed(WHAT, text, advice)
        }
        std::io::ErrorKind::PermissionDenied => Finding::failed(
            WHAT,
            text,
            "ports below 1024 need AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit",
        ),
        // IPv6 may be switched off on this machine.
        _ if address.is_ipv6() => Finding::warning(WHAT, text, "take it out of [listen] addresses"),
        _ => Finding::failed(WHAT, text, "set [listen] addresses to addresses of this machine"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Grade;

    #[tokio::test]
    async fn a_port_that_another_program_has_is_found() {
        let runtime = Runtime::real();
        let taken = runtime.listen_tcp("127.0.0.1:0".parse().unwrap(), SocketOptions::default()).unwrap();
        let port = taken.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path(), "localhost".parse().unwrap());
        config.listen = ListenSection {
            addresses: vec!["127.0.0.1".parse().unwrap()],
            port_offset: 0,
            xmpp: port,
            xmpps: 0,
            xmpp_servers: 0,
            xmpps_servers: 0,
            components: 0,
            sip: 0,
            sips: 0,
            https: 0,
            http_loopback: 0,
            metrics: 0,
            proxy: 0,
            webrtc: 0,
        };
        let findings = check(&config, &runtime).await;
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].grade, Grade::Failed);
        assert!(findings[0].text.contains("[listen] xmpp"), "{findings:?}");
        drop(taken);
        assert_eq!(check(&config, &runtime).await[0].grade, Grade::Fine);
    }
}
