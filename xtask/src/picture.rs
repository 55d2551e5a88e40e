//! The pictures in the documents, taken of the real thing: the demo's scene as it prints it, the pages as a browser shows them.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, bail};

use crate::interop::{self, server::Fresh};
use crate::{process, ui};

const LINE: usize = 20;
const COLUMN: f64 = 8.43;
/// Where the pictures of the pages are.
const PAGES: &str = "docs/pictures";
const PAGES_PORT_OFFSET: u16 = 15_600;
/// A picture that is larger is not for a document.
const PICTURE_BYTES_MAX: u64 = 150 * 1024;

/// Takes all pictures anew.
pub fn run() -> Result<()> {
    scene()?;
    pages()
}

/// Takes the pictures of the pages, with people who have talked and called.
fn pages() -> Result<()> {
    process::run(&["cargo", "build", "--package", "server"])?;
    let fresh = Fresh::prepare("pictures", PAGES_PORT_OFFSET)?;
    let mut take = process::command(&[&interop::python(), "tests/interop/pictures.py", PAGES]);
    take.envs(fresh.environment()).env("NODE", ui::node()?);
    process::run_command(take, "tests/interop/pictures.py")?;
    for entry in fs::read_dir(PAGES)? {
        let entry = entry?;
        if entry.metadata()?.len() > PICTURE_BYTES_MAX {
            bail!("{} is larger than {PICTURE_BYTES_MAX} bytes", entry.path().display());
        }
    }
    Ok(())
}

/// Runs the demo's scene and draws what it printed into docs/demo.svg.
fn scene() -> Result<()> {
    process::run(&["cargo", "build", "--release", "--package", "server"])?;
    let program = process::target().join("release/carillon");
    let text =
        process::output(&[&program.to_string_lossy(), "demo", "--scene-only", "--port-offset", "20000"])?;
    if text.is_empty() {
        bail!("the demo printed nothing");
    }
    fs::write("docs/demo.svg", draw("carillon demo", &text)?)?;
    println!("picture: wrote docs/demo.svg");
    Ok(())
}

fn draw(title: &str, text: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let columns = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0).max(60);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "pixels"
    )]
    let width = (columns as f64 * COLUMN) as usize + 40;
    let height = lines.len() * LINE + 64;
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">"#
    )?;
    writeln!(svg, r##"<rect width="{width}" height="{height}" rx="8" fill="#15181d"/>"##)?;
    writeln!(
        svg,
        r##"<text x="20" y="28" fill="#8a94a3" font-family="monospace" font-size="14">$ {title}</text>"##
    )?;
    writeln!(svg, r##"<g fill="#e6e9ee" font-family="monospace" font-size="14" xml:space="preserve">"##)?;
    for (row, line) in lines.iter().enumerate() {
        let escaped = line.replace('&', "&amp;").replace('<', "&lt;");
        writeln!(svg, r#"<text x="20" y="{}">{escaped}</text>"#, 56 + row * LINE)?;
    }
    svg.push_str("</g>\n</svg>\n");
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_the_output_stays_text() {
        let svg = draw("t", "<presence/> & more").unwrap();
        assert!(svg.contains("&lt;presence/> &amp; more"));
    }
}
