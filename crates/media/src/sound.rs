//! Announcements and music: read once, kept at both rates that legs have, shared by all who hear them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::player::Source;
use crate::resample::{Rate, Resampler};
use crate::tone::{Tone, ToneSource};
use crate::wav::{self, WavError};

/// The largest sound file that is loaded, in bytes: eleven minutes at 48 kHz, an hour at 8 kHz.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Why a sound is not there.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// It is larger than is taken.
    #[error("{0} is larger than {FILE_BYTES_MAX} bytes")]
    Large(PathBuf),
    /// It is not a sound that can be played.
    #[error("{0}: {1}")]
    Wav(PathBuf, WavError),
}

/// A piece of sound.
#[derive(Debug)]
pub struct Sound {
    narrow: Vec<i16>,
    wide: Vec<i16>,
}

impl Sound {
    /// Sound from samples.
    pub fn new(rate: Rate, samples: &[i16]) -> Self {
        let at = |wanted: Rate| {
            if wanted == rate {
                return samples.to_vec();
            }
            let mut output = Vec::with_capacity(samples.len() * wanted.frame() / rate.frame() + 1);
            Resampler::new(rate, wanted).process(samples, &mut output);
            output
        };
        Self { narrow: at(Rate::Narrow), wide: at(Rate::Wide) }
    }

    /// Sound from the bytes of a WAV file: 16-bit samples, A-law or µ-law, 8, 16 or 48 kHz.
    ///
    /// # Errors
    /// The file is of another kind, or broken.
    pub fn from_wav(file: &[u8]) -> Result<Self, WavError> {
        wav::read(file).map(|(rate, samples)| Self::new(rate, &samples))
    }

    /// Sound from raw 16-bit samples, lower byte first.
    pub fn from_raw(rate: Rate, bytes: &[u8]) -> Self {
        let samples: Vec<i16> =
            bytes.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect();
        Self::new(rate, &samples)
    }

    /// Music of our own, for whoever waits.
    pub fn music() -> Arc<Self> {
        crate::music::piece()
    }

    /// A tone, once. `None`: it is endless.
    pub(crate) fn of_tone(tone: Tone) -> Option<Self> {
        let length = Source::Tone(tone.clone()).duration()?;
        let count = usize::try_from(length.as_millis()).ok()? * Rate::Wide.hertz() as usize / 1_000;
        let mut samples = Vec::with_capacity(count);
        ToneSource::new(tone).samples(Rate::Wide, false, count, &mut samples);
        samples.resize(count, 0);
        Some(Self::new(Rate::Wide, &samples))
    }

    /// The bytes of a WAV file with this sound: 16-bit samples at 16 kHz, one channel.
    pub fn to_wav(&self) -> Vec<u8> {
        let bytes = u32::try_from(2 * self.wide.len()).unwrap_or(u32::MAX);
        let mut file = wav::header(Rate::Wide, 1, bytes).to_vec();
        file.extend(self.wide.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.narrow.len() as u64 / 8)
    }

    /// The samples at one of the two rates that legs have.
    pub(crate) fn samples(&self, rate: Rate) -> &[i16] {
        if rate == Rate::Narrow { &self.narrow } else { &self.wide }
    }
}

/// The sounds that somebody holds, by file: asked for twice, read once.
#[derive(Debug, Default)]
pub struct Sounds {
    loaded: Mutex<BTreeMap<PathBuf, Weak<Sound>>>,
}

impl Sounds {
    /// The sound in a file: `.wav`, or raw samples at the rate that the name ends with (`.sln`, `.raw` and `.sln8`
    /// at 8 kHz, `.sln16`, `.sln48`). Reads the disk: call it where waiting is allowed. A file that changed is
    /// read anew once nobody holds the old one.
    ///
    /// # Errors
    /// The file is missing, too large, or no sound.
    pub fn load(&self, path: &Path) -> Result<Arc<Sound>, SoundError> {
        if let Some(sound) = self.loaded.lock().get(path).and_then(Weak::upgrade) {
            return Ok(sound);
        }
        let sound = Arc::new(read(path)?);
        let mut loaded = self.loaded.lock();
        loaded.retain(|_, sound| sound.strong_count() > 0);
        loaded.insert(path.to_owned(), Arc::downgrade(&sound));
        Ok(sound)
    }
}

pub(crate) fn read(path: &Path) -> Result<Sound, SoundError> {
    let at = |cause| SoundError::File(path.to_owned(), cause);
    if std::fs::metadata(path).map_err(at)?.len() > FILE_BYTES_MAX {
        return Err(SoundError::Large(path.to_owned()));
    }
    let bytes = std::fs::read(path).map_err(at)?;
    let raw = match path.extension().and_then(|extension| extension.to_str()) {
        Some("raw" | "sln" | "sln8") => Some(Rate::Narrow),
        Some("sln16") => Some(Rate::Wide),
        Some("sln48") => Some(Rate::Full),
        _ => None,
    };
    match raw {
        Some(rate) => Ok(Sound::from_raw(rate, &bytes)),
        None => Sound::from_wav(&bytes).map_err(|cause| SoundError::Wav(path.to_owned(), cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;
    use crate::speech;
    use crate::wav::tests::file;

    #[test]
    fn a_sound_of_any_rate_is_there_at_both() {
        for rate in [Rate::Narrow, Rate::Wide, Rate::Full] {
            let sine = speech::sine(1_000.0, 8_000.0, rate.hertz(), rate.frame() * 10);
            let sound = Sound::from_wav(&file(rate, 1, &sine)).unwrap();
            assert_eq!(sound.duration(), Duration::from_millis(200));
            for wanted in [Rate::Narrow, Rate::Wide] {
                let samples = sound.samples(wanted);
                assert_eq!(samples.len(), 10 * wanted.frame());
                assert!(goertzel::strength(&samples[wanted.frame()..], 1_000, wanted.hertz()) > 0.99);
            }
        }
    }

    #[test]
    fn a_file_is_read_once_while_somebody_holds_it() {
        let path = std::env::temp_dir().join(format!("carillon-sound-{}.sln16", std::process::id()));
        std::fs::write(&path, [1, 0, 2, 0]).unwrap();
        let sounds = Sounds::default();
        let (first, second) = (sounds.load(&path).unwrap(), sounds.load(&path).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.samples(Rate::Wide), [1, 2]);
        drop((first, second));
        std::fs::write(&path, [7, 0]).unwrap();
        assert_eq!(sounds.load(&path).unwrap().samples(Rate::Wide), [7]);
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(sounds.load(Path::new("/nowhere.wav")), Err(SoundError::File(..))));
    }
}
