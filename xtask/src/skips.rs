//! `cargo xtask skips`: what the last whole test run skipped must stand in docs/SKIPS.md.
//!
//! So a test that stops running, because a probe went wrong or a feature vanished, fails the build and is not overlooked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::args::Args;
use crate::fail::{Context, Fail, Outcome};
use crate::workspace;

pub(crate) const ABOUT: &str =
    "fails if the last test run skipped what docs/SKIPS.md does not list";

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    let path = record_path()?;
    let skipped = fs::read_to_string(&path)
        .context("no test run is on record; run `cargo xtask test` first")?;
    let page = fs::read_to_string(workspace::root().join("docs/SKIPS.md"))?;
    let listed = listed(&page);
    let unexpected: Vec<&str> = skipped
        .lines()
        .filter(|line| !listed.contains(name_of(line)))
        .collect();
    println!(
        "{} skipped, {} listed in docs/SKIPS.md",
        skipped.lines().count(),
        listed.len()
    );
    if unexpected.is_empty() {
        return Ok(());
    }
    Err(Fail::new(format!(
        "skipped, but not listed in docs/SKIPS.md:\n  {}",
        unexpected.join("\n  ")
    )))
}

/// Keeps what a whole test run skipped.
pub(crate) fn record(skipped: &BTreeMap<String, String>) -> Outcome {
    let lines: String = skipped
        .iter()
        .map(|(name, reason)| format!("{name}: {reason}\n"))
        .collect();
    let path = record_path()?;
    fs::write(&path, lines).context(path.display())
}

fn record_path() -> Outcome<PathBuf> {
    Ok(workspace::target()?.join("skips.txt"))
}

fn name_of(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(name, _)| name)
}

/// The names in backticks that open the rows of the table.
fn listed(page: &str) -> BTreeSet<&str> {
    page.lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_open_with_backticks_are_the_list() {
        let page =
            "# Skips\n\n| test | why |\n|---|---|\n| `sync_msg_ring` | kernel |\nprose `x`\n";
        assert_eq!(
            listed(page).into_iter().collect::<Vec<_>>(),
            ["sync_msg_ring"]
        );
    }
}
