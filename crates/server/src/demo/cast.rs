//! The cast: scripted users and phones that say what they see and hear on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use client::Trust;
use client::phone::{Phone, PhoneConfig};
use client::xmpp::{Client, Event, Events, Options};

use super::scene::Stage;
use super::{DOMAIN, password};

/// How long anything may take to be seen.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A chat client of the scene.
pub(super) struct Person {
    pub(super) client: Client,
    events: Events,
}

impl Person {
    /// Signs in over STARTTLS and shows as available.
    pub(super) async fn arrive(stage: &Stage, user: &str, resource: &str) -> Result<Self> {
        let server = SocketAddr::from(([127, 0, 0, 1], stage.listen.xmpp));
        let trust = Trust::Certificate(stage.certificate.clone());
        let account = format!("{user}@{DOMAIN}").parse()?;
        let options = Options::new(account, &password(user), trust).with_resource(resource.parse()?);
        let (client, events) = Client::connect(&stage.runtime, server, options)
            .await
            .with_context(|| format!("{user} cannot sign in"))?;
        client.roster().await?;
        client.available().await?;
        Ok(Self { client, events })
    }

    /// Waits for a presence of `user`, from any of their clients, that is as `wanted`; gives its resource.
    pub(super) async fn sees(
        &mut self,
        user: &str,
        what: &str,
        wanted: impl Fn(&client::xmpp::Presence) -> bool,
    ) -> Result<String> {
        let bare = format!("{user}@{DOMAIN}");
        let found = self.wait(|event| match event {
            Event::Presence(presence) => {
                let from = presence.from();
                let (from, resource) = from.split_once('/').unwrap_or((&from, ""));
                (from == bare && wanted(presence)).then(|| resource.to_owned())
            }
            _ => None,
        });
        found.await.with_context(|| format!("{} does not see {what}", self.client.jid()))
    }

    /// Waits for a message with this text.
    pub(super) async fn hears(&mut self, text: &str) -> Result<()> {
        let heard = self.wait(|event| match event {
            Event::Message(message) => (message.body().as_deref() == Some(text)).then_some(()),
            _ => None,
        });
        heard.await.with_context(|| format!("{} does not hear “{text}”", self.client.jid()))
    }

    async fn wait<T>(&mut self, mut found: impl FnMut(&Event) -> Option<T>) -> Result<T> {
        let search = async {
            while let Some(event) = self.events.next().await {
                if let Some(found) = found(&event) {
                    return Ok(found);
                }
            }
            bail!("the session ended")
        };
        tokio::time::timeout(PATIENCE, search).await.context("not within 5 s")?
    }
}

/// Registers a phone on a line.
pub(super) async fn phone(stage: &Stage, user: &str, line: &str) -> Result<Phone> {
    let mut config = PhoneConfig::new(line, DOMAIN);
    config.password = password(user);
    config.server = Some(SocketAddr::from(([127, 0, 0, 1], stage.listen.sip)));
    Phone::register(config, stage.runtime.clone())
        .await
        .with_context(|| format!("line {line} cannot register"))
}
