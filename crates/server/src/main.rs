//! The `carillon` command.

use clap::Parser;
use server::verbs::Command;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    let command = Command::parse();
    command.run()
}
