//! What the operator has beside this server: push services that are reached over HTTP, and TURN servers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use im::{ComponentsConfig, ExternalServices, Im};
use runtime::{Runtime, SocketOptions};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use store::Store;

use crate::certificate;
use crate::config::Config;

/// The setting that holds the key which signs push notices: devices are registered with it.
const PUSH_KEY_SETTING: &str = "push.vapid_key";
/// Where systems keep the certificates of the authorities that they trust; the first that is there.
const AUTHORITIES: &[&str] =
    &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// Opens the way out for push notices.
pub(crate) async fn start_push(
    config: &Config,
    store: &Store,
    im: &Arc<Im>,
    runtime: &Runtime,
) -> Result<()> {
    let key = match store.setting(PUSH_KEY_SETTING).await? {
        Some(kept) => unhex(&kept).context("the kept key of push notices")?,
        None => {
            let made = web::push::new_key()?;
            store.setting_put(PUSH_KEY_SETTING, &hex(&made)).await?;
            made
        }
    };
    let ours = &config.outside.push;
    let contact = if ours.contact.is_empty() {
        format!("mailto:postmaster@{}", config.domain)
    } else {
        ours.contact.clone()
    };
    let private_endpoints = ours.private_endpoints;
    let authorities = authorities(config)?;
    let push = web::push::PushConfig { key, contact, private_endpoints, authorities };
    web::push::Pusher::start(push, im, runtime)?;
    Ok(())
}

/// The TURN servers of the operator, with the secret that is shared with them.
pub(crate) fn turn(config: &Config) -> Result<ExternalServices> {
    let ours = &config.outside.turn;
    let secret = secret(config, &ours.secret, &ours.secret_file, "[turn]")?;
    Ok(ExternalServices {
        services: ours.services.clone(),
        secret: secret.map(Into::into),
        credentials_time: Duration::from_secs(ours.credentials_seconds),
    })
}

/// The programs that may connect, with the secret that is shared with them.
pub(crate) fn components(config: &Config) -> Result<ComponentsConfig> {
    let ours = &config.outside.components;
    let secret = secret(config, &ours.secret, &ours.secret_file, "[components]")?.unwrap_or_default();
    if !ours.domains.is_empty() && secret.is_empty() {
        bail!("[components] domains need a secret: set secret_file, or CARILLON__COMPONENTS__SECRET");
    }
    if let Some(grant) = ours.privileges.iter().find(|grant| !ours.domains.contains(&grant.domain)) {
        bail!("[components] privileges: {} is not among the domains", grant.domain);
    }
    if let Some(one) = ours.delegations.iter().find(|one| !ours.domains.contains(&one.domain)) {
        bail!("[components] delegations: {} is not among the domains", one.domain);
    }
    Ok(ComponentsConfig {
        domains: ours.domains.clone(),
        secret: secret.into(),
        privileges: ours.privileges.clone(),
        delegations: ours.delegations.clone(),
    })
}

/// Listens for them, on loopback.
pub(crate) fn listen_to_components(config: &Config, im: &Arc<Im>, runtime: &Runtime) -> Result<()> {
    for address in config.listen.loopback(config.listen.components) {
        let listener = runtime
            .listen_tcp(address, SocketOptions::default())
            .with_context(|| format!("cannot listen on {address}; `carillon check` says what has it"))?;
        im.listen_to_components(listener)?;
    }
    Ok(())
}

/// A secret that is given by the environment, or stands in a file of its own.
pub(crate) fn secret(config: &Config, given: &str, file: &str, section: &str) -> Result<Option<String>> {
    if !given.is_empty() || file.is_empty() {
        return Ok(Some(given.to_owned()).filter(|given| !given.is_empty()));
    }
    let path = config.folder.join(file);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{section} secret_file {} cannot be read", path.display()))?;
    Ok(Some(text.trim().to_owned()).filter(|secret| !secret.is_empty()))
}

/// The authorities that the system trusts.
pub(crate) fn system_authorities() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for path in AUTHORITIES {
        if let Ok(certificates) = CertificateDer::pem_file_iter(path) {
            roots.add_parsable_certificates(certificates.flatten());
            break;
        }
    }
    roots
}

/// Those that the system trusts, and those that the operator adds for a push service of their own.
fn authorities(config: &Config) -> Result<RootCertStore> {
    let mut roots = system_authorities();
    if let Some(path) = &config.outside.push.authorities {
        let chain = certificate::load_chain(&config.folder.join(path)).context("[push] authorities")?;
        let (added, _) = roots.add_parsable_certificates(chain);
        if added == 0 {
            bail!("[push] authorities: {} has no certificate of an authority", path.display());
        }
    }
    if roots.is_empty() {
        tracing::warn!("this system trusts no authorities: push services cannot be reached over HTTPS");
    }
    Ok(roots)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let digits = |pair: &[u8]| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    text.as_bytes().chunks(2).map(digits).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_secret_comes_from_the_environment_or_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let text = "version = 1\ndomain = \"example.org\"\n[turn]\nservices = [\"turn:t\"]\nsecret_file = \"turn.secret\"\n";
        let read =
            |environment: &[(String, String)]| crate::config::read(folder.path(), text, environment).unwrap();
        assert!(turn(&read(&[])).is_err(), "the file is not there");
        std::fs::write(folder.path().join("turn.secret"), "north\n").unwrap();
        assert_eq!(turn(&read(&[])).unwrap().secret.as_deref(), Some("north"));
        let given = [("CARILLON__TURN__SECRET".to_owned(), "south".to_owned())];
        assert_eq!(turn(&read(&given)).unwrap().secret.as_deref(), Some("south"));
        assert_eq!(
            turn(&Config::new(Path::new("/"), "x".parse().unwrap())).unwrap(),
            ExternalServices { credentials_time: Duration::from_secs(86_400), ..ExternalServices::default() }
        );
    }

    #[test]
    fn a_key_is_kept_in_digits() {
        assert_eq!(unhex(&hex(&[0, 15, 255])).unwrap(), [0, 15, 255]);
        assert!(unhex("zz").is_err());
    }
}
