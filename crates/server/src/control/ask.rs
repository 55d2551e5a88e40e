//! A verb's side of the control socket.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::{LINE_BYTES_MAX, Line};
use crate::operation::{Failure, Operation, Progress};

/// What came of asking.
pub enum Answered {
    /// The node did it, or said why not.
    Yes(Result<Value, Failure>),
    /// No node runs on this data directory.
    NobodyThere(Operation),
}

/// Asks the node behind `socket`.
///
/// # Errors
/// The connection broke in the middle.
pub async fn ask(socket: &Path, operation: Operation, progress: Progress<'_>) -> Result<Answered> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
            return Ok(Answered::NobodyThere(operation));
        }
        Err(error) => return Err(error).with_context(|| format!("cannot reach {}", socket.display())),
    };
    let (reader, mut writer) = stream.into_split();
    let mut request = serde_json::to_vec(&operation)?;
    request.push(b'\n');
    if request.len() > LINE_BYTES_MAX {
        bail!("the request is larger than {LINE_BYTES_MAX} bytes; split the file");
    }
    writer.write_all(&request).await.context("the node closed the connection")?;
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = String::new();
        (&mut reader).take(LINE_BYTES_MAX as u64).read_line(&mut line).await?;
        if line.is_empty() {
            bail!("the node closed the connection before it answered; see its log");
        }
        match serde_json::from_str(&line).context("the node gave an answer that this version does not know")? {
            Line::Progress(done, all) => progress(done, all),
            Line::Done(value) => return Ok(Answered::Yes(Ok(value))),
            Line::Failed(failure) => return Ok(Answered::Yes(Err(failure))),
        }
    }
}
