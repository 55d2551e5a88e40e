//! Named sounds: the WAV files of one folder, held in memory, and what needs no file: the music and tones of the house.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use crate::player::Source;
use crate::sound::{Sound, SoundError};
use crate::tone::{Region, Signal, Step, Tone};
use crate::wav;

/// Sounds at most.
pub const SOUNDS_MAX: usize = 500;
/// The longest sound that is imported.
pub const SOUND_LENGTH_MAX: Duration = Duration::from_secs(300);
/// How long all of them may be together: three hours take half a gigabyte of memory.
pub const SOUNDS_LENGTH_MAX: Duration = Duration::from_secs(3 * 3600);
/// How a file's name ends.
const EXTENSION: &str = "wav";

/// The sounds of one folder. Cheap to ask; changed by whoever imports.
#[derive(Debug, Default)]
pub struct Shelf {
    folder: PathBuf,
    sounds: RwLock<BTreeMap<String, Arc<Sound>>>,
    /// What was asked for of the house's own: made then, for it takes a while.
    house: RwLock<BTreeMap<String, Arc<Sound>>>,
}

/// Why a sound was not imported, or not removed.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The file is no sound that can be played.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// It lasts for too long.
    #[error("it lasts for {} s; {} s at most", .0.as_secs(), SOUND_LENGTH_MAX.as_secs())]
    Long(Duration),
    /// There is nothing in it.
    #[error("there is no sound in it")]
    Empty,
    /// There are as many as there may be.
    #[error(
        "there are {SOUNDS_MAX} sounds already, or {} minutes of them: remove some",
        SOUNDS_LENGTH_MAX.as_secs() / 60
    )]
    Full,
    /// There is no such sound.
    #[error("there is no sound of that name")]
    Unknown,
    /// The folder takes no files.
    #[error("{0}: {1}")]
    Folder(PathBuf, std::io::Error),
}

impl Shelf {
    /// The sounds in a folder; files that are none are told and passed over. A folder that is not there is empty.
    pub fn open(folder: &Path) -> Self {
        let mut sounds = BTreeMap::new();
        for path in files(folder) {
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            match crate::sound::read(&path) {
                Ok(_) if sounds.len() >= SOUNDS_MAX => {
                    tracing::error!(limit = SOUNDS_MAX, "there are more sounds than are read");
                    break;
                }
                Ok(sound) => {
                    sounds.insert(name.to_owned(), Arc::new(sound));
                }
                Err(error) => tracing::error!(%error, "a sound cannot be played"),
            }
        }
        Self { folder: folder.to_owned(), sounds: RwLock::new(sounds), house: RwLock::default() }
    }

    /// What is played under a name: an imported sound, else one of the house.
    pub fn sound(&self, name: &str) -> Option<Arc<Sound>> {
        let imported = self.sounds.read().get(name).cloned();
        let made = imported.or_else(|| self.house.read().get(name).cloned());
        if made.is_some() || !OF_THE_HOUSE.contains(&name) {
            return made;
        }
        let sound = of_the_house(name)?;
        self.house.write().insert(name.to_owned(), Arc::clone(&sound));
        Some(sound)
    }

    /// What is played under these names, one after the other; names that are not there are told and left out.
    pub fn sequence<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Source {
        let sound = |name: &'a str| {
            let found = self.sound(name);
            if found.is_none() {
                metrics::counter!("carillon_sounds_missing_total").increment(1);
                tracing::warn!(name, "a sound that the dial plan names is not there");
            }
            found
        };
        Source::Sounds(names.into_iter().filter_map(sound).collect())
    }

    /// All imported sounds with their lengths.
    pub fn list(&self) -> Vec<(String, Duration)> {
        self.sounds.read().iter().map(|(name, sound)| (name.clone(), sound.duration())).collect()
    }

    /// Takes a WAV file under a name, in place of what had it. The name must be fit for a file. Writes to the disk.
    ///
    /// # Errors
    /// It is not taken; what was there stays.
    pub fn import(&self, name: &str, wav: &[u8]) -> Result<Duration, ShelfError> {
        let path = self.path(name);
        let (rate, samples) = wav::read(wav).map_err(|cause| SoundError::Wav(path.clone(), cause))?;
        let length = Duration::from_millis(samples.len() as u64 * 1_000 / u64::from(rate.hertz()));
        if length > SOUND_LENGTH_MAX {
            return Err(ShelfError::Long(length));
        }
        if length.is_zero() {
            return Err(ShelfError::Empty);
        }
        let others = |sounds: &BTreeMap<String, Arc<Sound>>| -> (usize, Duration) {
            let others = sounds.iter().filter(|(known, _)| *known != name);
            (others.clone().count(), others.map(|(_, sound)| sound.duration()).sum())
        };
        let (count, lengths) = others(&self.sounds.read());
        if count >= SOUNDS_MAX || lengths + length > SOUNDS_LENGTH_MAX {
            return Err(ShelfError::Full);
        }
        let sound = Sound::new(rate, &samples);
        self.write(&path, &sound.to_wav()).map_err(|cause| ShelfError::Folder(path.clone(), cause))?;
        self.sounds.write().insert(name.to_owned(), Arc::new(sound));
        Ok(length)
    }

    /// Takes a sound that has no file, in place of what had the name: it is gone with the program.
    pub fn put(&self, name: &str, sound: Sound) {
        self.sounds.write().insert(name.to_owned(), Arc::new(sound));
    }

    /// Forgets a sound; who hears it hears it to its end.
    ///
    /// # Errors
    /// It is not there, or its file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), ShelfError> {
        if !self.sounds.read().contains_key(name) {
            return Err(ShelfError::Unknown);
        }
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(|cause| ShelfError::Folder(path, cause))?;
        self.sounds.write().remove(name);
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name).with_extension(EXTENSION)
    }

    /// Whole or not at all: whoever reads the folder never finds half a file.
    fn write(&self, path: &Path, content: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(new, path)
    }
}

/// The names that need no file.
pub const OF_THE_HOUSE: &[&str] =
    &["music", "beep", "busy", "reorder", "ringback", "special-information", "silence"];

fn of_the_house(name: &str) -> Option<Arc<Sound>> {
    let signal = |signal| Tone::of(signal, Region::International);
    let tone = match name {
        "music" => return Some(Sound::music()),
        "beep" => signal(Signal::Beep),
        "busy" => signal(Signal::Busy),
        "reorder" => signal(Signal::Reorder),
        "ringback" => signal(Signal::RingBack),
        // ITU-T E.180 §3.3.1: three tones of 330 ms each, in this order, and a pause of a second.
        "special-information" => {
            let tone = |hertz| Step::sound([hertz, 0, 0], 330);
            Tone(vec![tone(950), tone(1_400), tone(1_800), Step::pause(1_000)])
        }
        "silence" => Tone(vec![Step::pause(1_000)]),
        _ => return None,
    };
    Sound::of_tone(tone).map(Arc::new)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_sound = |path: &PathBuf| path.extension().is_some_and(|extension| extension == EXTENSION);
    let mut files: Vec<PathBuf> = entries.filter(is_sound).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resample::Rate;
    use crate::wav::tests::file;

    fn folder(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("carillon-shelf-{name}-{}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        path
    }

    #[test]
    fn an_imported_sound_is_there_at_once_and_after_a_restart() {
        let folder = folder("kept");
        let shelf = Shelf::open(&folder);
        assert!(shelf.list().is_empty() && shelf.sound("welcome").is_none());
        // Two channels at 48 kHz become one at 16 kHz.
        let length = shelf.import("welcome", &file(Rate::Full, 2, &[500; 96_000])).unwrap();
        assert_eq!(length, Duration::from_secs(1));
        let again = Shelf::open(&folder);
        assert_eq!(again.list(), [("welcome".to_owned(), length)]);
        assert_eq!(again.sound("welcome").unwrap().duration(), length);
        shelf.remove("welcome").unwrap();
        assert!(matches!(shelf.remove("welcome"), Err(ShelfError::Unknown)));
        assert!(Shelf::open(&folder).list().is_empty());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_played_or_lasts_too_long_is_not_imported() {
        let folder = folder("refused");
        let shelf = Shelf::open(&folder);
        assert!(matches!(shelf.import("a", b"MP3"), Err(ShelfError::Sound(_))));
        assert!(matches!(shelf.import("a", &file(Rate::Narrow, 1, &[])), Err(ShelfError::Empty)));
        let long = vec![0; 8_000 * 301];
        assert!(matches!(shelf.import("a", &file(Rate::Narrow, 1, &long)), Err(ShelfError::Long(_))));
        assert!(!folder.exists(), "nothing was written");
    }

    #[test]
    fn an_imported_sound_goes_before_one_of_the_house() {
        let folder = folder("house");
        let shelf = Shelf::open(&folder);
        for name in OF_THE_HOUSE {
            assert!(shelf.sound(name).is_some_and(|sound| !sound.duration().is_zero()), "{name}");
        }
        assert_eq!(shelf.sound("special-information").unwrap().duration(), Duration::from_millis(1_990));
        shelf.import("busy", &file(Rate::Narrow, 1, &[0; 800])).unwrap();
        assert_eq!(shelf.sound("busy").unwrap().duration(), Duration::from_millis(100));
        let sequence = shelf.sequence(["busy", "nothing", "beep"]);
        let beep = shelf.sound("beep").unwrap().duration();
        assert_eq!(sequence.duration(), Some(Duration::from_millis(100) + beep));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
