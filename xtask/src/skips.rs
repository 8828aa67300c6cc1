//! `cargo xtask skips`: what the last whole test run skipped must stand in docs/SKIPS.md, and its condition must hold here.
//!
//! So a test that stops running, because a probe went wrong or a feature vanished, fails the build and is not overlooked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::args::Args;
use crate::fail::{Context, Fail, Outcome};
use crate::tool::Tool;
use crate::workspace;

pub(crate) const ABOUT: &str =
    "fails if the last test run skipped what docs/SKIPS.md does not list";

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    let skipped = fs::read_to_string(record_path()?)
        .context("no test run is on record; run `cargo xtask test` first")?;
    let page = fs::read_to_string(workspace::root().join("docs/SKIPS.md"))?;
    let conditions = conditions(&page)?;
    let machine = Machine::look()?;
    let unexpected: Vec<&str> = skipped
        .lines()
        .filter(|line| {
            let condition = conditions.get(test_of(line));
            !condition.is_some_and(|condition| condition.holds(&machine))
        })
        .collect();
    let (skips, rows) = (skipped.lines().count(), conditions.len());
    println!("skips: {skips}, of {rows} that docs/SKIPS.md lists");
    if unexpected.is_empty() {
        return Ok(());
    }
    Err(Fail::new(format!(
        "skipped, but docs/SKIPS.md does not say that they may here:\n  {}",
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

/// The test's name: what stands before the first space or the reason.
fn test_of(line: &str) -> &str {
    line.split([' ', ':']).next().unwrap_or(line)
}

/// When a test may skip.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Always,
    KernelBefore(u32, u32),
    Without(String),
}

impl Condition {
    fn parse(text: &str) -> Outcome<Condition> {
        if text == "always" {
            return Ok(Condition::Always);
        }
        if let Some(program) = text.strip_prefix("without ") {
            return Ok(Condition::Without(program.to_owned()));
        }
        let kernel = text.strip_prefix("kernel < ").and_then(version);
        match kernel {
            Some((major, minor)) => Ok(Condition::KernelBefore(major, minor)),
            None => Err(Fail::new(format!(
                "docs/SKIPS.md: `{text}` is no condition"
            ))),
        }
    }

    fn holds(&self, machine: &Machine) -> bool {
        match self {
            Condition::Always => true,
            Condition::KernelBefore(major, minor) => machine.kernel < (*major, *minor),
            Condition::Without(program) => !Tool::exists(program),
        }
    }
}

/// What conditions ask about.
#[derive(Debug)]
struct Machine {
    kernel: (u32, u32),
}

impl Machine {
    fn look() -> Outcome<Machine> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        match version(&release) {
            Some(kernel) => Ok(Machine { kernel }),
            None => Err(Fail::new(format!(
                "cannot read the kernel's version `{}`",
                release.trim()
            ))),
        }
    }
}

/// Major and minor number at the start of a version.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The rows of the table: `` | `name` | condition | why | ``.
fn conditions(page: &str) -> Outcome<BTreeMap<&str, Condition>> {
    let rows = page.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((name, rest.split(" | ").next()?))
    });
    rows.map(|(name, condition)| Ok((name, Condition::parse(condition)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_carry_conditions() {
        let page = "# Skips\n\n| test | when | why |\n|---|---|---|\n\
                    | `sync_msg_ring` | kernel < 6.13 | x |\n| `faults` | without strace | y |\n";
        let conditions = conditions(page).unwrap();
        assert_eq!(conditions["sync_msg_ring"], Condition::KernelBefore(6, 13));
        assert_eq!(
            conditions["faults"],
            Condition::Without("strace".to_owned())
        );
        assert!(Condition::parse("kernel 6.13").is_err());
    }

    #[test]
    fn a_condition_is_about_this_machine() {
        let old = Machine { kernel: (6, 8) };
        assert!(Condition::KernelBefore(6, 13).holds(&old));
        assert!(!Condition::KernelBefore(6, 8).holds(&old));
        assert!(Condition::Without("no-such-program".to_owned()).holds(&old));
        assert_eq!(version("6.18.44-rc1"), Some((6, 18)));
    }

    #[test]
    fn the_name_of_a_test_ends_at_its_reason() {
        assert_eq!(test_of("sync_msg_ring: too old"), "sync_msg_ring");
        assert_eq!(test_of("enter_faults EINTR: no strace"), "enter_faults");
        assert_eq!(
            test_of("crates/x/src/lib.rs - (line 5): ignored"),
            "crates/x/src/lib.rs"
        );
    }
}
