//! `cargo xtask doc`: builds the documentation; a warning is an error.

use crate::args::Args;
use crate::fail::Outcome;
use crate::tool::Tool;

pub(crate) const ABOUT: &str = "builds the documentation, warnings are errors";

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    Tool::cargo(["doc", "--workspace", "--all-features", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}
