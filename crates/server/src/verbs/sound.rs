//! `sound`: what callers hear, by name.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use media::{SOUND_LENGTH_MAX, Sound, Sounds};
use model::plan::SoundName;
use operations::exit::Exit;
use operations::{Failure, Request, SoundShown};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Import, list and remove sounds: music, announcements, menus
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Take a WAV file under a name, in place of what had it
    Import(Import),
    /// List all sounds
    List(Common),
    /// Forget a sound
    Remove(Remove),
}

#[derive(clap::Args)]
struct Import {
    /// What the dial plan calls it: small letters, digits, - and _
    name: SoundName,
    /// The file: WAV, 8, 16 or 48 kHz, one channel or two, 16-bit, A-law or µ-law; five minutes at most
    file: PathBuf,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Remove {
    /// Which
    name: SoundName,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Import(import) => &import.common,
            Verb::List(common) => common,
            Verb::Remove(remove) => &remove.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::Import(Import { name, file, .. }) => {
            let wav = read(&file)?;
            let shown: SoundShown = ask(&common, runtime, Request::SoundImport { name, wav }).await?;
            print::shown(common.json, &shown, |shown| {
                print::line(&format!("{} is imported: {}", shown.name, length(shown)));
            });
        }
        Verb::List(_) => {
            let all: Vec<SoundShown> = ask(&common, runtime, Request::SoundList).await?;
            list(&common, &all);
        }
        Verb::Remove(Remove { name, .. }) => {
            let name: String = ask(&common, runtime, Request::SoundRemove { name }).await?;
            print::shown(common.json, &name, |name| print::line(&format!("{name} is removed")));
        }
    }
    Ok(Exit::Done)
}

/// The file as the server keeps it, 16 kHz and one channel: a long one at 48 kHz would not go through the socket.
fn read(path: &Path) -> Result<String, Failure> {
    let sound = Sounds::default().load(path).map_err(|error| Failure::invalid(error.to_string()))?;
    if sound.duration() > SOUND_LENGTH_MAX {
        let (lasts, most) = (sound.duration().as_secs(), SOUND_LENGTH_MAX.as_secs());
        return Err(Failure::invalid(format!("{} lasts for {lasts} s; {most} s at most", path.display())));
    }
    Ok(STANDARD.encode(Sound::to_wav(&sound)))
}

fn length(sound: &SoundShown) -> String {
    sound.milliseconds.map_or_else(|| "-".to_owned(), |length| format!("{:.1} s", length as f64 / 1000.0))
}

fn list(common: &Common, all: &[SoundShown]) {
    if common.json {
        return print::json(&all);
    }
    let kind = |sound: &SoundShown| if sound.of_the_house { "of the house" } else { "imported" };
    let row = |sound: &SoundShown| vec![sound.name.clone(), length(sound), kind(sound).to_owned()];
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    print::table(&["NAME", "LENGTH", "KIND"], &rows);
}
