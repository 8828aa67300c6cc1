//! `cargo xtask mutants [name]`: takes out one line of a protocol at a time and demands that its test goes red.
//!
//! Each `crates/*/mutants/*.patch` is a unified diff against the root. Its first line names the test that must notice:
//! `# loom: <crate> <model>` or `# test: <arguments of cargo test>`. The test must be green without the patch, the patch
//! must apply and compile, and the test must then fail, or hang past its limit.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::args::Args;
use crate::copy::Copy;
use crate::fail::{Context, Fail, Outcome};
use crate::tool::Tool;
use crate::{loom, workspace};

pub(crate) const ABOUT: &str =
    "applies each crates/*/mutants/*.patch [name] and demands a red test";

/// A test that hangs this long noticed the patch: none takes a tenth of it unpatched.
const LIMIT: Duration = Duration::from_secs(240);

pub(crate) fn run(mut args: Args) -> Outcome {
    let filter = args.word().unwrap_or_default();
    args.finish()?;
    let mutants = mutants(&filter)?;
    if mutants.is_empty() {
        return Err(Fail::new(format!("no mutant's name contains `{filter}`")));
    }
    let bench = Bench::set_up()?;
    bench.demand_green(&mutants)?;
    let mut survived = Vec::new();
    for mutant in &mutants {
        // A patch that does not apply or compile any more shows nothing, which is as bad as one that nothing notices.
        let killed = match bench.try_mutant(mutant) {
            Ok(verdict) => {
                println!("{mutant:<52} {verdict}");
                verdict != Verdict::Survived
            }
            Err(fail) => {
                println!("{mutant:<52} BROKEN: {fail}");
                bench.copy.restore()?;
                false
            }
        };
        if !killed {
            survived.push(mutant.to_string());
        }
    }
    println!(
        "mutants killed: {} / {}",
        mutants.len() - survived.len(),
        mutants.len()
    );
    if survived.is_empty() {
        return Ok(());
    }
    Err(Fail::new(format!(
        "survived or broken: {}",
        survived.join(", ")
    )))
}

/// One patch and the test that must notice it.
#[derive(Debug)]
struct Mutant {
    name: String,
    patch: PathBuf,
    test: Test,
}

impl Mutant {
    fn read(krate: &str, patch: PathBuf) -> Outcome<Mutant> {
        let text = fs::read_to_string(&patch).context(patch.display())?;
        let test = Test::parse(text.lines().next().unwrap_or_default()).context(patch.display())?;
        let name = format!("{krate}/{}", workspace::name(&patch).replace(".patch", ""));
        Ok(Mutant { name, patch, test })
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// What a mutant's first line asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Test {
    Loom { krate: String, model: String },
    Cargo { args: Vec<String> },
}

impl Test {
    fn parse(line: &str) -> Outcome<Test> {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if let Some(rest) = line.strip_prefix("# loom:") {
            if let [krate, model] = &words(rest)[..] {
                return Ok(Test::Loom {
                    krate: krate.clone(),
                    model: model.clone(),
                });
            }
        } else if let Some(rest) = line.strip_prefix("# test:") {
            let args = words(rest);
            if !args.is_empty() {
                return Ok(Test::Cargo { args });
            }
        }
        Err(Fail::new(
            "the first line must read `# loom: <crate> <model>` or `# test: <arguments>`",
        ))
    }
}

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Killed,
    KilledByHanging,
    Survived,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Killed => "killed",
            Verdict::KilledByHanging => "killed (the test hung)",
            Verdict::Survived => "SURVIVED",
        })
    }
}

/// The place where patches are tried.
#[derive(Debug)]
struct Bench {
    copy: Copy,
    loom_target: PathBuf,
    test_target: PathBuf,
}

impl Bench {
    fn set_up() -> Outcome<Bench> {
        let target = workspace::target()?;
        let here = target.join("mutants");
        fs::create_dir_all(&here)?;
        let loom_target = here.join("loom");
        let built = target.join("loom");
        if built.is_dir() && !loom_target.is_dir() {
            // What `cargo xtask loom` has just built need not be built again.
            Tool::new("cp")
                .args([Path::new("-a"), &built, &loom_target])
                .quiet()
                .run()?;
        }
        let copy = Copy::make(&here.join("tree"))?;
        Ok(Bench {
            copy,
            loom_target,
            test_target: here.join("test"),
        })
    }

    /// A red test says nothing of a patch if it is red without it.
    fn demand_green(&self, mutants: &[Mutant]) -> Outcome {
        let tests: BTreeSet<&Test> = mutants.iter().map(|mutant| &mutant.test).collect();
        for test in tests {
            if self.test(test).ends_well_within(LIMIT)? != Some(true) {
                return Err(Fail::new(format!("{test:?} is red without any patch")));
            }
        }
        Ok(())
    }

    fn try_mutant(&self, mutant: &Mutant) -> Outcome<Verdict> {
        self.copy
            .apply(&mutant.patch)
            .context(format!("{mutant} does not apply"))?;
        let verdict = self.judge(mutant)?;
        self.copy.restore()?;
        Ok(verdict)
    }

    fn judge(&self, mutant: &Mutant) -> Outcome<Verdict> {
        let builds = self.test(&mutant.test).args(["--no-run"]).quiet().output();
        builds.context(format!("{mutant} does not compile, so it shows nothing"))?;
        Ok(
            match self.test(&mutant.test).quiet().ends_well_within(LIMIT)? {
                Some(true) => Verdict::Survived,
                Some(false) => Verdict::Killed,
                None => Verdict::KilledByHanging,
            },
        )
    }

    fn test(&self, test: &Test) -> Tool {
        let tool = match test {
            Test::Loom { krate, model } => loom::cargo_test(krate, model, &self.loom_target),
            Test::Cargo { args } => Tool::cargo(["test"])
                .args(args)
                .env("CARGO_TARGET_DIR", &self.test_target),
        };
        tool.current_dir(self.copy.root())
    }
}

fn mutants(filter: &str) -> Outcome<Vec<Mutant>> {
    let patches = workspace::files_of_crates("mutants", |file| file.ends_with(".patch"))?;
    let all = patches
        .into_iter()
        .map(|(krate, patch)| Mutant::read(&krate, patch));
    let all: Vec<Mutant> = all.collect::<Outcome<_>>()?;
    Ok(all
        .into_iter()
        .filter(|mutant| mutant.name.contains(filter))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_names_the_test() {
        let loom = Test::parse("# loom: ringmesh-msg loom_doorbell").unwrap();
        assert_eq!(
            loom,
            Test::Loom {
                krate: "ringmesh-msg".into(),
                model: "loom_doorbell".into()
            }
        );
        let cargo = Test::parse("# test: -p ringmesh-op --test drop_inflight").unwrap();
        assert!(matches!(cargo, Test::Cargo { args } if args.len() == 4));
        assert!(Test::parse("--- a/x").is_err());
        assert!(Test::parse("# loom: ringmesh-msg").is_err());
    }
}
