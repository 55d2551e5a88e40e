//! `carillon serve`: runs the node until SIGTERM or SIGINT; SIGHUP reads certificates and limits again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::DataOption;
use crate::notify::{notify, watchdog_interval};
use crate::{Node, logging};

/// A stop takes at most this long.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

pub(super) fn run(options: &DataOption) -> Result<ExitCode> {
    let data = options.data();
    let config = data.config()?;
    logging::start(&config.log).map_err(anyhow::Error::msg)?;
    let tokio = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tokio.block_on(async {
        let runtime = Runtime::real();
        let node = Node::start(&data, config, runtime.clone()).await?;
        notify("READY=1");
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
        wait(&node, &runtime).await?;
        notify("STOPPING=1");
        node.stop(STOP_TIME_MAX).await;
        anyhow::Ok(())
    })?;
    // What still blocks a thread (a password being computed) must not hold the stop up.
    tokio.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

async fn wait(node: &Node, runtime: &Runtime) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals")?;
    let mut hangup = signal(SignalKind::hangup()).context("signals")?;
    let interval = watchdog_interval();
    loop {
        tokio::select! {
            biased;
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => match node.reload() {
                Ok(()) => tracing::info!("certificates and limits read again"),
                Err(error) => tracing::error!(error = format!("{error:#}"), "nothing was changed by the reload"),
            },
            () = runtime.sleep(interval.unwrap_or(Duration::from_secs(3600))) => {
                if interval.is_some() {
                    notify("WATCHDOG=1");
                }
            }
        }
    }
}
