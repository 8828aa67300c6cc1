//! `cargo xtask examples`: builds all examples and runs those that end by themselves.
//!
//! They are built as the tests build them, so that after a test run there is nothing left to build.

use std::path::Path;
use std::time::Duration;

use crate::args::Args;
use crate::fail::{Fail, Outcome};
use crate::tool::Tool;
use crate::workspace;

pub(crate) const ABOUT: &str = "builds all examples and runs those that end by themselves";

/// Examples that end by themselves, and their arguments.
const RUN: &[(&str, &[&str])] = &[
    ("owned_buffers", &[]),
    ("scheduler", &[]),
    ("op_lane", &[]),
    ("copy_file", &[]),
    ("greeter", &[]),
    ("raw_ring", &[]),
    ("two_threads", &[]),
    ("in_memory", &[]),
    ("timer", &[]),
    ("ping_pong", &[]),
    ("multishot_accept", &[]),
    ("timeout_race", &[]),
    ("tokio_inside", &[]),
];

/// Examples that print the files they are given: what they print must be the files.
const PRINT: &[&str] = &["cat", "linked_cat"];

/// None takes a tenth of this.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    Tool::cargo(["build", "--workspace", "--all-features", "--examples"]).run()?;
    let built = workspace::target()?.join("debug").join("examples");
    let mut failed = Vec::new();
    for (name, args) in RUN {
        match Tool::new(built.join(name))
            .args(*args)
            .ends_well_within(LIMIT)?
        {
            Some(true) => {}
            Some(false) => failed.push(format!("{name} failed")),
            None => failed.push(format!("{name} did not end within {LIMIT:?}")),
        }
    }
    for name in PRINT {
        failed.extend(misprint(name, &built.join(name))?);
    }
    if failed.is_empty() {
        println!("examples: {} ran", RUN.len() + PRINT.len());
        return Ok(());
    }
    Err(Fail::new(failed.join("\n  ")))
}

/// What is wrong with the output of an example that prints files, if anything.
fn misprint(name: &str, program: &Path) -> Outcome<Option<String>> {
    let files = ["Cargo.lock", "README.md"].map(|file| workspace::root().join(file));
    let mut expected = String::new();
    for file in &files {
        expected.push_str(&std::fs::read_to_string(file)?);
    }
    let printed = Tool::new(program).args(&files).output()?;
    Ok((printed != expected).then(|| format!("{name} did not print its files as they are")))
}
