//! `cargo xtask ci`: everything that must hold, in the order in which it fails fastest.

use std::time::{Duration, Instant};

use crate::args::Args;
use crate::fail::{Fail, Outcome};
use crate::{demo, doc, examples, fmt, layers, lint, loom, mutants, skips, test};

pub(crate) const ABOUT: &str =
    "all checks; [--quick] leaves out documentation, loom models, mutants and demo";

/// A step: its name, whether `--quick` runs it, and what it does.
type Step = (&'static str, bool, fn(Args) -> Outcome);

const STEPS: &[Step] = &[
    ("fmt", true, fmt::run),
    ("layers", true, layers::run),
    ("lint", true, lint::run),
    ("test", true, test::run),
    ("skips", true, skips::run),
    ("examples", true, examples::run),
    ("doc", false, doc::run),
    ("loom", false, loom::run),
    ("mutants", false, mutants::run),
    ("demo", false, demo::check),
];

/// Runs every step even if one fails, except that nothing is tested that does not compile, and ends with a table.
pub(crate) fn run(mut args: Args) -> Outcome {
    let quick = args.flag("--quick");
    args.finish()?;
    let mut rows = Vec::new();
    for &(name, in_quick, step) in STEPS {
        if quick && !in_quick {
            continue;
        }
        eprintln!("\n==== {name}");
        let start = Instant::now();
        let outcome = step(Args::new(name, ABOUT, std::iter::empty()));
        if let Err(fail) = &outcome {
            eprintln!("{name}: {fail}");
        }
        let failed = outcome.is_err();
        rows.push((name, start.elapsed(), !failed));
        if failed && name == "lint" {
            break;
        }
    }
    report(&rows)
}

fn report(rows: &[(&str, Duration, bool)]) -> Outcome {
    eprintln!();
    for (name, took, well) in rows {
        let word = if *well { "ok" } else { "FAILED" };
        eprintln!("{name:<8} {:>6.1} s  {word}", took.as_secs_f64());
    }
    let failed: Vec<&str> = rows.iter().filter(|row| !row.2).map(|row| row.0).collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Fail::new(format!("failed: {}", failed.join(", "))))
}
