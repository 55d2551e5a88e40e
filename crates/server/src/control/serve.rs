//! The node's side of the control socket.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use super::{CONNECTIONS_MAX, LINE_BYTES_MAX, Line, REQUEST_TIME_MAX};
use crate::operation::{Failure, House, Operation};

/// Progress lines that wait for a slow reader; further ones are left out.
const PROGRESS_WAITING_MAX: usize = 8;

/// Opens the socket, readable and writable by its owner only, and serves it until the node stops.
pub fn serve(path: &Path, house: House) -> Result<()> {
    // The directory's lock is ours: a socket that lies there is a dead one.
    let _absent = fs::remove_file(path);
    let listener = UnixListener::bind(path).with_context(|| format!("cannot open {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    let runtime = house.runtime.clone();
    let path = path.to_path_buf();
    runtime.clone().spawn("control", async move {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let accepted = tokio::select! {
                biased;
                () = runtime.stopping() => break,
                accepted = listener.accept() => accepted,
            };
            let (Ok((stream, _)), Ok(place)) = (accepted, Arc::clone(&places).acquire_owned().await) else { continue };
            let house = house.clone();
            runtime.spawn("control-connection", async move {
                if let Err(error) = connection(stream, &house).await {
                    tracing::debug!(%error, "a control connection broke");
                }
                drop(place);
            });
        }
        let _gone = fs::remove_file(path);
    });
    Ok(())
}

async fn connection(stream: UnixStream, house: &House) -> Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut request = String::new();
    let mut reader = BufReader::new(reader).take(LINE_BYTES_MAX as u64);
    let read = reader.read_line(&mut request);
    tokio::select! {
        biased;
        () = house.runtime.sleep(REQUEST_TIME_MAX) => return Ok(()),
        read = read => { read?; }
    }
    let last = match serde_json::from_str::<Operation>(&request) {
        Err(error) => {
            let message = format!("not an operation that this node knows: {error}; is `carillon` of another version?");
            Line::Failed(Failure::refused(message))
        }
        Ok(operation) => execute(operation, house, &mut writer).await?,
    };
    write(&mut writer, &last).await
}

async fn execute(
    operation: Operation,
    house: &House,
    writer: &mut tokio::net::unix::OwnedWriteHalf,
) -> Result<Line> {
    let (sender, mut receiver) = mpsc::channel(PROGRESS_WAITING_MAX);
    let progress = move |done, all| drop(sender.try_send(Line::Progress(done, all)));
    let work = house.execute(operation, &progress);
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return Ok(match outcome {
                Ok(value) => Line::Done(value),
                Err(failure) => Line::Failed(failure),
            }),
            Some(line) = receiver.recv() => write(writer, &line).await?,
        }
    }
}

async fn write(writer: &mut tokio::net::unix::OwnedWriteHalf, line: &Line) -> Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    writer.write_all(&text).await?;
    Ok(())
}
