//! The node's side of the control socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use operations::{By, Context, Failure, How, Progress, Request, perform_as};
use tokio::io::{AsyncWrite, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};

use super::{CONNECTIONS_MAX, Reply, line};

/// A connection that asks nothing for this long is closed.
const IDLE_MAX: Duration = Duration::from_secs(300);
/// Progress that waits to be sent; more is left out, for the next one says it too.
const PROGRESS_WAITING_MAX: usize = 8;

/// Listens at `path` until the runtime stops.
///
/// # Errors
/// The socket cannot be made.
pub fn serve(path: &Path, context: Context) -> std::io::Result<()> {
    let listener = context.runtime.listen_unix(path)?;
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let path = path.to_owned();
    let runtime = context.runtime.clone();
    runtime.clone().spawn("control socket", async move {
        loop {
            let accepted = tokio::select! {
                biased;
                () = runtime.stopping() => break,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, perhaps: a moment's pause keeps this from turning in circles.
                    tracing::warn!(%error, "the control socket could not take a connection");
                    runtime.sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            // Over the limit the connection is closed at once, and the verb says that the node does not answer.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let context = context.clone();
            runtime.spawn("control connection", async move {
                if let Err(error) = converse(stream, &context).await {
                    tracing::debug!(%error, "a control connection ended");
                }
                drop(place);
            });
        }
        // The next program that comes must not find a socket that nobody answers.
        let _gone = std::fs::remove_file(&path);
    });
    Ok(())
}

async fn converse(stream: UnixStream, context: &Context) -> Result<(), line::LineError> {
    // Whoever may open the socket may do everything; who it was says the system.
    let user = stream.peer_cred().map_or_else(|_| "unknown".to_owned(), |peer| format!("uid {}", peer.uid()));
    let by = By { who: user, how: How::Socket, address: String::new() };
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let next = tokio::select! {
            biased;
            () = context.runtime.stopping() => return Ok(()),
            next = tokio::time::timeout(IDLE_MAX, line::read(&mut reader)) => next,
        };
        let request = match next {
            Err(_) | Ok(Ok(None)) => return Ok(()),
            Ok(Ok(Some(line))) => line,
            Ok(Err(line::LineError::TooLong)) => {
                let failure = Failure::invalid(line::LineError::TooLong.to_string());
                return Ok(line::write(&mut writer, &Reply::Failed(failure)).await?);
            }
            Ok(Err(error)) => return Err(error),
        };
        let reply = match serde_json::from_slice::<Request>(&request) {
            Ok(request) => answer(context, &by, request, &mut writer).await?,
            Err(error) => Reply::Failed(Failure::invalid(format!("the request is not understood: {error}"))),
        };
        line::write(&mut writer, &reply).await?;
    }
}

/// Does what is asked and sends progress meanwhile. Who hangs up does not undo what was begun: an operation is
/// done whole or not at all.
async fn answer<W>(context: &Context, by: &By, request: Request, writer: &mut W) -> std::io::Result<Reply>
where
    W: AsyncWrite + Unpin,
{
    tracing::info!(operation = ?request, "an administrator asks");
    let (sender, mut receiver) = mpsc::channel::<Progress>(PROGRESS_WAITING_MAX);
    let (work_context, by) = (context.clone(), by.clone());
    let work = context.runtime.spawn("operation", async move {
        let tell = |progress: Progress| {
            // Full, or nobody listens any more: the work goes on.
            let _dropped = sender.try_send(progress);
        };
        perform_as(&work_context, &by, request, &tell).await
    });
    while let Some(progress) = receiver.recv().await {
        line::write(writer, &Reply::Progress(progress)).await?;
    }
    Ok(match work.join().await {
        Some(Ok(value)) => Reply::Done(value),
        Some(Err(failure)) => Reply::Failed(failure),
        None => Reply::Failed(Failure::new(
            operations::exit::Exit::Failed,
            "the operation broke off: see the log",
        )),
    })
}
