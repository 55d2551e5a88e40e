//! The demo: a node on loopback, three users with phones, the scene, and then an open door.

mod cast;
mod scene;

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use operations::folder;
use operations::{GroupChange, Request, Secret, perform};
use runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Config, ListenSection};
use crate::logging::Levels;
use crate::node::{ECHO_NUMBER, Node};
use crate::{access, certificate, serving, verbs};

/// The domain of the demo.
pub const DOMAIN: &str = "localhost";
/// Users and their lines. Passwords are the names: everything is on loopback.
pub const USERS: [(&str, &str, &str); 3] =
    [("ann", "Ann", "1001"), ("bob", "Bob", "1002"), ("carol", "Carol", "1003")];
/// The group that they are colleagues in.
const GROUP: &str = "Colleagues";
/// The contact that answers.
const ECHO: &str = "echo@localhost";
/// The scene has failed when it is not over by then.
const SCENE_TIME_MAX: Duration = Duration::from_secs(30);
/// How long the link to the console can be used.
const LINK_TIME: Duration = Duration::from_secs(3600);
/// A stop takes at most this long.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// The password of a demo user, for chat and for the phone.
pub fn password(user: &str) -> String {
    user.to_owned()
}

/// Plays the scene; then stays up until interrupted, unless `scene_only`.
///
/// # Errors
/// Something cannot be started, or a step of the scene was not seen.
pub async fn run(port_offset: u16, scene_only: bool) -> Result<()> {
    // Heard from the start, so that no signal leaves the folder behind.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut told = pin!(async {
        tokio::select! {
            biased;
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    let folder = TemporaryFolder::new();
    let runtime = Runtime::real();
    let config = prepare(&folder.path, port_offset, &runtime).await?;
    println!("Carillon {} on loopback, data in {}", env!("CARGO_PKG_VERSION"), folder.path.display());
    let (chain, _) = certificate::load(&config.certificate_path(), &config.key_path())?;
    let certificate = chain.into_iter().next().context("the certificate")?;
    let _lock = folder::lock(&folder.path)?.context("the data directory is locked")?;
    let context = access::context(&config, &runtime).await?;
    let (node, _serving) = serving::start(&config, context, Levels::silent(), &runtime).await?;
    node.im().add_contact(&ECHO.parse()?, Arc::new(apps::Echo));
    // The scripted clients stand in a world of their own: the server's stop is not theirs.
    let stage = scene::Stage { listen: config.listen.clone(), certificate, runtime: Runtime::real() };
    let played = tokio::select! {
        biased;
        () = &mut told => None,
        played = tokio::time::timeout(SCENE_TIME_MAX, scene::play(&stage)) => Some(played),
    };
    let too_long = || Err(anyhow!("the scene took longer than {} s", SCENE_TIME_MAX.as_secs()));
    let played = match played {
        None => {
            println!("stopping");
            Ok(())
        }
        Some(played) => {
            let played = played.unwrap_or_else(|_| too_long());
            if played.is_ok() && !scene_only {
                println!("{}", invitation(&config.listen, &node));
                told.await;
                println!("stopping");
            }
            played
        }
    };
    node.stop(STOP_TIME_MAX).await;
    played
}

/// Makes the data directory and the users with their lines.
async fn prepare(data: &Path, port_offset: u16, runtime: &Runtime) -> Result<Config> {
    let listen = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    verbs::make_data(data, DOMAIN, listen, port_offset, runtime).await?;
    let config = access::load(data)?;
    let context = access::context(&config, runtime).await?;
    let mut csv = "jid,name,password,line,line_password\n".to_owned();
    for (user, name, line) in USERS {
        csv.push_str(&format!("{user}@{DOMAIN},{name},{secret},{line},{secret}\n", secret = password(user)));
    }
    perform(&context, Request::UserImport { csv: Secret(csv) }, &|_| {}).await?;
    let team = |change| Request::GroupChange { name: GROUP.to_owned(), change };
    perform(&context, team(GroupChange::Add { shared: true }), &|_| {}).await?;
    let members = USERS.iter().map(|(user, ..)| format!("{user}@{DOMAIN}").parse());
    let members = members.collect::<Result<Vec<model::BareJid>, _>>()?;
    perform(&context, team(GroupChange::MemberAdd(members)), &|_| {}).await?;
    context.store.close().await;
    Ok(config)
}

fn invitation(listen: &ListenSection, node: &Node) -> String {
    let link = node.web().one_time_link(LINK_TIME);
    format!(
        "
It stays up now. Join it (everything is on 127.0.0.1; press Ctrl-C to stop):

  browser        http://localhost:{http}/
                 sign in as ann@{DOMAIN}, bob@{DOMAIN} or carol@{DOMAIN}; the password is the name. Chat and call at
                 once: take two of them in two windows, or dial {ECHO_NUMBER} to hear yourself
  administrator  http://localhost:{http}{link}
                 the console; this link works once, within an hour
  chat client    ann@{DOMAIN}, bob@{DOMAIN} or carol@{DOMAIN}; the password is the name; server 127.0.0.1,
                 port {xmpp} (STARTTLS) or {xmpps} (TLS); accept the self-signed certificate.
                 profanity:  /connect carol@{DOMAIN} server 127.0.0.1 port {xmpp} tls trust
                 write to {ECHO}, it answers
  SIP phone      user 1001, 1002 or 1003; the password is ann, bob or carol; domain {DOMAIN}, proxy 127.0.0.1:{sip}
                 dial another number or name, or {ECHO_NUMBER} to hear yourself",
        xmpp = listen.xmpp,
        xmpps = listen.xmpps,
        sip = listen.sip,
        http = listen.http_loopback,
    )
}

/// A folder that is gone when the demo is.
struct TemporaryFolder {
    path: PathBuf,
}

impl TemporaryFolder {
    fn new() -> Self {
        let name = format!("carillon-demo-{}", Runtime::real().random_token(6));
        Self { path: std::env::temp_dir().join(name) }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.path);
    }
}
