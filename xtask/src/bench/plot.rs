//! Bar charts as plain SVG: readable on light and dark pages, with the numbers as text.

use std::fmt::Write as _;

use anyhow::Result;

const WIDTH: u32 = 640;
const ROW: u32 = 34;
const LABEL: u32 = 190;

/// One horizontal bar a server, shortest is best.
pub fn bars(title: &str, bars: &[(&str, f64)]) -> Result<String> {
    let height = 40 + ROW * u32::try_from(bars.len())?;
    let most = bars.iter().map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" font-family="sans-serif" font-size="14">"#
    )?;
    writeln!(svg, r##"<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>"##)?;
    writeln!(svg, r##"<text x="12" y="24" font-weight="bold" fill="#1a1a1a">{title}</text>"##)?;
    for (row, (server, value)) in bars.iter().enumerate() {
        let y = 40 + ROW * u32::try_from(row)?;
        let room = f64::from(WIDTH - LABEL - 90);
        let length = (value / most * room).max(1.0);
        let fill = if *server == "carillon" { "#0b6e4f" } else { "#8a94a3" };
        writeln!(svg, r##"<text x="12" y="{}" fill="#1a1a1a">{server}</text>"##, y + 18)?;
        writeln!(svg, r#"<rect x="{LABEL}" y="{}" width="{length:.1}" height="20" fill="{fill}"/>"#, y + 4)?;
        let after = f64::from(LABEL) + length + 8.0;
        writeln!(svg, r##"<text x="{after:.1}" y="{}" fill="#1a1a1a">{value:.3}</text>"##, y + 18)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}
