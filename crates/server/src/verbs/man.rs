//! `man`: the manual pages, made from the same text as `--help`.

use std::path::PathBuf;

use operations::Failure;
use operations::exit::Exit;

use crate::print;

/// Write the manual pages: one file per verb into a directory, or the first page to standard output
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The directory to write into, made when it is not there
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("the manual pages: {error}"));
    match &arguments.to {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(failed)?;
            clap_mangen::generate_to(super::command(), folder).map_err(failed)?;
        }
        None => {
            let mut text = Vec::new();
            clap_mangen::Man::new(super::command()).render(&mut text).map_err(failed)?;
            print::line(String::from_utf8_lossy(&text).trim_end());
        }
    }
    Ok(Exit::Done)
}
