//! Sounds: imported, listed, removed.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use media::{OF_THE_HOUSE, Shelf, ShelfError};
use model::plan::SoundName;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::folder;
use crate::{Context, Failure};

/// A sound as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SoundShown {
    /// What the dial plan calls it.
    pub name: String,
    /// How long it is, in milliseconds; not said of those that need no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// It needs no file.
    pub of_the_house: bool,
}

/// All sounds.
pub(crate) async fn list(context: &Context) -> Result<Vec<SoundShown>, Failure> {
    let imported = with_shelf(context, |shelf| Ok(shelf.list())).await?;
    let has = |name: &str| imported.iter().any(|(known, _)| known == name);
    let own = OF_THE_HOUSE.iter().filter(|name| !has(name));
    let own = own.map(|name| SoundShown { name: (*name).to_owned(), milliseconds: None, of_the_house: true });
    let mut all: Vec<SoundShown> =
        imported.iter().map(|(name, length)| shown(name, *length)).chain(own).collect();
    all.sort_by(|a, b| (a.of_the_house, &a.name).cmp(&(b.of_the_house, &b.name)));
    Ok(all)
}

/// Takes a WAV file.
pub(crate) async fn import(context: &Context, name: SoundName, wav: &str) -> Result<SoundShown, Failure> {
    let wav = STANDARD.decode(wav).map_err(|_| Failure::invalid("the sound is not in base64"))?;
    with_shelf(context, move |shelf| {
        let length = shelf.import(name.as_str(), &wav)?;
        tracing::info!(%name, seconds = length.as_secs(), "a sound was imported");
        Ok(shown(name.as_str(), length))
    })
    .await
}

/// Forgets a sound.
pub(crate) async fn remove(context: &Context, name: SoundName) -> Result<String, Failure> {
    with_shelf(context, move |shelf| {
        shelf.remove(name.as_str())?;
        tracing::info!(%name, "a sound was removed");
        Ok(name.to_string())
    })
    .await
}

fn shown(name: &str, length: Duration) -> SoundShown {
    let milliseconds = u64::try_from(length.as_millis()).ok();
    SoundShown { name: name.to_owned(), milliseconds, of_the_house: false }
}

/// The running node's sounds, else those of the folder; where waiting for the disk is allowed.
async fn with_shelf<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Shelf) -> Result<T, ShelfError> + Send + 'static,
) -> Result<T, Failure> {
    let running = context.node.as_ref().map(|node| Arc::clone(node.calls().sounds()));
    let folder = folder::sounds_path(&context.folder);
    let worked = context.runtime.blocking(move || match running {
        Some(shelf) => work(&shelf),
        None => work(&Shelf::open(&folder)),
    });
    match worked.join().await {
        Some(done) => done.map_err(refused),
        None => Err(Failure::new(Exit::Failed, "the operation broke off: see the log")),
    }
}

fn refused(error: ShelfError) -> Failure {
    let exit = match error {
        ShelfError::Unknown => Exit::NotFound,
        ShelfError::Folder(..) => Exit::Unavailable,
        _ => Exit::Invalid,
    };
    Failure::new(exit, format!("{error}; `carillon sound list` shows all"))
}
