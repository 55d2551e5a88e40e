//! The files of recordings: named by the call, listed, and removed when they are old.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use model::Timestamp;

use crate::snapshot::CallId;

/// The longest list of recordings; the newest come first.
pub const RECORDINGS_LISTED_MAX: usize = 10_000;

/// A recording on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFile {
    /// The call.
    pub call: CallId,
    /// Its file name.
    pub name: String,
    /// When it was written last.
    pub at: Timestamp,
    /// How large it is.
    pub bytes: u64,
}

/// Makes the folder, for nobody else on the machine to read.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// The name of the `number`th recording of a call, from 1.
pub(crate) fn name(call: CallId, number: u32) -> String {
    if number == 1 { format!("{call}.wav") } else { format!("{call}-{number}.wav") }
}

/// The call that a file is a recording of; `None`: it is none.
fn call_of(name: &str) -> Option<CallId> {
    let stem = name.strip_suffix(".wav")?;
    let (call, number) = stem.split_once('-').unwrap_or((stem, "1"));
    number.parse::<u32>().ok().filter(|number| *number > 0)?;
    call.parse().ok()
}

/// The recordings in a folder, the newest first. A folder that is not there has none.
///
/// # Errors
/// The folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<RecordingFile>> {
    let newest_first = |a: &RecordingFile, b: &RecordingFile| (b.at, &b.name).cmp(&(a.at, &a.name));
    let mut found = Vec::new();
    each(folder, |file| {
        found.push(file);
        // Twice the list is in memory at most, however many there are.
        if found.len() >= 2 * RECORDINGS_LISTED_MAX {
            found.sort_by(newest_first);
            found.truncate(RECORDINGS_LISTED_MAX);
        }
    })?;
    found.sort_by(newest_first);
    found.truncate(RECORDINGS_LISTED_MAX);
    Ok(found)
}

/// Says all recordings in a folder, in no order; a file that goes meanwhile is left out.
fn each(folder: &Path, mut say: impl FnMut(RecordingFile)) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(call) = call_of(&name) else { continue };
        let about = match entry.metadata() {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let at = timestamp(about.modified()?);
        say(RecordingFile { call, name, at, bytes: about.len() });
    }
    Ok(())
}

/// Removes what is older than `keep_time`, however many recordings there are; gives how many went.
pub(crate) fn expire(folder: &Path, now: Timestamp, keep_time: Duration) -> usize {
    let micros = i64::try_from(keep_time.as_micros()).unwrap_or(i64::MAX);
    let before = Timestamp(now.0.saturating_sub(micros));
    let mut gone = 0;
    let read = each(folder, |file| {
        if file.at >= before {
            return;
        }
        match fs::remove_file(folder.join(&file.name)) {
            Ok(()) => gone += 1,
            Err(error) => tracing::warn!(%error, "an old recording stays for now"),
        }
    });
    if let Err(error) = read {
        tracing::warn!(%error, "the folder of recordings cannot be read");
    }
    gone
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_whose_they_are() {
        let call = CallId(0xab);
        for number in [1, 2, 17] {
            assert_eq!(call_of(&name(call, number)), Some(call), "{number}");
        }
        for other in ["music.wav", "00000000000000ab.txt", "00000000000000ab-0.wav", "00000000000000ab-x.wav"]
        {
            assert_eq!(call_of(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_old_goes_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str, seconds: u64| {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
        };
        at(&name(CallId(1), 1), 1_000);
        at(&name(CallId(2), 2), 2_000);
        at("notes.txt", 1_000);
        let now = Timestamp(2_500_000_000);
        assert_eq!(expire(folder.path(), now, Duration::from_secs(1_000)), 1);
        let left = list(folder.path()).unwrap();
        assert_eq!(
            left.iter().map(|file| (file.call, file.at.0)).collect::<Vec<_>>(),
            [(CallId(2), 2_000_000_000)]
        );
        assert!(folder.path().join("notes.txt").exists());
        assert_eq!(expire(&folder.path().join("none"), now, Duration::ZERO), 0);
    }

    #[test]
    fn old_ones_go_however_many_newer_ones_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join(name(CallId(1), 1));
        let file = fs::File::create(&old).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)).unwrap();
        for number in 0..=RECORDINGS_LISTED_MAX as u64 {
            fs::File::create(folder.path().join(name(CallId(2 + number), 1))).unwrap();
        }
        let now = Timestamp(2_500_000_000);
        assert_eq!(list(folder.path()).unwrap().len(), RECORDINGS_LISTED_MAX);
        assert_eq!(expire(folder.path(), now, Duration::from_secs(1_000)), 1);
        assert!(!old.exists());
    }
}
