//! The data directory: what lies where in it, and the lock that keeps two programs apart.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where recordings of calls lie, in the data directory.
pub const RECORDINGS: &str = "recordings";

/// The configuration file.
pub fn config_path(data: &Path) -> PathBuf {
    data.join("carillon.toml")
}

/// The socket of the running node.
pub fn socket_path(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// The sounds that were imported.
pub fn sounds_path(data: &Path) -> PathBuf {
    data.join("sounds")
}

fn lock_path(data: &Path) -> PathBuf {
    data.join("carillon.lock")
}

/// Makes a data directory that only its owner may enter, unless it is there.
pub fn create(data: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data)
}

/// Writes a new file that only its owner may read; an existing one is an error.
pub fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// The right to the data directory; given back when dropped, or when the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the exclusive lock on a data directory; `None` when another program has it.
pub fn lock(data: &Path) -> io::Result<Option<Lock>> {
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock_path(data))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock { _file: file })),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_second_lock_is_not_given_until_the_first_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap().unwrap();
        assert!(lock(folder.path()).unwrap().is_none());
        drop(first);
        assert!(lock(folder.path()).unwrap().is_some());
    }

    #[test]
    fn what_is_written_is_for_the_owner_alone_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        create(&data).unwrap();
        let file = data.join("key.pem");
        write_new(&file, b"secret").unwrap();
        assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_new(&file, b"other").is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"secret");
    }
}
