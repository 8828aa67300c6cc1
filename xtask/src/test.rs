//! `cargo xtask test`: every test and doc test, and what was skipped.
//!
//! A test that needs something which this kernel or machine lacks prints `SKIP <test>: <reason>` and returns. Libtest
//! hides what a passing test prints, so the tests run with `--show-output`; the lines are collected while they pass by,
//! printed again at the end, and kept for `cargo xtask skips`.

use std::collections::BTreeMap;

use crate::args::Args;
use crate::fail::{Fail, Outcome};
use crate::skips;
use crate::tool::Tool;

pub(crate) const ABOUT: &str =
    "every test and doc test, with a list of what was skipped; [cargo test arguments]";

pub(crate) fn run(mut args: Args) -> Outcome {
    let given = args.rest();
    let whole = given.is_empty();
    let what = if whole {
        vec!["--workspace".to_owned()]
    } else {
        given
    };
    let tool = Tool::cargo(["test", "--all-features", "--no-fail-fast"])
        .args(what)
        .args(["--", "--show-output"]);
    let mut tally = Tally::default();
    let status = tool.tee(|line| tally.look(line))?;
    tally.print();
    if whole {
        skips::record(&tally.skipped)?;
    }
    if !status.success() || tally.failed > 0 {
        return Err(Fail::new(format!(
            "{} tests failed ({status})",
            tally.failed
        )));
    }
    if tally.passed == 0 {
        return Err(Fail::new("not one test ran"));
    }
    Ok(())
}

/// What went by in the output of `cargo test`.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    /// Name of the test, and its reason.
    skipped: BTreeMap<String, String>,
    failures: Vec<String>,
}

impl Tally {
    fn look(&mut self, line: &str) {
        if let Some(skip) = line.trim_start().strip_prefix("SKIP ") {
            let (name, reason) = skip.split_once(": ").unwrap_or((skip, "no reason given"));
            self.skipped
                .insert(name.trim().to_owned(), reason.trim().to_owned());
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, "passed");
            self.failed += count(result, "failed");
        } else if let Some(test) = line.strip_prefix("test ") {
            match test.split_once(" ... ") {
                Some((name, "FAILED")) => self.failures.push(name.to_owned()),
                Some((name, outcome)) if outcome.starts_with("ignored") => {
                    self.skipped.insert(name.to_owned(), outcome.to_owned());
                }
                _ => {}
            }
        }
    }

    fn print(&self) {
        println!();
        for (name, reason) in &self.skipped {
            println!("SKIP {name}: {reason}");
        }
        for name in &self.failures {
            println!("FAILED {name}");
        }
        let skipped = self.skipped.len();
        println!(
            "total: {} passed, {} failed, {skipped} skipped",
            self.passed, self.failed
        );
    }
}

/// The number that stands before `word` in libtest's summary.
fn count(summary: &str, word: &str) -> usize {
    let mut last = "";
    for part in summary.split([' ', ';']).filter(|part| !part.is_empty()) {
        if part == word {
            return last.parse().unwrap_or(0);
        }
        last = part;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tally_counts_results_skips_and_ignored_tests() {
        let mut tally = Tally::default();
        for line in [
            "test drop_inflight ... ok",
            "test steal ... FAILED",
            "test slow ... ignored, takes an hour",
            "SKIP sync_msg_ring: the kernel is older than 6.13",
            "test result: FAILED. 7 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ] {
            tally.look(line);
        }
        assert_eq!((tally.passed, tally.failed), (12, 1));
        assert_eq!(tally.failures, ["steal"]);
        assert_eq!(
            tally.skipped["sync_msg_ring"],
            "the kernel is older than 6.13"
        );
        assert_eq!(tally.skipped["slow"], "ignored, takes an hour");
    }
}
