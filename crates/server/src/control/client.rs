//! A verb's side of the control socket.

use std::path::Path;
use std::time::Duration;

use operations::exit::Exit;
use operations::{Failure, Listener, Request};
use runtime::Runtime;
use serde_json::Value;
use tokio::io::BufReader;
use tokio::net::UnixStream;

use super::{Reply, line};

/// How long the node may be silent. Long work tells its progress, and the longest silent work is a backup.
const SILENCE_MAX: Duration = Duration::from_secs(600);

/// A connection to the running node.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects; `None` when no node answers there.
    pub async fn connect(runtime: &Runtime, path: &Path) -> Option<Self> {
        let stream = runtime.connect_unix(path).await.ok()?;
        Some(Self { stream: BufReader::new(stream) })
    }

    /// Asks the node and waits for its answer.
    ///
    /// # Errors
    /// The node's own failure, or that it went away.
    pub async fn request(&mut self, request: &Request, progress: Listener<'_>) -> Result<Value, Failure> {
        line::write(&mut self.stream, request).await.map_err(|error| lost(&error.to_string()))?;
        loop {
            let next = tokio::time::timeout(SILENCE_MAX, line::read(&mut self.stream)).await;
            let line = match next {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) => return Err(lost("it closed the connection")),
                Ok(Err(error)) => return Err(lost(&error.to_string())),
                Err(_) => return Err(lost("it was silent for ten minutes")),
            };
            match serde_json::from_slice(&line) {
                Ok(Reply::Progress(step)) => progress(step),
                Ok(Reply::Done(value)) => return Ok(value),
                Ok(Reply::Failed(failure)) => return Err(failure),
                Err(_) => return Err(lost("its answer is not understood: is it another version?")),
            }
        }
    }
}

fn lost(why: &str) -> Failure {
    Failure::new(Exit::Unavailable, format!("the running node did not answer: {why}"))
}
