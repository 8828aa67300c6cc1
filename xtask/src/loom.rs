//! `cargo xtask loom [name]`: the loom models, `crates/*/tests/loom_*.rs`, over the types that ship.
//!
//! They are built with `--cfg ringmesh_loom`, which swaps atomics, cells and threads for loom's, in a target directory of
//! their own. Optimised, because a model runs its closure many thousand times; with debug assertions, because those are
//! part of what it checks.

use std::path::Path;

use crate::args::Args;
use crate::fail::{Fail, Outcome};
use crate::tool::Tool;
use crate::workspace;

pub(crate) const ABOUT: &str = "the loom models [name], with the iterations of each";

pub(crate) fn run(mut args: Args) -> Outcome {
    let filter = args.word().unwrap_or_default();
    args.finish()?;
    let models = models(&filter)?;
    if models.is_empty() {
        return Err(Fail::new(format!(
            "no loom model's name contains `{filter}`"
        )));
    }
    let mut lines = Vec::new();
    for (krate, model) in &models {
        let mut printed = Vec::new();
        let tool = cargo_test(krate, model, &workspace::target()?.join("loom")).args([
            "--",
            "--nocapture",
            "--test-threads=1",
        ]);
        let status = tool.tee(|line| {
            if line.contains("iterations") {
                // Libtest's own `test <name> ... ` stands before what the test prints first.
                printed.push(
                    line.rsplit(" ... ")
                        .next()
                        .unwrap_or(line)
                        .trim()
                        .to_owned(),
                );
            }
        })?;
        if !status.success() {
            return Err(Fail::new(format!("the model {model} of {krate} is red")));
        }
        if printed.is_empty() {
            return Err(Fail::new(format!(
                "the model {model} of {krate} printed no iterations"
            )));
        }
        lines.append(&mut printed);
    }
    println!(
        "\n{} models are green:\n  {}",
        models.len(),
        lines.join("\n  ")
    );
    Ok(())
}

/// `cargo test` for one model, built under loom in `target`; arguments for the test may follow.
pub(crate) fn cargo_test(krate: &str, model: &str, target: &Path) -> Tool {
    Tool::cargo(["test", "--release", "-p", krate, "--test", model])
        .env("RUSTFLAGS", "--cfg ringmesh_loom")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true")
        .env("CARGO_TARGET_DIR", target)
}

/// Crate and test name of every model whose name contains `filter`.
fn models(filter: &str) -> Outcome<Vec<(String, String)>> {
    let wanted = |file: &str| file.starts_with("loom_") && file.ends_with(".rs");
    let found = workspace::files_of_crates("tests", wanted)?.into_iter();
    let models = found.map(|(krate, file)| (krate, workspace::name(&file).replace(".rs", "")));
    Ok(models.filter(|(_, model)| model.contains(filter)).collect())
}
