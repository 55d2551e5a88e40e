//! The short, commented file that `init` writes.

/// What differs from one installation to the next.
pub struct Template<'a> {
    /// The domain of all addresses.
    pub domain: &'a str,
    /// The address of the listeners.
    pub address: &'a str,
    /// Added to every default port.
    pub port_offset: u16,
}

/// The text of a new `carillon.toml`. Commented keys show their defaults.
pub fn template(values: &Template<'_>) -> String {
    let Template { domain, address, port_offset } = values;
    format!(
        r#"# Carillon's configuration. Every key can be overridden by the environment: CARILLON__SECTION__KEY.
version = 1
domain = "{domain}"

[listen]
address = "{address}"
port_offset = {port_offset}               # added to every port: 5222 5223 5060 5061 8443 8080 9464
# http_loopback = true          # plain HTTP on 127.0.0.1:8080
# metrics = true                # OpenMetrics on 127.0.0.1:9464
certificate = "certificate.pem" # read again on SIGHUP
key = "key.pem"

[storage]
url = "sqlite:carillon.db"      # or postgres://USER:PASSWORD@HOST/DATABASE

[media]
rtp_ports = [16384, 32766]      # UDP; lower half for sound, upper half for video
# advertise = "198.51.100.1"    # behind NAT: the address that phones outside of [network] local reach

[sip]
digest = ["md5"]                # or ["sha-256", "md5"], ["sha-256"] where every phone can
# advertise = "198.51.100.1"    # behind NAT: as above, for signalling
# ring_seconds = 120

[network]
# local = ["10.0.0.0/8"]        # phones there are told this server's own address
# trusted = ["127.0.0.0/8"]     # failed sign-ins from there are not limited

[limits]
# stanza_bytes = 262144
# unauthenticated_connections = 10000
# resume_seconds = 300

[log]
# format = "text"               # or "json"
# level = "info"                # or "info,im=debug"
"#
    )
}
