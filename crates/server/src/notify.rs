//! Telling systemd how the service is (sd_notify(3)), by hand over its datagram socket.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The way to the service manager; says nothing when none started us.
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// From the environment that systemd gives.
    pub fn from_environment() -> Self {
        let path = std::env::var_os("NOTIFY_SOCKET");
        let watchdog = std::env::var("WATCHDOG_USEC").ok();
        let ours = std::env::var("WATCHDOG_PID").ok().is_none_or(|pid| pid == std::process::id().to_string());
        Self::new(path.as_deref(), watchdog.filter(|_| ours).as_deref())
    }

    fn new(path: Option<&std::ffi::OsStr>, watchdog: Option<&str>) -> Self {
        let address = path.and_then(|path| match path.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
            [] => None,
            _ => SocketAddr::from_pathname(path).ok(),
        });
        let socket = address.and_then(|address| {
            let socket = UnixDatagram::unbound().ok()?;
            socket.set_nonblocking(true).ok()?;
            Some((socket, address))
        });
        let watchdog = watchdog.and_then(|text| text.parse().ok()).map(Duration::from_micros);
        Self { watchdog: watchdog.filter(|_| socket.is_some()), socket }
    }

    /// The service is up.
    pub fn ready(&self) {
        self.send("READY=1\nSTATUS=Serving\n");
    }

    /// The service goes down.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Stopping\n");
    }

    /// The service is alive.
    pub fn alive(&self) {
        self.send("WATCHDOG=1\n");
    }

    /// How often to say so: twice in the time that systemd waits.
    pub fn alive_interval(&self) -> Option<Duration> {
        self.watchdog.map(|watchdog| watchdog / 2)
    }

    fn send(&self, message: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(message.as_bytes(), address)
        {
            tracing::warn!(%error, "systemd could not be told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_what_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::new(Some(path.as_os_str()), Some("30000000"));
        assert_eq!(notify.alive_interval(), Some(Duration::from_secs(15)));
        notify.ready();
        notify.alive();
        notify.stopping();
        let mut buffer = [0; 100];
        for wanted in ["READY=1", "WATCHDOG=1", "STOPPING=1"] {
            let length = systemd.recv(&mut buffer).unwrap();
            assert!(std::str::from_utf8(&buffer[..length]).unwrap().starts_with(wanted));
        }
    }

    #[test]
    fn without_systemd_nothing_is_said() {
        let notify = Notify::new(None, Some("30000000"));
        notify.ready();
        assert_eq!(notify.alive_interval(), None);
    }
}
