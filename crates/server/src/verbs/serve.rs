//! `serve`: runs a node until it is told to stop.

use std::time::Duration;

use operations::exit::Exit;
use operations::{Failure, Running};
use runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Common;
use crate::notify::Notify;
use crate::{access, logging, serving};

/// How long a node may take to end after SIGTERM, below the promised 5 s.
const STOP_TIME_MAX: Duration = Duration::from_millis(4_500);

/// Run the server until it is told to stop (SIGTERM, SIGINT); SIGHUP reloads it, as `carillon reload` does
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let data = &arguments.common.data;
    let config = access::load(data)?;
    let levels = logging::start(&config.log);
    let notify = Notify::from_environment();
    let Some(_lock) = access::lock(data)? else { return Err(access::in_use(data)) };
    let mut signals = Signals::new()?;
    // Another part of the process may have installed it; then it is the same one.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();

    let context = access::context(&config, runtime).await?;
    let (node, serving) = match serving::start(&config, context, levels, runtime).await {
        Ok(started) => started,
        Err(failure) => {
            runtime.stop();
            runtime.drained(STOP_TIME_MAX).await;
            return Err(failure);
        }
    };
    tracing::info!(domain = config.domain.as_str(), version = env!("CARGO_PKG_VERSION"), "serving");
    notify.ready();
    until_stopped(&mut signals, &notify, runtime, || {
        // What was not right is in the log.
        let _told = serving.reload();
    })
    .await;

    notify.stopping();
    tracing::info!("stopping");
    node.stop(STOP_TIME_MAX).await;
    Ok(Exit::Done)
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be heard: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

async fn until_stopped(signals: &mut Signals, notify: &Notify, runtime: &Runtime, reload: impl Fn()) {
    let interval = notify.alive_interval();
    loop {
        tokio::select! {
            biased;
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hang_up.recv() => reload(),
            () = runtime.sleep(interval.unwrap_or(Duration::MAX)), if interval.is_some() => notify.alive(),
        }
    }
}
