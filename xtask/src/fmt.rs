//! `cargo xtask fmt`: is everything formatted?

use crate::args::Args;
use crate::fail::Outcome;
use crate::tool::Tool;

pub(crate) const ABOUT: &str = "checks the formatting (default rustfmt)";

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    Tool::cargo(["fmt", "--all", "--check"]).run()
}
