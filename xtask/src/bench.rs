//! `cargo xtask bench [name]`: the measuring programs, `benches/src/bin/*.rs`, one after the other.

use std::path::PathBuf;

use crate::args::Args;
use crate::fail::{Fail, Outcome};
use crate::tool::Tool;
use crate::workspace;

pub(crate) const ABOUT: &str = "the measuring programs [name] [-- arguments of the program]";

/// Programs of the demo live in the same folder and measure nothing by themselves.
const NOT_MEASURING: &str = "demo_";

pub(crate) fn run(mut args: Args) -> Outcome {
    let mut words = args.rest().into_iter();
    let before: Vec<String> = words.by_ref().take_while(|word| word != "--").collect();
    let extra: Vec<String> = words.collect();
    let filter = match &before[..] {
        [] => "",
        [name] if !name.starts_with('-') => name,
        _ => {
            return Err(Fail::new(
                "wants one name, then `--` and the program's own arguments",
            ));
        }
    };
    let programs = programs()?;
    let chosen: Vec<&String> = programs
        .iter()
        .filter(|name| name.contains(filter))
        .collect();
    if chosen.is_empty() {
        return Err(Fail::new(format!(
            "`{filter}` is none of: {}",
            programs.join(", ")
        )));
    }
    let bins = chosen.iter().flat_map(|name| ["--bin", name]);
    Tool::cargo(["build", "--release", "-p", "ringmesh-bench"])
        .args(bins)
        .run()?;
    for name in chosen {
        println!("\n== {name}");
        Tool::new(binary(name)?).args(&extra).quiet().run()?;
    }
    Ok(())
}

/// Where cargo puts a release build of a program.
pub(crate) fn binary(name: &str) -> Outcome<PathBuf> {
    Ok(workspace::target()?.join("release").join(name))
}

fn programs() -> Outcome<Vec<String>> {
    let folder = workspace::root().join("benches/src/bin");
    let mut names: Vec<String> = folder
        .read_dir()?
        .filter_map(|entry| {
            Some(
                workspace::name(&entry.ok()?.path())
                    .strip_suffix(".rs")?
                    .to_owned(),
            )
        })
        .filter(|name| !name.starts_with(NOT_MEASURING))
        .collect();
    names.sort();
    Ok(names)
}
