//! The short, commented configuration file that `init` writes.

use std::net::IpAddr;

use model::DomainPart;

/// What `init` was told.
#[derive(Clone, Debug)]
pub struct Start {
    /// The domain of the users.
    pub domain: DomainPart,
    /// The addresses to listen on; empty for all.
    pub addresses: Vec<IpAddr>,
    /// Moves all ports.
    pub port_offset: u16,
}

/// What is the same for everybody: the ports, and what is kept how.
const PORTS_AND_STORAGE: &str = "\
# xmpp = 5222                    # chat, with STARTTLS; 0 turns a port off
# xmpps = 5223                   # chat, with direct TLS
# xmpp_servers = 5269            # other XMPP servers, with STARTTLS
# xmpps_servers = 5270           # other XMPP servers, with direct TLS
# components = 0                # programs beside this server (XEP-0114), on this machine only; 5347 is usual
# sip = 5060                     # phones, UDP and TCP
# sips = 5061                    # phones, TLS
# https = 8443                   # status page and browsers
# http_loopback = 8080           # the same without TLS, for browsers on this machine only
# metrics = 9464                 # for Prometheus, on this machine only
# webrtc = 0                     # sound and pictures of browsers, UDP and TCP, such as 8444; 0: at the rtp_ports of media
# proxy = 0                      # streams between chat clients (SOCKS5), usually 1080

[storage]
url = \"sqlite:carillon.db\"       # or postgres://USER@HOST/DATABASE

[tls]
certificate = \"certificate.pem\"  # self-signed at first: put your own here
key = \"key.pem\"

[archive]
# default = \"always\"            # what is kept of users who chose nothing: or \"roster\", \"never\"
# retention_days = 0             # days after which users' messages go, 0 for never
# rooms_retention_days = 0

[im]
# administrators = []            # users who may administer with a chat client (XEP-0133)
# routing = \"standard\"           # or \"answering-device\": first to all devices, then to the one that answers
# rooms_created_by = \"everybody\"       # or \"users\" (of this server), \"administrators\", \"nobody\", groups such as [\"Team\"]
# directory_searched_by = \"everybody\"  # likewise; users of other servers never

";

/// What is the same for everybody: how phones and other servers are reached, and what is told of it.
const NETWORKS_AND_LOG: &str = "\
# Behind NAT or on a rented server: the address that phones outside your networks must use.
[sip]
# advertise = \"203.0.113.5\"
# dscp = \"cs3\"                 # how SIP is marked for the network: a name such as \"af31\" or a number
# digest = [\"md5\"]               # or [\"sha-256\", \"md5\"] when all your phones know it

[media]
# advertise = \"203.0.113.5\"      # as [sip] advertise unless given
# rtp_ports = \"16384-32766\"
# audio_dscp = \"ef\"            # how sound is marked for the network
# video_dscp = \"af41\"          # how pictures are
# video_call_audio = \"af41\"      # how sound in a call with pictures is

[calls]
# conferences = []               # numbers to meet at, such as [\"800\", \"801:4711:20\"] with a PIN and at most 20 parties
# music_on_hold = \"own\"         # or a sound file (.wav), or \"phones\" for what the phone sends that holds
# park_recall_seconds = 60       # a parked call that nobody fetches rings again at the line that parked it
# records_days = 365             # days after which the record of a call goes, 0 for never
# recordings_days = 90           # days after which a recording goes, 0 for never; what is recorded says the dial plan
# recording_tone = true          # both sides hear a tone when a recording begins
# traced_calls = 500             # calls whose messages are kept in memory for `carillon call trace`, 0 for none

[cti]                            # applications that control calls (docs/dev/cti.md)
# used_by = \"users\"            # their own lines: also \"administrators\", \"nobody\", or groups such as [\"Team\"]
# all_lines = \"administrators\" # all lines: likewise

[sign_in]
# mechanisms = [\"scram-sha-256\", \"scram-sha-1\", \"plain\"]
# token_days = 30                # a client signs in without the password for so long; 0 for never

[registration]                   # accounts that people make with their chat client (XEP-0077)
# open_to = \"nobody\"            # or \"invited\" (`carillon user invite`), or \"everybody\" who comes
# users_invite = false           # true lets users invite with their chat client, besides administrators

[network]
# local = [\"10.0.0.0/8\", \"172.16.0.0/12\", \"192.168.0.0/16\"]
# trusted = []                   # failures to sign in from here are not limited

# Other XMPP servers. `carillon federation test DOMAIN` tells step by step whether one can be reached.
[federation]
# enabled = true
# allow = []                     # if not empty, only these domains; \"*.example.org\" is all below it
# deny = []
# unverified = []                # domains whose certificates are not looked at, [\"*\"] for all: dialback is enough
# without_tls = []               # domains that may do without TLS
# routes = []                    # \"example.org=10.0.0.5:5269\" where the name service knows no way
# authorities = \"\"               # certificates in PEM that are trusted instead of the system's

[log]
# level = \"info\"                 # error, warn, info, debug or trace; `carillon log level` changes one module's
# format = \"text\"                # or json
# personal_data = false          # true shows the addresses of people and of their devices in the log

";

/// What is the same for everybody: limits, and services of which most need no thought.
const LIMITS_AND_SERVICES: &str = "\
[limits]
# failures_per_account = 10      # failed sign-ins of one account from one address in ten minutes
# failures_per_address = 20      # failures from one address that are answered at once, later ones late
# unauthenticated_connections = 4096
# stanza_bytes = 262144          # one stanza of a client
# queued_stanzas = 2000          # that wait for one slow client
# stanzas_per_second = 500       # of one client; more are read later, and a flood of a minute ends the stream
# room_messages_per_second = 20  # of one occupant to all of a room, five times that at once; more are refused
# resume_seconds = 600           # how long a lost client can come back to its session
# federation_queue_seconds = 1800 # how long a message waits for another server that is away
# federation_queued_stanzas = 5000 # that wait for one other domain
# federation_stanzas_per_second = 1000 # of one other domain
# offline_messages = 10000       # that wait for one user who is away; senders elsewhere may fill half of it
# offline_mib = 32               # likewise, in MiB
# personal_mib = 32              # of one user's pictures, keys and bookmarks (XEP-0163)
# ring_seconds = 120
# calls_per_line = 4             # at once, unless the dial plan says otherwise of a line
# call_seconds = 86400           # the longest call

[upload]                         # files that users send
# url = \"\"                       # https://DOMAIN:PORT unless given: the address of HTTPS as clients reach it
# file_mib = 100                 # one file
# user_files_a_day = 500         # of one user in 24 hours; 0 turns files off
# user_mib_a_day = 1024
# keep_days = 90                 # then a file is removed; 0 keeps all for ever

[push]                           # notices that wake sleeping devices (Web Push, UnifiedPush)
# sender = false                 # true names the sender; the words never leave
# contact = \"\"                   # mailto:postmaster@DOMAIN unless given: for the push services
# private_endpoints = false      # true lets devices be reached in private networks and without TLS
# authorities = \"\"               # certificates in PEM that are trusted besides the system's

[turn]                           # relays for calls that clients are told of (XEP-0215)
# services = []                  # such as [\"stun:turn.example.org\", \"turn:turn.example.org?transport=udp\"]
# secret_file = \"\"               # the file of what the TURN server calls static-auth-secret
# credentials_seconds = 86400

[components]                     # programs beside this server, such as gateways (XEP-0114), on [listen] components
# domains = []                   # such as [\"gateway.example.org\"]
# privileges = []                # what they do in the name of users (XEP-0356), such as [\"gateway.example.org roster=get\"]
# delegations = []               # requests that they answer in the server's place (XEP-0355): [\"DOMAIN NAMESPACE\"]
# secret_file = \"\"

[proxy]                          # streams between clients that do not reach each other; see [listen] proxy
# host = \"\"                      # the domain unless given
# kib_per_second = 4096          # of one stream in each direction
";

/// The text of a new configuration file.
pub fn template(start: &Start) -> String {
    let addresses = if start.addresses.is_empty() {
        "# addresses = [\"0.0.0.0\", \"::\"]".to_owned()
    } else {
        let list: Vec<String> = start.addresses.iter().map(|address| format!("\"{address}\"")).collect();
        format!("addresses = [{}]", list.join(", "))
    };
    let offset = if start.port_offset == 0 {
        "# port_offset = 0                # added to every port".to_owned()
    } else {
        format!("port_offset = {}                 # added to every port", start.port_offset)
    };
    format!(
        "\
# Carillon's configuration. A line that begins with # shows a default. Every key may also be set by the
# environment: CARILLON__SECTION__KEY. `carillon check` says whether all is well; a change of
# [limits], [upload], [log] level and personal_data or the certificates is taken by `carillon reload` (or SIGHUP), all others by a restart.

version = 1
domain = \"{domain}\"

[listen]
{addresses}
{offset}
{PORTS_AND_STORAGE}[contact]
# support = [\"mailto:help@{domain}\"]   # told to clients (XEP-0157); also abuse, admin, feedback, sales, security, status

{NETWORKS_AND_LOG}{LIMITS_AND_SERVICES}",
        domain = start.domain,
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let start = Start {
            domain: "example.org".parse().unwrap(),
            addresses: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            port_offset: 100,
        };
        let config = super::super::read(Path::new("/data"), &template(&start), &[]).unwrap();
        assert_eq!(config.listen.addresses, start.addresses);
        assert_eq!(config.listen.xmpp, 5322);
    }

    #[test]
    fn the_commented_lines_are_the_defaults() {
        let start = Start { domain: "example.org".parse().unwrap(), addresses: vec![], port_offset: 0 };
        let text = template(&start);
        // A commented key is a key; other comments stay comments, and the advice on NAT is no default.
        let shown: Vec<&str> = text
            .lines()
            .map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")).unwrap_or(line))
            .filter(|line| !line.contains("203.0.113.5"))
            .collect();
        let shown = super::super::read(Path::new("/data"), &shown.join("\n"), &[]).unwrap();
        let default = super::super::read(Path::new("/data"), &text, &[]).unwrap();
        assert_eq!(format!("{:?}", shown.listen), format!("{:?}", default.listen));
        assert_eq!(shown.media, default.media);
        assert_eq!(shown.sip, default.sip);
        assert_eq!(shown.archive, default.archive);
        assert_eq!(shown.log, default.log);
        assert_eq!(shown.im, default.im);
        assert_eq!(shown.limits, default.limits);
        assert_eq!(shown.upload, default.upload);
        assert_eq!(shown.outside.push, default.outside.push);
        assert_eq!(shown.outside.turn, default.outside.turn);
        assert_eq!(shown.outside.components, default.outside.components);
        let shown_all =
            |section: &str| matches!(section, "federation" | "log" | "limits" | "upload" | "calls");
        for setting in super::super::SETTINGS.iter().filter(|s| shown_all(s.section)) {
            assert!(text.contains(&format!("# {} = ", setting.name)), "{setting:?} is not shown");
        }
        assert_eq!(shown.network.trusted, default.network.trusted);
        // The private ranges are what an empty list means to `calls`.
        assert_eq!(shown.network.local.len(), 3);
    }
}
