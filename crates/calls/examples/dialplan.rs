//! Measures the dial plan: routes a second on one core, with and without the explanation, over 50,000 patterns.
//!
//! `cargo run --release -p calls --example dialplan -- [SECONDS]` prints one JSON object.

use std::hint::black_box;

use calls::dialplan::{Accounts, Ask, DialPlan, Who, compile};
use model::plan::{LineSpan, Plan};
use model::{LineId, Timestamp};

/// A Friday morning.
const NOW: Timestamp = Timestamp(1_795_166_999_000_000);
/// Sites of the plan; each has 1,800 lines and 700 patterns of its own.
const SITES: usize = 20;
const LINES: usize = 1_800;
const ROUTES: usize = 600;
const TRANSLATIONS: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let seconds: f64 = std::env::args().nth(1).map_or(Ok(2.0), |text| text.parse())?;
    let plan = Plan::read(&document())?;
    let began = cpu_seconds()?;
    let compiled = compile(&plan, Accounts::default(), Some("600"));
    let compile_ms = (cpu_seconds()? - began) * 1e3;
    let callers: Vec<LineId> = (0..SITES)
        .map(|site| Ok(format!("{}@site-{site}", line(site, 17)).parse::<LineSpan>()?.first()))
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let dialled = dialled();
    let routes = rate(seconds, |n| {
        let ask = Ask::new(&dialled[n % dialled.len()], Who::Line(&callers[n % SITES], None), NOW);
        black_box(compiled.resolve(&ask));
    })?;
    let explanations = rate(seconds, |n| {
        let ask = Ask::new(&dialled[n % dialled.len()], Who::Line(&callers[n % SITES], None), NOW);
        black_box(compiled.explain(&ask));
    })?;
    let routed = routed(&compiled, &dialled, &callers);
    println!(
        "{{\"patterns\": {}, \"compile_ms\": {compile_ms:.1}, \"routes_per_second\": {routes:.0}, \
         \"explanations_per_second\": {explanations:.0}, \"routed_share\": {routed:.3}}}",
        compiled.len()
    );
    Ok(())
}

/// How many of the calls lead somewhere: a plan that refuses everything would be fast, too.
fn routed(plan: &DialPlan, dialled: &[String], callers: &[LineId]) -> f64 {
    let leads = |(n, number): &(usize, &String)| {
        let route = plan.resolve(&Ask::new(number, Who::Line(&callers[n % SITES], None), NOW));
        plan.summary(&route).goes_to != "unallocated"
    };
    dialled.iter().enumerate().filter(leads).count() as f64 / dialled.len() as f64
}

/// Calls a second of CPU: other work on the machine does not count.
fn rate(seconds: f64, mut work: impl FnMut(usize)) -> Result<f64, Box<dyn std::error::Error>> {
    let mut done = 0;
    let began = cpu_seconds()?;
    loop {
        for _ in 0..10_000 {
            work(done);
            done += 1;
        }
        let passed = cpu_seconds()? - began;
        if passed >= seconds {
            return Ok(done as f64 / passed);
        }
    }
}

/// What this process has used, from the accounting of the system, in ticks of 10 ms.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> =
        behind_name.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

fn line(site: usize, n: usize) -> String {
    format!("{}{n:04}", 30 + site)
}

/// Sites with lines, short codes to each other, and routes by area code, in partitions of their own.
fn document() -> String {
    let mut text =
        String::from("[settings]\nsearch_space = \"site-0\"\nsubscribe_search_space = \"site-0\"\n");
    let everywhere: Vec<String> = (0..SITES).map(|site| format!("\"site-{site}\"")).collect();
    for site in 0..SITES {
        text += &format!(
            "[[search_space]]\nname = \"site-{site}\"\npartitions = [\"site-{site}\", \"out-{site}\", {}]\n",
            everywhere.join(", ")
        );
        let (first, last) = (line(site, 0), line(site, LINES - 1));
        text +=
            &format!("[[line]]\nnumber = \"{first}-{last}@site-{site}\"\nsearch_space = \"site-{site}\"\n");
        (0..ROUTES).for_each(|n| text += &route(site, n));
        for n in 0..TRANSLATIONS {
            text += &format!(
                "[[translation]]\npattern = \"8{n:02}.XXXXXX\"\npartition = \"site-{site}\"\n\
                 called = {{ strip_pre_dot = true }}\n"
            );
        }
        text += &format!(
            "[[outside.trunk]]\nname = \"t-{site}\"\nsearch_space = \"site-{site}\"\n\
             [[outside.route_group]]\nname = \"g-{site}\"\ntrunks = [\"t-{site}\"]\n"
        );
    }
    text
}

/// A route by area code, in one of four depths, so that closer matches hide behind wider ones.
fn route(site: usize, n: usize) -> String {
    let pattern = match n % 4 {
        0 => format!("0.{:04}!", 1_000 + n),
        1 => format!("0.0{:03}XXXXXX", 100 + n),
        2 => format!("0.00{:03}!", 200 + n),
        _ => format!("0.00[2-9]{:03}XX!", 100 + n),
    };
    format!(
        "[[route]]\npattern = \"{pattern}\"\npartition = \"out-{site}\"\nto = {{ group = \"g-{site}\" }}\n\
         called = {{ strip_pre_dot = true }}\n"
    )
}

/// What people dial: half of it inside, a tenth over a translation, the rest out in all depths.
fn dialled() -> Vec<String> {
    let area = |n: usize| n * 4 % ROUTES;
    (0..10_000)
        .map(|n: usize| match n % 10 {
            0..=4 => line(n * 7 % SITES, n * 13 % LINES),
            5 => format!("8{:02}{}", n % TRANSLATIONS, line(n % SITES, n % LINES)),
            6 => format!("0{}55512", 1_000 + area(n)),
            7 => format!("00{:03}555123", 101 + area(n)),
            8 => format!("000{:03}5551234", 202 + area(n)),
            _ => format!("0005{:03}12345", 103 + area(n)),
        })
        .collect()
}
