//! Every setting: its section and name, what is allowed, and where it goes. The one list that parsing, the
//! environment, error messages and documents are made from.

use im::s2s::Domains;
use runtime::Dscp;
use sip::digest::Algorithm;
use xmpp::sasl::Mechanism;

use super::value::Value;
use super::{Config, LogFormat, MusicOnHold};

/// One setting of the configuration.
pub struct Setting {
    /// The section, empty for the top of the file.
    pub section: &'static str,
    /// The key.
    pub name: &'static str,
    /// What may stand there, for people.
    pub allowed: &'static str,
    /// When a change of it is felt.
    pub felt: Felt,
    /// Do two configurations agree on it?
    pub same: fn(&Config, &Config) -> bool,
    /// Puts a value where it belongs; `None` when it is not allowed.
    pub apply: fn(&mut Config, &Value) -> Option<()>,
}

/// When a running node feels the change of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Felt {
    /// At its next start.
    AtStart,
    /// When the configuration is read again (SIGHUP, `carillon reload`).
    OnReload,
}

impl std::fmt::Debug for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key())
    }
}

impl Setting {
    /// The key with its section, as `[sip] digest`.
    pub fn key(&self) -> String {
        if self.section.is_empty() {
            self.name.to_owned()
        } else {
            format!("[{}] {}", self.section, self.name)
        }
    }
}

const CONTACT: &str =
    "a list of addresses with their scheme, such as [\"mailto:help@example.org\", \"xmpp:help@example.org\"]";
const PERMITTED: &str =
    "\"everybody\", \"users\" (of this server), \"administrators\", \"nobody\", or a list of groups";
const PORT: &str = "a port, 1 to 65535, or 0 for none";

macro_rules! settings {
    ($($section:literal $name:literal : $allowed:expr, $felt:ident($($field:ident).+), $apply:expr;)*) => {
        /// All settings, in the order of documents.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            section: $section,
            name: $name,
            allowed: $allowed,
            felt: Felt::$felt,
            same: |one, other| one.$($field).+ == other.$($field).+,
            apply: $apply,
        }),*];
    };
}

settings! {
    "" "version": "1, the version of this file's format", AtStart(version),
        |config, value| {
            config.version = value.number()?;
            (config.version == super::VERSION).then_some(())
        };
    "" "domain": "the domain of your users, such as \"example.org\"", AtStart(domain),
        |config, value| { config.domain = value.text()?.parse().ok()?; Some(()) };

    "listen" "addresses": "a list of IP addresses, such as [\"0.0.0.0\", \"::\"]", AtStart(listen.addresses),
        |config, value| {
            config.listen.addresses = value.list()?;
            (!config.listen.addresses.is_empty()).then_some(())
        };
    "listen" "port_offset": "0 to 20000, added to every port", AtStart(listen.port_offset),
        |config, value| {
            config.listen.port_offset = value.number().filter(|offset| *offset <= 20_000)?;
            Some(())
        };
    "listen" "xmpp": PORT, AtStart(listen.xmpp),
        |config, value| { config.listen.xmpp = value.number()?; Some(()) };
    "listen" "xmpps": PORT, AtStart(listen.xmpps),
        |config, value| { config.listen.xmpps = value.number()?; Some(()) };
    "listen" "xmpp_servers": PORT, AtStart(listen.xmpp_servers),
        |config, value| { config.listen.xmpp_servers = value.number()?; Some(()) };
    "listen" "xmpps_servers": PORT, AtStart(listen.xmpps_servers),
        |config, value| { config.listen.xmpps_servers = value.number()?; Some(()) };
    "listen" "components": PORT, AtStart(listen.components),
        |config, value| { config.listen.components = value.number()?; Some(()) };
    "listen" "sip": PORT, AtStart(listen.sip),
        |config, value| { config.listen.sip = value.number()?; Some(()) };
    "listen" "sips": PORT, AtStart(listen.sips),
        |config, value| { config.listen.sips = value.number()?; Some(()) };
    "listen" "https": PORT, AtStart(listen.https),
        |config, value| { config.listen.https = value.number()?; Some(()) };
    "listen" "http_loopback": PORT, AtStart(listen.http_loopback),
        |config, value| { config.listen.http_loopback = value.number()?; Some(()) };
    "listen" "metrics": PORT, AtStart(listen.metrics),
        |config, value| { config.listen.metrics = value.number()?; Some(()) };
    "listen" "proxy": PORT, AtStart(listen.proxy),
        |config, value| { config.listen.proxy = value.number()?; Some(()) };
    "listen" "webrtc": PORT, AtStart(listen.webrtc),
        |config, value| { config.listen.webrtc = value.number()?; Some(()) };

    "storage" "url": "\"sqlite:FILE\" or \"postgres://USER@HOST/DATABASE\"", AtStart(storage.url),
        |config, value| {
            let url = value.text()?;
            let known = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme))
                || url.strip_prefix("sqlite:").is_some_and(|path| !path.is_empty());
            config.storage.url = url.to_owned();
            known.then_some(())
        };
    "storage" "size_mib_max": "the largest size of an SQLite database in MiB, 0 for no limit",
        OnReload(storage.size_mib_max),
        |config, value| {
            let size: u64 = value.number()?;
            config.storage.size_mib_max = (size > 0).then_some(size);
            Some(())
        };

    "tls" "certificate": "the file of the certificate chain in PEM", OnReload(tls.certificate),
        |config, value| { config.tls.certificate = path(value)?; Some(()) };
    "tls" "key": "the file of the private key in PEM", OnReload(tls.key),
        |config, value| { config.tls.key = path(value)?; Some(()) };

    "archive" "default": "\"always\", \"roster\" (with contacts only) or \"never\", for users who chose nothing",
        AtStart(archive.default),
        |config, value| { config.archive.default = value.text()?.parse().ok()?; Some(()) };
    "archive" "retention_days": "days after which users' messages go, 0 for never", OnReload(archive.retention_days),
        |config, value| { config.archive.retention_days = value.number()?; Some(()) };
    "archive" "rooms_retention_days": "days after which what was said in rooms goes, 0 for never",
        OnReload(archive.rooms_retention_days),
        |config, value| { config.archive.rooms_retention_days = value.number()?; Some(()) };

    "im" "administrators": "a list of users, such as [\"ann@example.org\"]", OnReload(im.administrators),
        |config, value| { config.im.administrators = value.list()?; Some(()) };
    "im" "routing": "\"standard\", or \"answering-device\": the first message to all devices, later ones to the one that answers",
        OnReload(im.routing),
        |config, value| { config.im.routing = value.text()?.parse().ok()?; Some(()) };
    "im" "rooms_created_by": PERMITTED, OnReload(im.rooms_created_by),
        |config, value| { config.im.rooms_created_by = permitted(value)?; Some(()) };
    "im" "directory_searched_by": PERMITTED, OnReload(im.directory_searched_by),
        |config, value| { config.im.directory_searched_by = permitted(value)?; Some(()) };

    "contact" "abuse": CONTACT, OnReload(outside.contact.abuse),
        |config, value| { config.outside.contact.abuse = addresses(value)?; Some(()) };
    "contact" "admin": CONTACT, OnReload(outside.contact.admin),
        |config, value| { config.outside.contact.admin = addresses(value)?; Some(()) };
    "contact" "feedback": CONTACT, OnReload(outside.contact.feedback),
        |config, value| { config.outside.contact.feedback = addresses(value)?; Some(()) };
    "contact" "sales": CONTACT, OnReload(outside.contact.sales),
        |config, value| { config.outside.contact.sales = addresses(value)?; Some(()) };
    "contact" "security": CONTACT, OnReload(outside.contact.security),
        |config, value| { config.outside.contact.security = addresses(value)?; Some(()) };
    "contact" "status": CONTACT, OnReload(outside.contact.status),
        |config, value| { config.outside.contact.status = addresses(value)?; Some(()) };
    "contact" "support": CONTACT, OnReload(outside.contact.support),
        |config, value| { config.outside.contact.support = addresses(value)?; Some(()) };

    "media" "rtp_ports": "a range of UDP ports, such as \"16384-32766\", at least 8 of them",
        AtStart(media.rtp_ports),
        |config, value| {
            let (first, last) = value.text()?.split_once('-')?;
            let (first, last): (u16, u16) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            config.media.rtp_ports = (first, last);
            (first >= 1024 && last > first && last - first >= 7).then_some(())
        };
    "media" "audio_dscp": DSCP, AtStart(media.marks.audio),
        |config, value| { config.media.marks.audio = Dscp::parse(value.text()?)?; Some(()) };
    "media" "video_dscp": DSCP, AtStart(media.marks.video),
        |config, value| { config.media.marks.video = Dscp::parse(value.text()?)?; Some(()) };
    "media" "video_call_audio": DSCP, AtStart(media.marks.video_call_audio),
        |config, value| { config.media.marks.video_call_audio = Dscp::parse(value.text()?)?; Some(()) };
    "media" "advertise": ADVERTISE, AtStart(media.advertise),
        |config, value| { config.media.advertise = address(value)?; Some(()) };

    "sip" "dscp": DSCP, AtStart(sip.dscp),
        |config, value| { config.sip.dscp = Dscp::parse(value.text()?)?; Some(()) };
    "sip" "digest": "a list of \"md5\" and \"sha-256\" in the order to offer, such as [\"md5\"]",
        AtStart(sip.digest),
        |config, value| {
            let names: Vec<String> = value.list()?;
            let digest: Option<Vec<Algorithm>> =
                names.iter().map(|name| Algorithm::parse(name.as_bytes())).collect();
            config.sip.digest = digest?;
            (!config.sip.digest.is_empty()).then_some(())
        };
    "sip" "advertise": ADVERTISE, AtStart(sip.advertise),
        |config, value| { config.sip.advertise = address(value)?; Some(()) };

    "sign_in" "mechanisms": MECHANISMS, AtStart(im.sign_in.mechanisms),
        |config, value| {
            let names: Vec<String> = value.list()?;
            let known: Option<Vec<Vec<Mechanism>>> = names.iter().map(|name| mechanisms(name)).collect();
            config.im.sign_in.mechanisms = known?.concat();
            config.im.sign_in.mechanisms.sort_unstable();
            (!config.im.sign_in.mechanisms.is_empty()).then_some(())
        };
    "sign_in" "token_days": "days, 1 to 365, or 0 for no tokens", AtStart(im.sign_in.token_days),
        |config, value| { config.im.sign_in.token_days = within(value, 0, 365)?; Some(()) };

    "registration" "open_to": "\"nobody\", \"invited\" or \"everybody\"", OnReload(im.registration.open_to),
        |config, value| { config.im.registration.open_to = value.text()?.parse().ok()?; Some(()) };
    "registration" "users_invite": "true or false", OnReload(im.registration.users_invite),
        |config, value| { config.im.registration.users_invite = value.flag()?; Some(()) };

    "calls" "conferences":
        "a list of numbers, each with a PIN and the most parties if wanted, such as [\"800\", \"801:4711:20\"]",
        AtStart(sip.calls.conferences),
        |config, value| {
            let rooms: Vec<String> = value.list()?;
            config.sip.calls.conferences = rooms.iter().map(|text| meet_me(text)).collect::<Option<_>>()?;
            Some(())
        };
    "calls" "music_on_hold": "a sound file (.wav), \"own\" for the server's music, or \"phones\"", AtStart(sip.calls.music_on_hold),
        |config, value| {
            config.sip.calls.music_on_hold = match value.text()? {
                "own" => MusicOnHold::Own,
                "phones" => MusicOnHold::Phones,
                path => MusicOnHold::File(Some(path).filter(|path| !path.is_empty())?.into()),
            };
            Some(())
        };
    "calls" "park_recall_seconds": "seconds, 5 to 3600", OnReload(sip.calls.park_recall_seconds),
        |config, value| { config.sip.calls.park_recall_seconds = within(value, 5, 3_600)?; Some(()) };
    "calls" "records_days": "days after which the record of a call goes, 0 for never", AtStart(sip.calls.records_days),
        |config, value| { config.sip.calls.records_days = value.number()?; Some(()) };
    "calls" "traced_calls": "0 to 100000 calls whose messages are kept in memory", AtStart(sip.calls.traced_calls),
        |config, value| {
            let most = i64::try_from(calls::trace::TRACED_CALLS_MAX).ok()?;
            config.sip.calls.traced_calls = within(value, 0, most)?;
            Some(())
        };

    "calls" "recordings_days": "days after which a recording goes, 0 for never", AtStart(sip.calls.recordings_days),
        |config, value| { config.sip.calls.recordings_days = value.number()?; Some(()) };
    "calls" "recording_tone": "true or false", AtStart(sip.calls.recording_tone),
        |config, value| { config.sip.calls.recording_tone = value.flag()?; Some(()) };

    "cti" "used_by": PERMITTED, OnReload(sip.cti.used_by),
        |config, value| { config.sip.cti.used_by = permitted(value)?; Some(()) };
    "cti" "all_lines": PERMITTED, OnReload(sip.cti.all_lines),
        |config, value| { config.sip.cti.all_lines = permitted(value)?; Some(()) };

    "network" "local": NETWORKS, AtStart(network.local),
        |config, value| { config.network.local = value.list()?; Some(()) };
    "network" "trusted": NETWORKS, AtStart(network.trusted),
        |config, value| { config.network.trusted = value.list()?; Some(()) };

    "federation" "enabled": "true or false", OnReload(im.federation.enabled),
        |config, value| { config.im.federation.enabled = value.flag()?; Some(()) };
    "federation" "allow": DOMAINS, OnReload(im.federation.allow),
        |config, value| { config.im.federation.allow = Domains::new(value.list()?)?; Some(()) };
    "federation" "deny": DOMAINS, OnReload(im.federation.deny),
        |config, value| { config.im.federation.deny = Domains::new(value.list()?)?; Some(()) };
    "federation" "unverified": DOMAINS, OnReload(im.federation.unverified),
        |config, value| { config.im.federation.unverified = Domains::new(value.list()?)?; Some(()) };
    "federation" "without_tls": DOMAINS, OnReload(im.federation.without_tls),
        |config, value| { config.im.federation.without_tls = Domains::new(value.list()?)?; Some(()) };
    "federation" "routes": "a list of ways, such as [\"example.org=10.0.0.5:5269\"]", OnReload(im.federation.routes),
        |config, value| {
            let ways: Vec<String> = value.list()?;
            let way = |way: &String| {
                let (domain, route) = way.split_once('=')?;
                let domain: model::DomainPart = domain.trim().parse().ok()?;
                Some((domain.as_str().to_owned(), route.trim().parse().ok()?))
            };
            config.im.federation.routes = ways.iter().map(way).collect::<Option<_>>()?;
            Some(())
        };
    "federation" "authorities": "the file of the trusted authorities' certificates in PEM, or \"\" for the system's",
        OnReload(im.federation.authorities),
        |config, value| {
            config.im.federation.authorities = Some(value.text()?).filter(|path| !path.is_empty()).map(Into::into);
            Some(())
        };

    "log" "level": "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"", OnReload(log.level),
        |config, value| {
            let level = value.text()?;
            config.log.level = level.to_owned();
            crate::logging::LEVELS.contains(&level).then_some(())
        };
    "log" "format": "\"text\" or \"json\"", AtStart(log.format),
        |config, value| {
            config.log.format = match value.text()? {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return None,
            };
            Some(())
        };
    "log" "personal_data": "true or false", OnReload(log.personal_data),
        |config, value| { config.log.personal_data = value.flag()?; Some(()) };

    "limits" "failures_per_account": "failed sign-ins in ten minutes, 1 to 1000",
        OnReload(limits.failures_per_account),
        |config, value| { config.limits.failures_per_account = within(value, 1, 1_000)?; Some(()) };
    "limits" "failures_per_address": "failed sign-ins, 1 to 10000", OnReload(limits.failures_per_address),
        |config, value| { config.limits.failures_per_address = within(value, 1, 10_000)?; Some(()) };
    "limits" "unauthenticated_connections": "connections, 16 to 100000",
        OnReload(limits.unauthenticated_connections),
        |config, value| { config.limits.unauthenticated_connections = within(value, 16, 100_000)?; Some(()) };
    "limits" "stanza_bytes": "bytes, 10000 to 1048576", OnReload(limits.stanza_bytes),
        |config, value| { config.limits.stanza_bytes = within(value, 10_000, 1 << 20)?; Some(()) };
    "limits" "queued_stanzas": "stanzas, 100 to 100000", OnReload(limits.queued_stanzas),
        |config, value| { config.limits.queued_stanzas = within(value, 100, 100_000)?; Some(()) };
    "limits" "stanzas_per_second": "stanzas, 10 to 1000000", OnReload(limits.stanzas_per_second),
        |config, value| { config.limits.stanzas_per_second = within(value, 10, 1_000_000)?; Some(()) };
    "limits" "room_messages_per_second": "messages, 1 to 1000000", OnReload(limits.room_messages_per_second),
        |config, value| { config.limits.room_messages_per_second = within(value, 1, 1_000_000)?; Some(()) };
    "limits" "resume_seconds": "seconds, 0 to 86400", OnReload(limits.resume_seconds),
        |config, value| { config.limits.resume_seconds = within(value, 0, 86_400)?; Some(()) };
    "limits" "federation_queue_seconds": "seconds, 10 to 604800", OnReload(limits.federation_queue_seconds),
        |config, value| { config.limits.federation_queue_seconds = within(value, 10, 604_800)?; Some(()) };
    "limits" "federation_queued_stanzas": "stanzas, 10 to 100000", OnReload(limits.federation_queued_stanzas),
        |config, value| { config.limits.federation_queued_stanzas = within(value, 10, 100_000)?; Some(()) };
    "limits" "federation_stanzas_per_second": "stanzas, 10 to 100000",
        OnReload(limits.federation_stanzas_per_second),
        |config, value| { config.limits.federation_stanzas_per_second = within(value, 10, 100_000)?; Some(()) };
    "limits" "offline_messages": "messages, 1 to 1000000", OnReload(limits.kept.offline_messages),
        |config, value| { config.limits.kept.offline_messages = within(value, 1, 1_000_000)?; Some(()) };
    "limits" "offline_mib": "MiB, 1 to 10240", OnReload(limits.kept.offline_mib),
        |config, value| { config.limits.kept.offline_mib = within(value, 1, 10_240)?; Some(()) };
    "limits" "personal_mib": "MiB, 1 to 10240", OnReload(limits.kept.personal_mib),
        |config, value| { config.limits.kept.personal_mib = within(value, 1, 10_240)?; Some(()) };
    "limits" "ring_seconds": "seconds, 5 to 600", OnReload(limits.ring_seconds),
        |config, value| { config.limits.ring_seconds = within(value, 5, 600)?; Some(()) };
    "limits" "calls_per_line": "calls, 1 to 100", OnReload(limits.calls_per_line),
        |config, value| { config.limits.calls_per_line = within(value, 1, 100)?; Some(()) };
    "limits" "call_seconds": "seconds, 60 to 604800", OnReload(limits.call_seconds),
        |config, value| { config.limits.call_seconds = within(value, 60, 604_800)?; Some(()) };

    "upload" "url": "the address of HTTPS as clients reach it, such as \"https://files.example.org\", or \"\"",
        AtStart(upload.url),
        |config, value| {
            let url = value.text()?;
            config.upload.url = url.to_owned();
            let is_plain = |host: &str| {
                !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]/".contains(&b))
            };
            (url.is_empty() || url.strip_prefix("https://").is_some_and(is_plain)).then_some(())
        };
    "upload" "file_mib": "MiB, 1 to 10240", OnReload(upload.file_mib),
        |config, value| { config.upload.file_mib = within(value, 1, 10_240)?; Some(()) };
    "upload" "user_files_a_day": "files, 0 to 100000", OnReload(upload.user_files_a_day),
        |config, value| { config.upload.user_files_a_day = within(value, 0, 100_000)?; Some(()) };
    "upload" "user_mib_a_day": "MiB, 0 to 1048576", OnReload(upload.user_mib_a_day),
        |config, value| { config.upload.user_mib_a_day = within(value, 0, 1 << 20)?; Some(()) };
    "upload" "keep_days": "days, 0 to 36500; 0 for ever", OnReload(upload.keep_days),
        |config, value| { config.upload.keep_days = within(value, 0, 36_500)?; Some(()) };

    "push" "sender": "true or false", AtStart(outside.push.sender),
        |config, value| { config.outside.push.sender = value.flag()?; Some(()) };
    "push" "contact": "an address such as \"mailto:postmaster@example.org\", or \"\"",
        AtStart(outside.push.contact),
        |config, value| {
            let contact = value.text()?;
            config.outside.push.contact = contact.to_owned();
            (contact.is_empty() || contact.starts_with("mailto:") || contact.starts_with("https://"))
                .then_some(())
        };
    "push" "private_endpoints": "true or false", AtStart(outside.push.private_endpoints),
        |config, value| { config.outside.push.private_endpoints = value.flag()?; Some(()) };
    "push" "authorities": "a file of authorities' certificates in PEM, or \"\"",
        AtStart(outside.push.authorities),
        |config, value| {
            config.outside.push.authorities = Some(value.text()?).filter(|path| !path.is_empty()).map(Into::into);
            Some(())
        };

    "components" "domains": "a list of domains, such as [\"gateway.example.org\"]",
        AtStart(outside.components.domains),
        |config, value| { config.outside.components.domains = value.list()?; Some(()) };
    "components" "privileges": "a list such as [\"gateway.example.org roster=both message=outgoing presence=managed_entity iq:NAMESPACE=get\"]",
        AtStart(outside.components.privileges),
        |config, value| { config.outside.components.privileges = value.list()?; Some(()) };
    "components" "delegations": "a list such as [\"pubsub.example.org NAMESPACE NAMESPACE\"]",
        AtStart(outside.components.delegations),
        |config, value| { config.outside.components.delegations = value.list()?; Some(()) };
    "components" "secret": "what they and this server know; better by secret_file or the environment",
        AtStart(outside.components.secret),
        |config, value| { config.outside.components.secret = value.text()?.to_owned(); Some(()) };
    "components" "secret_file": "the file of the secret, or \"\"", AtStart(outside.components.secret_file),
        |config, value| { config.outside.components.secret_file = value.text()?.to_owned(); Some(()) };

    "turn" "services": "a list such as [\"turn:turn.example.org:3478?transport=udp\"]",
        AtStart(outside.turn.services),
        |config, value| { config.outside.turn.services = value.list()?; Some(()) };
    "turn" "secret": "what the TURN servers share with this one; better by secret_file or the environment",
        AtStart(outside.turn.secret),
        |config, value| { config.outside.turn.secret = value.text()?.to_owned(); Some(()) };
    "turn" "secret_file": "the file of the secret, or \"\"", AtStart(outside.turn.secret_file),
        |config, value| { config.outside.turn.secret_file = value.text()?.to_owned(); Some(()) };
    "turn" "credentials_seconds": "seconds, 60 to 604800", AtStart(outside.turn.credentials_seconds),
        |config, value| { config.outside.turn.credentials_seconds = within(value, 60, 604_800)?; Some(()) };

    "proxy" "host": "a name or an IP address that clients can reach, or \"\" for the domain", AtStart(im.proxy.host),
        |config, value| {
            let host = value.text()?;
            config.im.proxy.host = host.to_owned();
            host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b)).then_some(())
        };
    "proxy" "kib_per_second": "KiB, 16 to 1048576", AtStart(im.proxy.kib_per_second),
        |config, value| { config.im.proxy.kib_per_second = within(value, 16, 1 << 20)?; Some(()) };
}

const DSCP: &str = "a DSCP name such as \"cs3\", \"af41\" or \"ef\", or a number from 0 to 63, in quotes";
const ADVERTISE: &str = "the IP address that the outside world knows, or \"\" for none";
const DOMAINS: &str = "a list of domains, such as [\"example.org\", \"*.example.net\"], or [\"*\"] for all";
const NETWORKS: &str =
    "a list of networks, such as [\"10.0.0.0/8\", \"fd00::/8\"], nothing but zeros behind the prefix";
const MECHANISMS: &str =
    "a list of \"scram-sha-512\", \"scram-sha-256\", \"scram-sha-1\" and \"plain\", each with its -PLUS";

/// A mechanism, and the same bound to the channel.
fn mechanisms(name: &str) -> Option<Vec<Mechanism>> {
    let named = Mechanism::from_name(&name.to_ascii_uppercase()).filter(|mechanism| !mechanism.is_plus())?;
    let same = |mechanism: &Mechanism| mechanism.hash().is_some() && mechanism.hash() == named.hash();
    let bound = Mechanism::ALL.into_iter().filter(|mechanism| mechanism.is_plus()).filter(same);
    Some(bound.chain([named]).collect())
}

fn path(value: &Value) -> Option<std::path::PathBuf> {
    value.text().filter(|path| !path.is_empty()).map(Into::into)
}

/// The outer option is "allowed", the inner one "given".
#[allow(clippy::option_option, reason = "two questions, two answers")]
fn address(value: &Value) -> Option<Option<std::net::IpAddr>> {
    match value.text()? {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    }
}

fn within<T: TryFrom<i64>>(value: &Value, least: i64, most: i64) -> Option<T> {
    let number: i64 = value.number()?;
    (least..=most).contains(&number).then(|| T::try_from(number).ok()).flatten()
}

/// Addresses as URIs (XEP-0157 §2).
/// Who may do something: a word, or the names of groups.
fn permitted(value: &Value) -> Option<im::Permitted> {
    match value {
        Value::List(_) => Some(im::Permitted::Groups(value.list::<String>()?.into_iter().collect())),
        _ => value.parsed(),
    }
}

fn addresses(value: &Value) -> Option<Vec<String>> {
    let all: Vec<String> = value.list()?;
    all.iter()
        .all(|address| {
            address.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
        })
        .then_some(all)
}

/// The number of a conference, its PIN and how many may come: `801:4711:20`, `802::10`, `800`.
fn meet_me(text: &str) -> Option<calls::MeetMe> {
    let mut parts = text.split(':');
    let number = parts.next().filter(|number| is_dialled(number))?.to_owned();
    let pin = parts.next().filter(|pin| !pin.is_empty());
    if pin.is_some_and(|pin| pin.len() > 16 || !pin.bytes().all(|key| key.is_ascii_digit())) {
        return None;
    }
    let parties_max = match parts.next() {
        Some(count) => count.parse().ok().filter(|count| (2..=1_000).contains(count))?,
        None => calls::features::conference::PARTIES_MAX,
    };
    let pin = pin.map(|pin| model::Private(pin.to_owned()));
    parts.next().is_none().then_some(calls::MeetMe { number, pin, parties_max })
}

fn is_dialled(number: &str) -> bool {
    !number.is_empty() && number.bytes().all(|key| key.is_ascii_digit() || matches!(key, b'*' | b'#' | b'+'))
}
