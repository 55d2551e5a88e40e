//! Reading and writing lines of bounded length.

use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::LINE_BYTES_MAX;

/// Why there is no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error("a line is longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The next line without its end; `None` when the other side has closed.
pub(super) async fn read<R>(reader: &mut R) -> Result<Option<Vec<u8>>, LineError>
where
    R: AsyncBufRead + Unpin,
{
    let mut line = Vec::new();
    let most = u64::try_from(LINE_BYTES_MAX).unwrap_or(u64::MAX);
    reader.take(most + 1).read_until(b'\n', &mut line).await?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        return Ok(Some(line));
    }
    if line.len() > LINE_BYTES_MAX { Err(LineError::TooLong) } else { Ok(None) }
}

pub(super) async fn write<W, T>(writer: &mut W, content: &T) -> std::io::Result<()>
where
    W: AsyncWrite + Unpin,
    T: Serialize + Sync,
{
    let mut line = serde_json::to_vec(content)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_are_read_one_by_one_and_a_torn_one_is_none() {
        let mut input: &[u8] = b"one\ntwo\nthr";
        assert_eq!(read(&mut input).await.unwrap().unwrap(), b"one");
        assert_eq!(read(&mut input).await.unwrap().unwrap(), b"two");
        assert_eq!(read(&mut input).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_endless_line_is_refused() {
        let endless = vec![b'x'; LINE_BYTES_MAX + 10];
        assert!(matches!(read(&mut endless.as_slice()).await, Err(LineError::TooLong)));
    }
}
