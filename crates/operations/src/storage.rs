//! Backup and verification of the running storage.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::folder;
use crate::{Context, Failure};

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Verified {
    /// What is wrong; empty when all is well.
    pub findings: Vec<String>,
}

pub(crate) async fn backup(context: &Context, path: &Path) -> Result<PathBuf, Failure> {
    if !path.is_absolute() {
        return Err(Failure::invalid("the backup's path must be absolute"));
    }
    let mut files = Vec::new();
    let sounds = std::fs::read_dir(folder::sounds_path(&context.folder)).into_iter().flatten().flatten();
    let others = context.files.iter().cloned().chain(sounds.map(|sound| sound.path()));
    for file in std::iter::once(folder::config_path(&context.folder)).chain(others) {
        // What lies outside the data directory has a place of its own and is the operator's to keep.
        let Some(name) = file.strip_prefix(&context.folder).ok().and_then(Path::to_str) else { continue };
        match std::fs::read(&file) {
            Ok(content) => files.push((name.to_owned(), content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Failure::new(Exit::Unavailable, format!("{}: {error}", file.display())));
            }
        }
    }
    context.store.backup(path, files).await?;
    Ok(path.to_owned())
}

pub(crate) async fn verify(context: &Context) -> Result<Verified, Failure> {
    let mut findings = context.store.verify().await?;
    findings.extend(context.uploads.verify(&context.store).await?);
    Ok(Verified { findings })
}
