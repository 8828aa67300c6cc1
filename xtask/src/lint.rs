//! `cargo xtask lint`: clippy over every target with every feature; a warning is an error.

use crate::args::Args;
use crate::fail::Outcome;
use crate::tool::Tool;

pub(crate) const ABOUT: &str = "clippy over all targets and features, warnings are errors";

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    let all = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    Tool::cargo(all).run()
}
