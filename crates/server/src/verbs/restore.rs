//! `restore`: a backup becomes a data directory.

use std::path::{Component, Path, PathBuf};

use operations::Failure;
use operations::exit::Exit;
use operations::folder;
use runtime::Runtime;

use super::Common;
use crate::{access, config, print};

/// The database's file while its backup is being taken apart.
const COPY_NAME: &str = "restore.new";

/// Make a data directory from a backup; nothing that exists is overwritten
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The file that `backup` wrote
    file: PathBuf,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, _runtime: &Runtime) -> Result<Exit, Failure> {
    let data = &arguments.common.data;
    store::backup_check(&arguments.file).await.map_err(|error| Failure::invalid(error.to_string()))?;
    folder::create(data).map_err(|error| io(data, &error))?;
    let Some(_lock) = access::lock(data)? else { return Err(access::in_use(data)) };
    let copy = data.join(COPY_NAME);
    let restored = restore(&arguments.file, data, &copy).await;
    if restored.is_err() {
        // What was not copied needs no removing.
        let _missing = std::fs::remove_file(&copy);
    }
    let database = restored?;
    if arguments.common.json {
        print::json(&serde_json::json!({ "data": data, "database": database }));
    } else {
        let data = data.display();
        print::line(&format!(
            "{data} is restored. Next:\n  carillon check --data {data}\n  carillon serve --data {data}"
        ));
    }
    Ok(Exit::Done)
}

async fn restore(backup: &Path, data: &Path, copy: &Path) -> Result<PathBuf, Failure> {
    std::fs::copy(backup, copy).map_err(|error| io(copy, &error))?;
    let files = store::backup_files(copy).await?;
    let config_path = folder::config_path(data);
    let text = match (std::fs::read_to_string(&config_path), find(&files, "carillon.toml")) {
        (Ok(text), _) => text,
        (Err(_), Some(text)) => String::from_utf8_lossy(text).into_owned(),
        (Err(_), None) => {
            return Err(Failure::invalid(format!(
                "the backup has no configuration: make one with `carillon init --data {}` elsewhere and put it there",
                data.display()
            )));
        }
    };
    let config = config::read(data, &text, &[])
        .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
    let Some(database) = config.database_path() else {
        return Err(Failure::invalid(
            "the configuration names a PostgreSQL database, and this backup is of an SQLite one: use pg_restore for \
             a dump, or change [storage] url",
        ));
    };
    if database.exists() {
        return Err(Failure::new(
            Exit::Exists,
            format!(
                "{} exists already, and nothing is overwritten: name another --data directory",
                database.display()
            ),
        ));
    }
    for (name, content) in &files {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let path = data.join(name);
        if !inside || path.exists() {
            continue;
        }
        if let Some(parent) = path.parent() {
            folder::create(parent).map_err(|error| io(parent, &error))?;
        }
        folder::write_new(&path, content).map_err(|error| io(&path, &error))?;
    }
    if let Some(parent) = database.parent() {
        folder::create(parent).map_err(|error| io(parent, &error))?;
    }
    std::fs::File::open(copy).and_then(|file| file.sync_all()).map_err(|error| io(copy, &error))?;
    std::fs::rename(copy, &database).map_err(|error| io(&database, &error))?;
    Ok(database)
}

fn find<'a>(files: &'a [(String, Vec<u8>)], name: &str) -> Option<&'a [u8]> {
    files.iter().find(|(found, _)| found == name).map(|(_, content)| content.as_slice())
}

fn io(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Unavailable, format!("{}: {error}", path.display()))
}
