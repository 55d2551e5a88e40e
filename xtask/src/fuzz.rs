//! Coverage-guided fuzzing on the stable toolchain: libFuzzer with LLVM's own coverage pass.

use anyhow::Result;
use clap::Args;

use crate::process;

/// The instrumentation that libFuzzer needs, by rustc's own flags.
const RUSTFLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";
/// The build target named on purpose: it keeps build scripts free of the instrumentation.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Which target, and how long.
#[derive(Args)]
pub struct Options {
    /// A target in fuzz/fuzz_targets/: xml_stream, sip_message, sip_uri, sdp
    name: String,
    /// How long to run, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u32,
}

/// Builds and runs one target; fails on a finding, which libFuzzer leaves in fuzz/artifacts/.
pub fn run(options: &Options) -> Result<()> {
    let folder = process::target().join("fuzz");
    let name = options.name.as_str();
    let mut build = process::command(&[
        "cargo",
        "build",
        "--release",
        "--manifest-path",
        "fuzz/Cargo.toml",
        "--bin",
        name,
    ]);
    build.args(["--target", TARGET]).env("RUSTFLAGS", RUSTFLAGS).env("CARGO_TARGET_DIR", &folder);
    process::run_command(build, &format!("build fuzz target {name}"))?;
    let corpus = format!("fuzz/corpus/{name}");
    let artifacts = format!("fuzz/artifacts/{name}/");
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let program = folder.join(TARGET).join("release").join(name);
    let mut fuzz = process::command(&[&*program.to_string_lossy()]);
    fuzz.args([&corpus, &format!("fuzz/seeds/{name}")])
        .args([format!("-max_total_time={}", options.seconds), format!("-artifact_prefix={artifacts}")])
        .args(["-rss_limit_mb=2048", "-timeout=5", "-print_final_stats=1"]);
    process::run_command(fuzz, &format!("fuzz {name} for {} s", options.seconds))
}
