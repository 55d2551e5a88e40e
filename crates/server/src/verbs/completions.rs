//! `completions`: what a shell needs to complete our command lines.

use clap_complete::Shell;
use operations::exit::Exit;

use crate::print;

/// Print the completions for a shell
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::command(), "carillon", &mut text);
    print::line(String::from_utf8_lossy(&text).trim_end());
    Exit::Done
}
