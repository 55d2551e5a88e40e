//! A program beside the server, on the stream of a component (XEP-0114).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sha1::{Digest, Sha1};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::house::House;

/// A component on its connection: text out, text in.
pub struct Component<'h> {
    house: &'h House,
    io: DuplexStream,
    heard: String,
}

impl<'h> Component<'h> {
    /// Opens a stream to `domain` and says the handshake with `secret`.
    pub async fn connect(house: &'h House, domain: &str, secret: &str) -> Self {
        let (ours, theirs) = tokio::io::duplex(65_536);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000));
        house.runtime.spawn_session(Arc::clone(&house.im).accept_component(theirs, peer));
        let mut component = Self { house, io: ours, heard: String::new() };
        component
            .send(&format!(
                "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='{domain}'>"
            ))
            .await;
        component.hears(">").await;
        let id = component.heard.split("id='").nth(1).map(|rest| rest.split('\'').next().unwrap_or_default());
        let digest = Sha1::digest([id.unwrap_or_default(), secret].concat());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        // Whoever is not known here is cut off before.
        let _sent = component.io.write_all(format!("<handshake>{digest}</handshake>").as_bytes()).await;
        component
    }

    /// Sends this.
    pub async fn send(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.expect("the stream takes it");
    }

    /// What came and was not looked at.
    pub fn heard_so_far(&self) -> String {
        self.heard.clone()
    }

    /// Waits until `text` came, and gives all that came since the last time.
    pub async fn hears(&mut self, text: &str) -> String {
        let mut buffer = vec![0; 4_096];
        for _ in 0..200 {
            if self.heard.contains(text) && (text != ">" || self.heard.contains("<stream:stream")) {
                let heard = self.heard.clone();
                if text != ">" {
                    self.heard.clear();
                }
                return heard;
            }
            tokio::select! {
                biased;
                read = self.io.read(&mut buffer) => {
                    let count = read.expect("a stream");
                    if count == 0 {
                        break;
                    }
                    self.heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
                () = self.house.tick() => {}
            }
        }
        panic!("{text} did not come: {}", self.heard);
    }
}
