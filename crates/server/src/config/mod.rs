//! The configuration: `DIR/carillon.toml`, overridden by the environment, checked whole before anything starts.

mod error;
mod file;
mod listen;
mod setting;
mod template;
mod value;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use calls::address::Network;
use im::s2s::{Domains, Route};
use model::DomainPart;
use runtime::Dscp;
use sip::digest::Algorithm;
use store::ArchiveDefault;
use xmpp::sasl::Mechanism;

pub use error::ConfigError;
pub use file::{ENVIRONMENT_PREFIX, load, read};
pub use listen::ListenSection;
pub use setting::{Felt, SETTINGS, Setting};
pub use template::{Start, template};

/// The version of the configuration file that this program reads.
pub const VERSION: i64 = 1;

/// All that the operator decided, with the defaults for the rest.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory: relative paths are meant from here.
    pub folder: PathBuf,
    /// The version of the file's format.
    pub version: i64,
    /// The one domain of users and lines.
    pub domain: DomainPart,
    /// `[listen]`
    pub listen: ListenSection,
    /// `[storage]`
    pub storage: StorageSection,
    /// `[tls]`
    pub tls: TlsSection,
    /// `[archive]`
    pub archive: ArchiveSection,
    /// `[im]`, `[federation]`, `[sign_in]` and `[registration]`
    pub im: ImSection,
    /// `[media]`
    pub media: MediaSection,
    /// `[sip]` and `[calls]`
    pub sip: SipSection,
    /// `[network]`
    pub network: NetworkSection,
    /// `[log]`
    pub log: LogSection,
    /// `[limits]`
    pub limits: LimitsSection,
    /// `[upload]`
    pub upload: UploadSection,
    /// `[contact]`, `[push]`, `[turn]`, `[components]`
    pub outside: OutsideSections,
}

/// Other XMPP servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederationSection {
    /// Whether they are talked to at all.
    pub enabled: bool,
    /// If not empty, only these.
    pub allow: Domains,
    /// Not these.
    pub deny: Domains,
    /// Their certificates are not looked at: dialback is enough.
    pub unverified: Domains,
    /// They may do without TLS.
    pub without_tls: Domains,
    /// Where the servers of domains are that no name service knows.
    pub routes: BTreeMap<String, Route>,
    /// The authorities that are trusted, in PEM; the system's unless given.
    pub authorities: Option<PathBuf>,
}

impl Default for FederationSection {
    fn default() -> Self {
        let nobody = Domains::default;
        Self {
            enabled: true,
            allow: nobody(),
            deny: nobody(),
            unverified: nobody(),
            without_tls: nobody(),
            routes: BTreeMap::new(),
            authorities: None,
        }
    }
}

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSection {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// The largest size of an SQLite database in MiB; `None` for no limit.
    pub size_mib_max: Option<u64>,
}

/// The certificate of all listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSection {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// What users find of what was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveSection {
    /// Days after which users' messages leave the archives; 0 for never.
    pub retention_days: u32,
    /// Days after which what was said in rooms leaves their archives; 0 for never.
    pub rooms_retention_days: u32,
    /// What is archived of users who said nothing else.
    pub default: ArchiveDefault,
}

/// How messages go, here and to other servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImSection {
    /// Who may administer the service with a chat client.
    pub administrators: Vec<model::BareJid>,
    /// Which of a user's devices get a message.
    pub routing: im::Routing,
    /// Who may make rooms.
    pub rooms_created_by: im::Permitted,
    /// Who may search the directory.
    pub directory_searched_by: im::Permitted,
    /// `[federation]`
    pub federation: FederationSection,
    /// `[proxy]`
    pub proxy: ProxySection,
    /// `[sign_in]`
    pub sign_in: SignInSection,
    /// `[registration]`
    pub registration: im::RegistrationPolicy,
}

/// How clients sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInSection {
    /// The mechanisms of the domain; one that some account has no record for is not offered until it has.
    pub mechanisms: Vec<Mechanism>,
    /// How long a client's token is good in place of the password, in days; 0 for no tokens.
    pub token_days: u32,
}

impl Default for SignInSection {
    fn default() -> Self {
        Self { mechanisms: Mechanism::DEFAULT.to_vec(), token_days: 30 }
    }
}

/// RTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSection {
    /// First and last UDP port.
    pub rtp_ports: (u16, u16),
    /// How packets are marked.
    pub marks: media::Marks,
    /// The address that phones outside the local networks are told.
    pub advertise: Option<IpAddr>,
}

/// SIP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SipSection {
    /// How signalling is marked.
    pub dscp: Dscp,
    /// Digest algorithms in the order they are offered.
    pub digest: Vec<Algorithm>,
    /// The address that phones outside the local networks are told.
    pub advertise: Option<IpAddr>,
    /// `[calls]`
    pub calls: CallsSection,
    /// `[cti]`: who may control calls with applications.
    pub cti: web::CtiPolicy,
}

/// What phones hear that wait, and what is kept of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallsSection {
    /// The numbers of conferences.
    pub conferences: Vec<calls::MeetMe>,
    /// What phones that are held or parked hear.
    pub music_on_hold: MusicOnHold,
    /// How long a call is parked before the line that parked it is rung, in seconds.
    pub park_recall_seconds: u64,
    /// Days after which the record of a call goes; 0 for never.
    pub records_days: u32,
    /// The messages of so many calls are kept in memory, the latest ones; 0 for none.
    pub traced_calls: usize,
    /// Days after which a recording goes; 0 for never.
    pub recordings_days: u32,
    /// Both sides hear a tone when a recording begins.
    pub recording_tone: bool,
}

/// What phones that are held or parked hear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MusicOnHold {
    /// Music of our own.
    #[default]
    Own,
    /// A sound file.
    File(PathBuf),
    /// What the phone sends that holds.
    Phones,
}

impl Default for CallsSection {
    /// As call control has it.
    fn default() -> Self {
        let policy = calls::RecordPolicy::default();
        let days = policy.keep_time.map_or(0, |time| time.as_secs() / (24 * 3_600));
        Self {
            conferences: Vec::new(),
            music_on_hold: MusicOnHold::Own,
            park_recall_seconds: calls::CallLimits::default().park_recall_time.as_secs(),
            records_days: u32::try_from(days).unwrap_or(u32::MAX),
            traced_calls: policy.traced_calls_max,
            recordings_days: 90,
            recording_tone: true,
        }
    }
}

/// Networks with a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSection {
    /// Phones from here reach the server at its own address; empty means the private ranges.
    pub local: Vec<Network>,
    /// Failures to sign in from here are not limited.
    pub trusted: Vec<Network>,
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs, on standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSection {
    /// The level of all modules that have none of their own.
    pub level: String,
    /// How the lines look.
    pub format: LogFormat,
    /// Are people's addresses, and those of their devices, shown?
    pub personal_data: bool,
}

/// Limits that an operator may move; the others are named in each room. Read again on SIGHUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsSection {
    /// Failed sign-ins of one account from one address in ten minutes.
    pub failures_per_account: u16,
    /// Failures from one address that are answered at once; later ones are answered late.
    pub failures_per_address: u16,
    /// Connections that are not signed in yet.
    pub unauthenticated_connections: usize,
    /// One stanza of a signed-in client, in bytes; sessions keep the limit that they began with.
    pub stanza_bytes: u32,
    /// Stanzas that wait for one slow reader.
    pub queued_stanzas: usize,
    /// Stanzas that one client may send in a second.
    pub stanzas_per_second: u32,
    /// What one occupant may say to a room in a second.
    pub room_messages_per_second: u32,
    /// How long a lost session can be resumed, in seconds.
    pub resume_seconds: u64,
    /// How long a message waits for another server that is away, in seconds.
    pub federation_queue_seconds: u64,
    /// Stanzas that wait for one other domain.
    pub federation_queued_stanzas: usize,
    /// Stanzas that one other domain may send in a second.
    pub federation_stanzas_per_second: u32,
    /// What is kept for each user.
    pub kept: KeptSection,
    /// How long phones ring, in seconds.
    pub ring_seconds: u64,
    /// Calls of one line at once.
    pub calls_per_line: usize,
    /// How long a call may last, in seconds.
    pub call_seconds: u64,
}

/// Of `[limits]`: what is kept for each user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSection {
    /// Messages that wait for a user who is away.
    pub offline_messages: u64,
    /// MiB of such messages.
    pub offline_mib: u64,
    /// MiB of a user's personal events: pictures, keys, bookmarks.
    pub personal_mib: u64,
}

/// Files that users send. The limits are read again on SIGHUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadSection {
    /// The address of HTTPS as clients reach it; empty for the domain and the HTTPS port.
    pub url: String,
    /// One file, in MiB.
    pub file_mib: u64,
    /// Files of one user in 24 hours; 0 for none at all.
    pub user_files_a_day: u64,
    /// MiB of one user in 24 hours; 0 for none at all.
    pub user_mib_a_day: u64,
    /// How long a file is kept, in days; 0 for ever.
    pub keep_days: u64,
}

/// The proxy for bytestreams between clients, which runs when `[listen] proxy` names a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySection {
    /// The name or IP address that clients connect to; empty for the domain.
    pub host: String,
    /// KiB a second in each direction of a stream.
    pub kib_per_second: u32,
}

impl Default for ProxySection {
    fn default() -> Self {
        Self { host: String::new(), kib_per_second: 4_096 }
    }
}

/// What is beside this server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideSections {
    /// `[contact]`: who is responsible, for others.
    pub contact: im::ContactAddresses,
    /// `[push]`
    pub push: PushSection,
    /// `[turn]`
    pub turn: TurnSection,
    /// `[components]`
    pub components: ComponentsSection,
}

impl Default for OutsideSections {
    fn default() -> Self {
        Self {
            contact: im::ContactAddresses::default(),
            push: PushSection::default(),
            components: ComponentsSection::default(),
            turn: TurnSection { credentials_seconds: 24 * 3_600, ..TurnSection::empty() },
        }
    }
}

/// Notices that wake devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushSection {
    /// Notices name the sender.
    pub sender: bool,
    /// An address of the operator for push services; empty for the postmaster of the domain.
    pub contact: String,
    /// Devices may be reached in private networks and without TLS.
    pub private_endpoints: bool,
    /// Authorities that are trusted besides the system's, in PEM.
    pub authorities: Option<PathBuf>,
}

/// Programs beside this server (XEP-0114).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentsSection {
    /// The domains that they serve.
    pub domains: Vec<DomainPart>,
    /// What they and this server know, from the environment.
    pub secret: String,
    /// The file of the same.
    pub secret_file: String,
    /// What some may do in the name of users.
    pub privileges: Vec<im::Grant>,
    /// What some answer in the server's place.
    pub delegations: Vec<im::Delegation>,
}

/// TURN servers that clients are told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnSection {
    /// The services.
    pub services: Vec<im::ExternalService>,
    /// What is shared with them, from the environment.
    pub secret: String,
    /// The file of the same.
    pub secret_file: String,
    /// How long credentials hold, in seconds.
    pub credentials_seconds: u64,
}

impl TurnSection {
    fn empty() -> Self {
        let text = String::new;
        Self { services: Vec::new(), secret: text(), secret_file: text(), credentials_seconds: 0 }
    }
}

impl Config {
    /// The defaults for a domain and a data directory.
    pub fn new(folder: &Path, domain: DomainPart) -> Self {
        Self {
            folder: folder.to_owned(),
            version: VERSION,
            domain,
            listen: ListenSection::default(),
            storage: StorageSection { url: "sqlite:carillon.db".to_owned(), size_mib_max: None },
            tls: TlsSection { certificate: "certificate.pem".into(), key: "key.pem".into() },
            archive: ArchiveSection::default(),
            im: ImSection::default(),
            media: MediaSection {
                rtp_ports: (16_384, 32_766),
                marks: media::Marks::default(),
                advertise: None,
            },
            sip: SipSection {
                dscp: Dscp::CS3,
                digest: vec![Algorithm::Md5],
                advertise: None,
                calls: CallsSection::default(),
                cti: web::CtiPolicy::default(),
            },
            network: NetworkSection { local: Vec::new(), trusted: Vec::new() },
            log: LogSection { level: "info".to_owned(), format: LogFormat::Text, personal_data: false },
            limits: LimitsSection::default(),
            upload: UploadSection {
                url: String::new(),
                file_mib: 100,
                user_files_a_day: 500,
                user_mib_a_day: 1_024,
                keep_days: 90,
            },
            outside: OutsideSections::default(),
        }
    }

    /// The keys on which this and another configuration differ, as `[sip] digest`, and whose change is felt
    /// at that moment.
    pub fn differences(&self, other: &Self, felt: Felt) -> Vec<String> {
        let differing = |setting: &&Setting| setting.felt == felt && !(setting.same)(self, other);
        SETTINGS.iter().filter(differing).map(Setting::key).collect()
    }

    /// The storage address with the database's path made absolute.
    pub fn storage_url(&self) -> String {
        match self.database_path() {
            Some(path) => format!("sqlite:{}", path.display()),
            None => self.storage.url.clone(),
        }
    }

    /// The largest size of an SQLite database in bytes; `None` for no limit.
    pub fn storage_bytes_max(&self) -> Option<u64> {
        self.storage.size_mib_max.map(|mib| mib << 20)
    }

    /// The database's file; `None` for PostgreSQL.
    pub fn database_path(&self) -> Option<PathBuf> {
        let path = self.storage.url.strip_prefix("sqlite:")?;
        Some(self.folder.join(path.strip_prefix("//").unwrap_or(path)))
    }

    /// The address under which clients put and get files; `None` when nobody could.
    pub fn upload_url(&self) -> Option<String> {
        let (given, port) = (&self.upload.url, self.listen.https);
        match (given.is_empty(), port) {
            (false, _) => Some(given.trim_end_matches('/').to_owned()),
            (true, 0) => None,
            (true, 443) => Some(format!("https://{}", self.domain)),
            (true, port) => Some(format!("https://{}:{port}", self.domain)),
        }
    }

    /// Where recordings of calls go.
    pub fn recordings(&self) -> PathBuf {
        self.folder.join(operations::folder::RECORDINGS)
    }

    /// The folder of the files that users send.
    pub fn files_path(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// The certificate's file.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join(&self.tls.certificate)
    }

    /// The private key's file.
    pub fn key_path(&self) -> PathBuf {
        self.folder.join(&self.tls.key)
    }
}

impl Default for LimitsSection {
    /// As the rooms have them that hold to them.
    fn default() -> Self {
        let (im, calls) = (im::Limits::default(), calls::CallLimits::default());
        Self {
            failures_per_account: im.sign_in.failures_per_account_max,
            failures_per_address: im.sign_in.failures_per_address_free,
            unauthenticated_connections: im.sign_in.unauthenticated_connections_max,
            stanza_bytes: im.stream.signed_in.stanza_bytes_max,
            queued_stanzas: im.session.queued_stanzas_max,
            stanzas_per_second: im.session.stanzas_per_second_max,
            room_messages_per_second: im.account.room_messages_per_second_max,
            resume_seconds: im.session.resume_time_max.as_secs(),
            federation_queue_seconds: im.federation.queue_time_max.as_secs(),
            federation_queued_stanzas: im.federation.queued_stanzas_max,
            federation_stanzas_per_second: im.federation.stanzas_per_second_max,
            kept: KeptSection {
                offline_messages: im.kept.offline_messages_max,
                offline_mib: im.kept.offline_bytes_max >> 20,
                personal_mib: im.kept.personal_bytes_max >> 20,
            },
            ring_seconds: calls.ring_time.as_secs(),
            calls_per_line: calls.calls_per_line_max,
            call_seconds: calls.call_length_max.as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_configurations_are_compared_key_by_key() {
        let one = Config::new(Path::new("/data"), "localhost".parse().unwrap());
        let mut other = one.clone();
        assert!(one.differences(&other, Felt::AtStart).is_empty());
        other.listen.sip = 6060;
        other.domain = "example.org".parse().unwrap();
        other.limits.ring_seconds = 30;
        assert_eq!(one.differences(&other, Felt::AtStart), ["domain", "[listen] sip"]);
        assert_eq!(one.differences(&other, Felt::OnReload), ["[limits] ring_seconds"]);
    }

    #[test]
    fn one_limit_of_failures_stands_for_clients_and_phones() {
        let (limits, phones) = (LimitsSection::default(), calls::SignInLimits::default());
        let ours = (limits.failures_per_account, limits.failures_per_address);
        assert_eq!(ours, (phones.failures_per_account_max, phones.failures_per_address_free));
    }

    #[test]
    fn limits_and_certificates_are_felt_on_reload() {
        for setting in SETTINGS.iter().filter(|setting| matches!(setting.section, "limits" | "tls")) {
            assert_eq!(setting.felt, Felt::OnReload, "{setting:?}");
        }
    }
}
