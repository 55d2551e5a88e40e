//! A node: everything that serves, started and stopped as one. The one constructor for the binary and the tests.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use calls::{CallLimits, Calls, CallsConfig};
use im::s2s::FederationConfig;
use im::{Im, ImConfig, Transport};
use media::{Media, MediaConfig};
use model::BareJid;
use operations::Change;
use presence::{Engine, Rules};
use runtime::{Runtime, SocketOptions};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use store::{Files, Store};
use xmpp::sasl::scram::ITERATIONS_DEFAULT;

use crate::certificate;
use crate::config::{Config, MusicOnHold};
use crate::outside;
use crate::status::Rooms;

/// The number that echoes sound.
pub const ECHO_NUMBER: &str = "600";
/// The setting that holds the secret from which unknown users' salts are made.
const UNKNOWN_USERS_SETTING: &str = "im.unknown_users_secret";
/// How often it is looked whether accounts that lacked a record for a mechanism have it.
const MECHANISMS_INTERVAL: Duration = Duration::from_secs(10 * 60);
/// How often observations that ran out are looked for.
const LAPSE_INTERVAL: Duration = Duration::from_secs(1);

/// A day, for settings that count in days.
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A running node.
pub struct Node {
    runtime: Runtime,
    store: Store,
    im: Arc<Im>,
    calls: Calls,
    web: Arc<web::Web>,
    rows: Arc<Rooms>,
    im_tls: Arc<im::Tls>,
    web_tls: Arc<web::Tls>,
}

impl Node {
    /// Starts all that the configuration asks for; when this returns, every listener is bound.
    ///
    /// # Errors
    /// A listener, a certificate or a room could not be opened: the text says which and why.
    pub async fn start(config: &Config, store: Store, runtime: Runtime) -> Result<Arc<Self>> {
        let (chain, key) = certificate::load(&config.certificate_path(), &config.key_path())?;
        let presence = Arc::new(Engine::new(Rules::default()));
        let im_tls = Arc::new(im::Tls::new(chain.clone(), key.clone_key())?);
        let im = start_im(config, &store, &presence, &runtime, &im_tls).await?;
        let (media, reports) = Media::start(media_config(config), &runtime).context("media")?;
        let calls = Calls::start(
            calls_config(config, sip_tls(config, &chain, &key)?)?,
            store.clone(),
            Arc::clone(&presence),
            runtime.clone(),
            Arc::new(media),
        )
        .await?;
        calls.hear(reports);
        apps::gateway::simple::join(&im, &calls, &runtime);
        let web_tls = Arc::new(web::Tls::new(chain.clone(), key.clone_key())?);
        let files = Files::new(config.files_path(), &runtime);
        files.forget_incoming().await.context("files that users send")?;
        let rows = Arc::new(Rooms { im: Arc::clone(&im), calls: calls.clone() });
        let rooms = web::Rooms {
            store: store.clone(),
            presence: Arc::clone(&presence),
            status: Arc::clone(&rows) as Arc<dyn operations::StatusSource>,
            metrics: web::Metrics::install()?,
            files,
            tls: Arc::clone(&web_tls),
            im: Arc::clone(&im),
            calls: calls.clone(),
        };
        let web = web::Web::start(web_config(config), rooms, &runtime)?;
        outside::start_push(config, &store, &im, &runtime).await?;
        lapse(&presence, &runtime);
        widen_mechanisms(&im, &runtime);
        Ok(Arc::new(Self { runtime, store, im, calls, web, rows, im_tls, web_tls }))
    }

    /// Messaging.
    pub fn im(&self) -> &Arc<Im> {
        &self.im
    }

    /// Call control.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// HTTP.
    pub fn web(&self) -> &Arc<web::Web> {
        &self.web
    }

    /// Messaging and call control, in rows.
    pub fn rows(&self) -> &dyn operations::StatusSource {
        &*self.rows
    }

    /// All that is kept.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Takes certificates and limits of a configuration that was read again: sessions and calls stay, new ones
    /// get them.
    ///
    /// # Errors
    /// A certificate is not right; then all stays as it was.
    pub fn reload(&self, config: &Config) -> Result<()> {
        let (chain, key) = certificate::load(&config.certificate_path(), &config.key_path())?;
        let (sip_tls, federation) = (Arc::new(sip_tls(config, &chain, &key)?), federation_config(config)?);
        self.im_tls.replace(chain.clone(), key.clone_key())?;
        self.web_tls.replace(chain.clone(), key.clone_key())?;
        self.calls.set_tls(sip_tls);
        self.im.set_limits(im_limits(config));
        self.im.set_policies(im_policies(config));
        self.im.set_federation(federation);
        self.calls.set_limits(call_limits(config));
        self.calls.set_sign_in_limits(phone_sign_in_limits(config));
        self.web.set_cti_policy(config.sip.cti.clone());
        self.store.limit_size(config.storage_bytes_max());
        Ok(())
    }

    /// An account has changed in a way that sessions and phones must feel at once.
    pub fn changed(&self, change: &Change) {
        match change {
            Change::UserDisabled(user) | Change::UserRemoved(user) => {
                let ended = self.im.disable(user);
                if matches!(change, Change::UserRemoved(_)) {
                    self.im.forget(user);
                }
                self.calls.take_back_phones_of(user);
                let calls = self.calls.end_calls_of(user);
                let applications = self.web.end_cti(user);
                tracing::info!(
                    sessions = ended,
                    calls,
                    applications,
                    "sessions and calls of a user were ended"
                );
                self.groups_changed();
            }
            Change::PasswordSet(user) => {
                self.calls.take_back_phones_of(user);
            }
            Change::GroupsChanged => self.groups_changed(),
            Change::ArchiveChanged(owner) => self.im.archive_changed(owner),
            // Call control follows the store's lines by itself.
            Change::LineRemoved(_) => {}
        }
    }

    /// Tells clients behind what goes on.
    fn groups_changed(&self) {
        let im = Arc::clone(&self.im);
        self.runtime.spawn_session(async move {
            if let Err(error) = im.groups_changed().await {
                tracing::warn!(%error, "clients learn of changed groups when they fetch their rosters");
            }
        });
    }

    /// Accounts, or parts of them, were added behind the rooms' back.
    pub async fn accounts_added(&self, users: &[BareJid]) {
        if let Err(error) = self.im.accounts_added(users).await {
            tracing::warn!(%error, "what was added is felt in part only, and all of it at the next start");
        }
    }

    /// Stops: streams are told and end, then what waits is written and the storage closed; takes at most `time`.
    pub async fn stop(&self, time: Duration) {
        self.runtime.stop();
        // Sessions and calls write until their end: the storage closes after them.
        if tokio::time::timeout(time * 2 / 3, self.runtime.quiet()).await.is_err() {
            tracing::warn!("some tasks had not ended in time");
        }
        if tokio::time::timeout(time / 3, self.store.close()).await.is_err() {
            tracing::error!("the storage did not close in time");
        }
    }
}

async fn start_im(
    config: &Config,
    store: &Store,
    presence: &Arc<Engine>,
    runtime: &Runtime,
    tls: &Arc<im::Tls>,
) -> Result<Arc<Im>> {
    let secret = kept_secret(store, runtime).await?;
    let mut im_config = ImConfig::new(config.domain.clone(), secret, ITERATIONS_DEFAULT);
    im_config.limits = im_limits(config);
    im_config.sign_in = im::SignIn {
        mechanisms: config.im.sign_in.mechanisms.clone(),
        token_time_max: Duration::from_secs(u64::from(config.im.sign_in.token_days) * 24 * 60 * 60),
    };
    im_config.archive_default = config.archive.default;
    im_config.upload_url = config.upload_url();
    im_config.proxy = proxy_config(config);
    im_config.policies = im_policies(config);
    im_config.federation = federation_config(config)?;
    im_config.push_shows_sender = config.outside.push.sender;
    im_config.external_services = outside::turn(config)?;
    im_config.components = outside::components(config)?;
    let trusted = config.network.trusted.clone();
    im_config.trusted = Arc::new(move |address| trusted.iter().any(|network| network.contains(address)));
    let im = Im::start(im_config, store.clone(), Arc::clone(presence), runtime.clone(), Arc::clone(tls));
    im.load().await?;
    im.federate().await?;
    outside::listen_to_components(config, &im, runtime)?;
    let listen = &config.listen;
    if config.im.federation.enabled {
        let ports =
            [(listen.xmpp_servers, Transport::StartTls), (listen.xmpps_servers, Transport::DirectTls)];
        for (port, transport) in ports {
            for address in listen.at(port) {
                let listener = runtime.listen_tcp(address, SocketOptions::default()).with_context(|| {
                    format!("cannot listen on {address}; `carillon check` says what has it")
                })?;
                im.listen_to_servers(listener, transport)?;
            }
        }
    }
    for (port, transport) in [(listen.xmpp, Transport::StartTls), (listen.xmpps, Transport::DirectTls)] {
        for address in listen.at(port) {
            let listener = runtime
                .listen_tcp(address, SocketOptions::default())
                .with_context(|| format!("cannot listen on {address}; `carillon check` says what has it"))?;
            im.listen(listener, transport)?;
        }
    }
    for address in listen.at(listen.proxy) {
        let listener = runtime
            .listen_tcp(address, SocketOptions::default())
            .with_context(|| format!("cannot listen on {address}; `carillon check` says what has it"))?;
        im.listen_proxy(listener)?;
    }
    Ok(im)
}

/// Where systems keep the certificates of the authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

fn federation_config(config: &Config) -> Result<FederationConfig> {
    let ours = config.im.federation.clone();
    let authorities = match &ours.authorities {
        Some(path) => {
            certificate::load_chain(&config.folder.join(path)).context("[federation] authorities")?
        }
        None => {
            let found =
                SYSTEM_AUTHORITIES.iter().find_map(|path| certificate::load_chain(Path::new(path)).ok());
            if found.is_none() && ours.enabled {
                tracing::warn!(
                    "this system trusts no authorities: install ca-certificates, or set [federation] authorities"
                );
            }
            found.unwrap_or_default()
        }
    };
    Ok(FederationConfig {
        enabled: ours.enabled,
        allow: ours.allow,
        deny: ours.deny,
        unverified: ours.unverified,
        without_tls: ours.without_tls,
        routes: ours.routes,
        authorities,
    })
}

/// The proxy for bytestreams, if it has a port.
fn proxy_config(config: &Config) -> Option<im::ProxyConfig> {
    let (port, given) = (config.listen.proxy, &config.im.proxy.host);
    let host = if given.is_empty() { config.domain.to_string() } else { given.clone() };
    let bytes_per_second = config.im.proxy.kib_per_second << 10;
    (port != 0).then_some(im::ProxyConfig { host, port, bytes_per_second })
}

fn im_limits(config: &Config) -> im::Limits {
    let ours = &config.limits;
    let mut limits = im::Limits::default();
    limits.sign_in.failures_per_account_max = ours.failures_per_account;
    limits.sign_in.failures_per_address_free = ours.failures_per_address;
    limits.sign_in.unauthenticated_connections_max = ours.unauthenticated_connections;
    limits.stream.signed_in.stanza_bytes_max = ours.stanza_bytes;
    limits.session.queued_stanzas_max = ours.queued_stanzas;
    limits.session.stanzas_per_second_max = ours.stanzas_per_second;
    limits.account.room_messages_per_second_max = ours.room_messages_per_second;
    limits.session.resume_time_max = Duration::from_secs(ours.resume_seconds);
    limits.kept.offline_messages_max = ours.kept.offline_messages;
    limits.kept.offline_bytes_max = ours.kept.offline_mib << 20;
    limits.kept.personal_bytes_max = ours.kept.personal_mib << 20;
    let files = &config.upload;
    limits.upload.file_bytes_max = files.file_mib << 20;
    limits.upload.user_files_a_day = files.user_files_a_day;
    limits.upload.user_bytes_a_day = files.user_mib_a_day << 20;
    limits.upload.keep_time =
        (files.keep_days > 0).then(|| DAY * u32::try_from(files.keep_days).unwrap_or(u32::MAX));
    limits.federation.queue_time_max = Duration::from_secs(ours.federation_queue_seconds);
    limits.federation.queued_stanzas_max = ours.federation_queued_stanzas;
    limits.federation.stanzas_per_second_max = ours.federation_stanzas_per_second;
    limits
}

fn im_policies(config: &Config) -> im::Policies {
    let days = |days: u32| (days > 0).then(|| Duration::from_secs(u64::from(days) * 86_400));
    let archive = &config.archive;
    let retention =
        im::Retention { users: days(archive.retention_days), rooms: days(archive.rooms_retention_days) };
    im::Policies {
        retention,
        routing: config.im.routing,
        administrators: config.im.administrators.iter().cloned().collect(),
        contacts: config.outside.contact.clone(),
        rooms_created_by: config.im.rooms_created_by.clone(),
        directory_searched_by: config.im.directory_searched_by.clone(),
        registration: config.im.registration,
    }
}

/// The secret that must stay the same over restarts, made at the first start.
async fn kept_secret(store: &Store, runtime: &Runtime) -> Result<[u8; 32]> {
    let text = match store.setting(UNKNOWN_USERS_SETTING).await? {
        Some(text) => text,
        None => {
            let made = runtime.random_token(32);
            store.setting_put(UNKNOWN_USERS_SETTING, &made).await?;
            made
        }
    };
    let mut secret = [0; 32];
    for (byte, digits) in secret.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits)?, 16).context("the kept secret")?;
    }
    Ok(secret)
}

fn media_config(config: &Config) -> MediaConfig {
    // One socket a port: with several addresses it takes all of IPv4.
    let bind = match config.listen.addresses.as_slice() {
        [one] => *one,
        _ => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    MediaConfig {
        rtp_ports: config.media.rtp_ports,
        kept_ports: config.listen.ports(),
        published_port: Some(config.listen.webrtc).filter(|port| *port != 0),
        marks: config.media.marks,
        bind,
        ..MediaConfig::default()
    }
}

/// TLS for phones and trunks: TLS 1.2 for the old ones, and the authorities of the system for trunks that name none.
fn sip_tls(
    config: &Config,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<calls::Tls> {
    let (authorities, folder) = (outside::system_authorities(), config.folder.clone());
    Ok(calls::Tls::new(chain.to_vec(), key.clone_key(), authorities, folder)?)
}

/// The numbers that the server itself answers.
pub(crate) fn services(config: &Config) -> calls::dialplan::Services {
    let conferences = config.sip.calls.conferences.iter().map(|room| room.number.clone());
    calls::dialplan::Services::new(Some(ECHO_NUMBER.to_owned()), conferences)
}

fn calls_config(config: &Config, tls: calls::Tls) -> Result<CallsConfig> {
    let listen = &config.listen;
    Ok(CallsConfig {
        domain: config.domain.clone(),
        listen: calls::Listen {
            udp: listen.at(listen.sip),
            tcp: listen.at(listen.sip),
            tls: listen.at(listen.sips),
        },
        tls: Some(Arc::new(tls)),
        addresses: calls::address::Addresses {
            sip_advertise: config.sip.advertise,
            media_advertise: config.media.advertise,
            local: config.network.local.clone(),
        },
        digest: config.sip.digest.clone(),
        trusted: config.network.trusted.clone(),
        shards: 0,
        dscp: config.sip.dscp,
        echo_number: Some(ECHO_NUMBER.to_owned()),
        conferences: config.sip.calls.conferences.clone(),
        sounds: calls::Sounds {
            shelf: Arc::new(media::Shelf::open(&operations::folder::sounds_path(&config.folder))),
            music: music(&config.sip.calls.music_on_hold)?,
        },
        limits: call_limits(config),
        sign_in: phone_sign_in_limits(config),
        records: calls::RecordPolicy {
            keep_time: (config.sip.calls.records_days > 0).then(|| DAY * config.sip.calls.records_days),
            traced_calls_max: config.sip.calls.traced_calls,
        },
        recordings: calls::Recordings {
            folder: config.recordings(),
            keep_time: (config.sip.calls.recordings_days > 0).then(|| DAY * config.sip.calls.recordings_days),
            has_tone: config.sip.calls.recording_tone,
        },
    })
}

/// What phones that are held hear.
fn music(wanted: &MusicOnHold) -> Result<Option<media::Source>> {
    let sound = match wanted {
        MusicOnHold::Phones => return Ok(None),
        MusicOnHold::Own => media::Sound::music(),
        MusicOnHold::File(path) => media::Sounds::default().load(path).context("calls.music_on_hold")?,
    };
    Ok(Some(media::Source::Sounds(vec![sound])))
}

fn phone_sign_in_limits(config: &Config) -> calls::SignInLimits {
    calls::SignInLimits {
        failures_per_account_max: config.limits.failures_per_account,
        failures_per_address_free: config.limits.failures_per_address,
    }
}

fn call_limits(config: &Config) -> CallLimits {
    let ours = &config.limits;
    CallLimits {
        ring_time: Duration::from_secs(ours.ring_seconds),
        calls_per_line_max: ours.calls_per_line,
        call_length_max: Duration::from_secs(ours.call_seconds),
        park_recall_time: Duration::from_secs(config.sip.calls.park_recall_seconds),
        ..CallLimits::default()
    }
}

fn web_config(config: &Config) -> web::WebConfig {
    let listen = &config.listen;
    web::WebConfig {
        domain: config.domain.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        https: listen.at(listen.https),
        http: listen.loopback(listen.http_loopback),
        metrics: listen.loopback(listen.metrics),
        cti: config.sip.cti.clone(),
    }
}

async fn note_mechanisms(im: &Im) {
    if let Err(error) = im.offer_what_all_can_do().await {
        tracing::warn!(%error, "the mechanisms on offer stay as they are");
    }
}

/// Looks from time to time whether every account can do more by now.
fn widen_mechanisms(im: &Arc<Im>, runtime: &Runtime) {
    let (im, inside) = (Arc::clone(im), runtime.clone());
    runtime.spawn("mechanisms", async move {
        loop {
            tokio::select! {
                biased;
                () = inside.stopping() => return,
                () = inside.sleep(MECHANISMS_INTERVAL) => note_mechanisms(&im).await,
            }
        }
    });
}

/// Lets observations run out.
fn lapse(presence: &Arc<Engine>, runtime: &Runtime) {
    let (presence, inside) = (Arc::clone(presence), runtime.clone());
    runtime.spawn("presence-lapse", async move {
        loop {
            tokio::select! {
                biased;
                () = inside.stopping() => return,
                () = inside.sleep(LAPSE_INTERVAL) => presence.lapse(inside.timestamp()),
            }
        }
    });
}
