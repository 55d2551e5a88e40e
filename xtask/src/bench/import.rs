//! Importing 10,000 users into a server that runs.

use anyhow::{Context, Result};

use super::server::{Accounts, Carillon, program};
use super::{Reading, record};
use crate::process;

const ROWS: std::ops::Range<u32> = 10_000..20_000;
const PORT_OFFSET: u16 = 12_000;
const MEASURE: &str = "import of 10,000 users with lines";

/// Takes the measure in each round on an empty server.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    for round in 1..=rounds {
        eprintln!("bench: {MEASURE}, round {round} of {rounds}");
        let rows = vec!["first@localhost,,secret-pw-1,,".to_owned()];
        let accounts = Accounts { domain: "localhost", rows, port_offset: PORT_OFFSET };
        let data = Carillon::prepare("import", &accounts)?;
        let list = data.join("many.csv");
        let rows = ROWS.map(|n| format!("u{n}@localhost,User {n},secret-pw-{n},{n},line-pw-{n}\n"));
        std::fs::write(&list, format!("jid,name,password,line,line_password\n{}", rows.collect::<String>()))?;
        let server = Carillon::start(data.clone(), 5222 + PORT_OFFSET)?;
        let (data, list) = (data.to_string_lossy(), list.to_string_lossy());
        let seconds = process::seconds(&[&program(), "user", "import", "--data", &data, &list])
            .context("the import failed")?;
        drop(server);
        record(&mut readings, (MEASURE, "carillon", "seconds"), seconds);
    }
    Ok(readings)
}
