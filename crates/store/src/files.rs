//! The contents of uploaded files, in a folder of their own: written whole or not at all, found by name, removed.
//!
//! A file is written aside, made durable, and only then gets its name; the row that lets it be served is written
//! after that. So a file without a row may be left behind by a crash, and is swept away; half a file is never served.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use model::Timestamp;
use runtime::Runtime;

use crate::{Error, Store, UploadId};

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 256 * 1024;
/// Where files are while they come in.
const INCOMING: &str = "incoming";
/// The digits of a name that choose its folder.
const SHARD_DIGITS: usize = 2;
/// What the name of a small picture ends with.
const THUMBNAIL: &str = ".thumbnail";
/// The most findings of one kind that are told.
const FINDINGS_MAX: usize = 20;

/// The folder of the contents. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct Files {
    folder: Arc<Path>,
    runtime: Runtime,
}

impl Files {
    /// The contents under `folder`, which is made when the first file comes.
    pub fn new(folder: PathBuf, runtime: &Runtime) -> Self {
        Self { folder: folder.into(), runtime: runtime.clone() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A place for a file that comes in.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub async fn create(&self, id: &UploadId) -> io::Result<Incoming> {
        let (folder, token) = (self.folder.join(INCOMING), self.runtime.random_token(6));
        let path = folder.join(format!("{id}.{token}"));
        let file = self
            .work(move || {
                make_folder(&folder)?;
                let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                Ok((file, path))
            })
            .await?;
        let (file, path) = file;
        Ok(Incoming {
            files: self.clone(),
            target: self.path(id),
            path: Some(path),
            file: Some(file),
            waiting: Vec::new(),
            waiting_bytes: 0,
        })
    }

    /// Opens a file that is there; gives its size too.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub async fn open(&self, id: &UploadId) -> io::Result<(File, u64)> {
        let path = self.path(id);
        self.work(move || {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        })
        .await
    }

    /// Opens the small picture of a file, which is empty when none can be made; gives its size too.
    ///
    /// # Errors
    /// It was not made yet, or cannot be read.
    pub async fn open_thumbnail(&self, id: &UploadId) -> io::Result<(File, u64)> {
        let path = self.thumbnail_path(id);
        self.work(move || {
            let file = File::open(path)?;
            let size = file.metadata()?.len();
            Ok((file, size))
        })
        .await
    }

    /// Keeps the small picture of a file. It can be made again, so that it need not be durable.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep_thumbnail(&self, id: &UploadId, picture: Bytes) -> io::Result<()> {
        let mut incoming = self.create(id).await?;
        incoming.target = self.thumbnail_path(id);
        incoming.write(picture).await?;
        incoming.keep().await
    }

    /// Removes contents; those that are not there are gone already. Gives the number of files.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub async fn remove(&self, ids: Vec<UploadId>) -> io::Result<u64> {
        let paths: Vec<_> = ids.iter().map(|id| [self.path(id), self.thumbnail_path(id)]).collect();
        self.work(move || {
            let mut removed = 0;
            for [content, thumbnail] in paths {
                removed += u64::from(remove_file(&content)?);
                remove_file(&thumbnail)?;
            }
            Ok(removed)
        })
        .await
    }

    /// Forgets what was coming in when the program last ended. To be called before anything comes in.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub async fn forget_incoming(&self) -> io::Result<()> {
        let folder = self.folder.join(INCOMING);
        self.work(move || {
            for name in names(&folder)? {
                std::fs::remove_file(folder.join(name))?;
            }
            Ok(())
        })
        .await
    }

    /// Removes slots and files whose time is over, rows first.
    ///
    /// # Errors
    /// The storage takes no writes; what is left is removed next time.
    pub async fn expire(&self, store: &Store, now: Timestamp) -> Result<u64, Error> {
        let mut expired = 0;
        loop {
            let gone = store.uploads_expire(now).await?;
            let count = gone.len();
            expired += u64::try_from(count).unwrap_or(0);
            self.remove(gone).await.map_err(|error| trouble(&self.folder, &error))?;
            if count < crate::upload::UPLOADS_EXPIRED_PAGE {
                return Ok(expired);
            }
        }
    }

    /// Removes files that no row knows: a crash came between the two.
    ///
    /// # Errors
    /// The storage or the folder cannot be read.
    pub async fn remove_strays(&self, store: &Store) -> Result<u64, Error> {
        let mut removed = 0;
        for shard in shards() {
            let found: BTreeSet<UploadId> = self.found(&shard).await?.into_iter().map(|(id, _)| id).collect();
            if found.is_empty() {
                continue;
            }
            // Read after the folder: a row is there before its file is.
            let known: BTreeSet<UploadId> =
                store.uploads_beginning(&shard).await?.into_iter().map(|listed| listed.id).collect();
            let strays = found.into_iter().filter(|id| !known.contains(id)).collect();
            removed += self.remove(strays).await.map_err(|error| trouble(&self.folder, &error))?;
        }
        Ok(removed)
    }

    /// Holds rows and files against each other; answers what is wrong, nothing when all is well.
    ///
    /// # Errors
    /// The storage or the folder cannot be read.
    pub async fn verify(&self, store: &Store) -> Result<Vec<String>, Error> {
        let (mut missing, mut wrong, mut strays) = (Vec::new(), Vec::new(), Vec::new());
        for shard in shards() {
            let contents = self.found(&shard).await?.into_iter();
            let mut found: BTreeMap<UploadId, u64> =
                contents.filter_map(|(id, size)| Some((id, size?))).collect();
            for listed in store.uploads_beginning(&shard).await? {
                match found.remove(&listed.id) {
                    // A slot is not filled yet, or its file has just got its name.
                    _ if !listed.stored => {}
                    None => missing.push(format!("an uploaded file is missing: {}", listed.id)),
                    Some(size) if size != listed.size => wrong.push(format!(
                        "an uploaded file has {size} bytes instead of {}: {}",
                        listed.size, listed.id
                    )),
                    Some(_) => {}
                }
            }
            strays.extend(found.into_keys().map(|id| format!("a file belongs to no upload: {id}")));
        }
        let mut findings = Vec::new();
        for mut kind in [missing, wrong, strays] {
            let more = kind.len().saturating_sub(FINDINGS_MAX);
            kind.truncate(FINDINGS_MAX);
            findings.append(&mut kind);
            if more > 0 {
                findings.push(format!("and {more} more of these"));
            }
        }
        Ok(findings)
    }

    /// The files in one folder: contents with their sizes, small pictures without.
    async fn found(&self, shard: &str) -> Result<Vec<(UploadId, Option<u64>)>, Error> {
        let folder = self.folder.join(shard);
        let listed = self
            .work(move || {
                let mut found = Vec::new();
                for name in names(&folder)? {
                    if let Some(id) = name.strip_suffix(THUMBNAIL).and_then(|id| id.parse().ok()) {
                        found.push((id, None));
                        continue;
                    }
                    let Ok(id) = name.parse() else { continue };
                    match std::fs::metadata(folder.join(name)) {
                        Ok(metadata) => found.push((id, Some(metadata.len()))),
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => return Err(error),
                    }
                }
                Ok(found)
            })
            .await;
        listed.map_err(|error| trouble(&self.folder, &error))
    }

    fn path(&self, id: &UploadId) -> PathBuf {
        self.folder.join(&id.as_str()[..SHARD_DIGITS]).join(id.as_str())
    }

    fn thumbnail_path(&self, id: &UploadId) -> PathBuf {
        self.path(id).with_extension(&THUMBNAIL[1..])
    }

    async fn work<T, F>(&self, work: F) -> io::Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> io::Result<T> + Send + 'static,
    {
        let interrupted = || Err(io::Error::other("interrupted"));
        self.runtime.blocking(work).join().await.unwrap_or_else(interrupted)
    }
}

/// A file that comes in. Dropping it before [`Incoming::keep`] leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    files: Files,
    target: PathBuf,
    /// Where it is meanwhile; `None` once it has its name.
    path: Option<PathBuf>,
    /// `None` while it is being written to, and after a write that failed.
    file: Option<File>,
    waiting: Vec<Bytes>,
    waiting_bytes: usize,
}

impl Incoming {
    /// Appends bytes.
    ///
    /// # Errors
    /// They cannot be written: the disk is full.
    pub async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        self.waiting_bytes += bytes.len();
        self.waiting.push(bytes);
        if self.waiting_bytes < WRITE_BYTES {
            return Ok(());
        }
        self.flush(false).await
    }

    /// Makes what was written durable under its name. Whoever reads it from now on reads all of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn keep(mut self) -> io::Result<()> {
        self.flush(true).await?;
        let (Some(from), to) = (self.path.clone(), self.target.clone()) else { return Ok(()) };
        let root = Arc::clone(&self.files.folder);
        self.files
            .work(move || {
                let shard = to.parent().unwrap_or(&root);
                make_folder(shard)?;
                std::fs::rename(&from, &to)?;
                // The names last too, the new folder's included.
                sync_folder(shard)?;
                sync_folder(&root)
            })
            .await?;
        self.path = None;
        Ok(())
    }

    async fn flush(&mut self, sync: bool) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let mut file = self.file.take().ok_or_else(|| io::Error::other("an earlier write has failed"))?;
        let written = self
            .files
            .work(move || {
                for bytes in waiting {
                    file.write_all(&bytes)?;
                }
                if sync {
                    file.sync_all()?;
                }
                Ok(file)
            })
            .await?;
        self.file = Some(written);
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What cannot be removed now is forgotten at the next start.
            let _left = std::fs::remove_file(path);
        }
    }
}

/// True when there was a file.
fn remove_file(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn shards() -> impl Iterator<Item = String> {
    (0..=u8::MAX).map(|byte| format!("{byte:02x}"))
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The names in a folder; a folder that is not there is empty.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let name = |entry: io::Result<std::fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
    entries.filter_map(|entry| name(entry).transpose()).collect()
}

fn trouble(folder: &Path, error: &io::Error) -> Error {
    Error::Refused(format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house() -> (Files, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Files::new(folder.path().join("files"), &Runtime::real()), folder)
    }

    fn all(files: &Files) -> usize {
        shards().map(|shard| names(&files.folder.join(shard)).unwrap().len()).sum()
    }

    #[tokio::test]
    async fn a_file_is_there_whole_or_not_at_all() {
        let (files, _folder) = house();
        let id = UploadId::random(&files.runtime);
        let mut incoming = files.create(&id).await.unwrap();
        for _ in 0..5 {
            incoming.write(Bytes::from(vec![7; WRITE_BYTES / 2])).await.unwrap();
        }
        assert_eq!(files.open(&id).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        incoming.keep().await.unwrap();
        assert_eq!(files.open(&id).await.unwrap().1, 5 * WRITE_BYTES as u64 / 2);
        assert!(names(&files.folder.join(INCOMING)).unwrap().is_empty());
        assert_eq!(files.remove(vec![id.clone(), id]).await.unwrap(), 1);
        assert_eq!(all(&files), 0);
    }

    #[tokio::test]
    async fn a_small_picture_goes_with_its_file() {
        let (files, _folder) = house();
        let id = UploadId::random(&files.runtime);
        let incoming = files.create(&id).await.unwrap();
        incoming.keep().await.unwrap();
        assert!(files.open_thumbnail(&id).await.is_err());
        files.keep_thumbnail(&id, Bytes::from_static(b"small")).await.unwrap();
        assert_eq!((files.open_thumbnail(&id).await.unwrap().1, files.open(&id).await.unwrap().1), (5, 0));
        assert_eq!(files.remove(vec![id]).await.unwrap(), 1);
        assert_eq!(all(&files), 0);
    }

    #[tokio::test]
    async fn what_is_given_up_leaves_nothing_behind() {
        let (files, _folder) = house();
        let mut incoming = files.create(&UploadId::random(&files.runtime)).await.unwrap();
        incoming.write(Bytes::from(vec![7; WRITE_BYTES])).await.unwrap();
        drop(incoming);
        assert!(names(&files.folder.join(INCOMING)).unwrap().is_empty());
        assert_eq!(all(&files), 0);
    }

    #[tokio::test]
    async fn what_a_crash_left_coming_in_is_forgotten() {
        let (files, _folder) = house();
        let incoming = files.create(&UploadId::random(&files.runtime)).await.unwrap();
        files.forget_incoming().await.unwrap();
        assert!(names(&files.folder.join(INCOMING)).unwrap().is_empty());
        assert!(incoming.keep().await.is_err());
    }
}
