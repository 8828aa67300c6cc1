//! `cargo xtask layers`: the crates form a strict chain, and each dependency is one that somebody decided on.
//!
//! Three checks: every edge between our crates stands in [`TABLE`]; every third-party dependency of a published crate has
//! its reason in docs/DEPENDENCIES.md; and the crates that are to have no unsafe code forbid it.

use std::fs;

use serde_json::Value;

use crate::args::Args;
use crate::fail::{Context, Fail, Outcome};
use crate::workspace;

pub(crate) const ABOUT: &str =
    "the chain of crates, the approved dependencies, and who forbids unsafe code";

/// What a crate may depend on.
struct Layer {
    name: &'static str,
    /// Our crates that it builds on.
    on: &'static [&'static str],
    /// Our crates that its tests and examples may use besides; itself it always may, to ask for more of its features.
    tests: &'static [&'static str],
    /// Whether it may contain unsafe code.
    may_be_unsafe: bool,
}

/// From the left end of the chain to the right; an edge that is not here is an error.
const TABLE: &[Layer] = &[
    Layer {
        name: "ringmesh-buf",
        on: &[],
        tests: &[],
        may_be_unsafe: true,
    },
    Layer {
        name: "ringmesh-sys",
        on: &[],
        tests: &[],
        may_be_unsafe: true,
    },
    Layer {
        name: "ringmesh-msg",
        on: &[],
        tests: &[],
        may_be_unsafe: true,
    },
    Layer {
        name: "ringmesh-sched",
        on: &["ringmesh-msg", "ringmesh-sys"],
        tests: &[],
        may_be_unsafe: false,
    },
    Layer {
        name: "ringmesh-op",
        on: &[
            "ringmesh-buf",
            "ringmesh-sys",
            "ringmesh-msg",
            "ringmesh-sched",
        ],
        tests: &[],
        may_be_unsafe: true,
    },
    Layer {
        name: "ringmesh-fs",
        on: &["ringmesh-buf", "ringmesh-sched", "ringmesh-op"],
        tests: &[],
        may_be_unsafe: false,
    },
    Layer {
        name: "ringmesh-net",
        on: &["ringmesh-buf", "ringmesh-sched", "ringmesh-op"],
        tests: &[],
        may_be_unsafe: false,
    },
    Layer {
        name: "ringmesh-io",
        on: &[
            "ringmesh-buf",
            "ringmesh-sched",
            "ringmesh-fs",
            "ringmesh-net",
        ],
        tests: &["ringmesh-op"],
        may_be_unsafe: false,
    },
    Layer {
        name: "ringmesh-macros",
        on: &[],
        tests: &[],
        may_be_unsafe: false,
    },
    Layer {
        name: "ringmesh",
        on: &[
            "ringmesh-buf",
            "ringmesh-sys",
            "ringmesh-msg",
            "ringmesh-sched",
            "ringmesh-op",
            "ringmesh-fs",
            "ringmesh-net",
            "ringmesh-io",
            "ringmesh-macros",
        ],
        tests: &[],
        may_be_unsafe: false,
    },
    Layer {
        name: "ringmesh-bench",
        on: &["ringmesh", "ringmesh-sys"],
        tests: &[],
        may_be_unsafe: true,
    },
    Layer {
        name: "xtask",
        on: &[],
        tests: &[],
        may_be_unsafe: false,
    },
];

pub(crate) fn run(args: Args) -> Outcome {
    args.finish()?;
    let metadata = workspace::metadata()?;
    let page = workspace::root().join("docs/DEPENDENCIES.md");
    let approved = fs::read_to_string(&page).context(page.display())?;
    let mut wrong = Vec::new();
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        match TABLE.iter().find(|layer| layer.name == name) {
            Some(layer) => check(layer, package, &approved, &mut wrong)?,
            None => wrong.push(format!(
                "{name} has no row in the table of xtask/src/layers.rs"
            )),
        }
    }
    for layer in TABLE {
        if packages.iter().all(|package| package["name"] != layer.name) {
            wrong.push(format!(
                "{} has a row in the table but is no package",
                layer.name
            ));
        }
    }
    if wrong.is_empty() {
        println!(
            "layers: {} packages, every edge is in the table",
            packages.len()
        );
        return Ok(());
    }
    Err(Fail::new(wrong.join("\n  ")))
}

fn check(layer: &Layer, package: &Value, approved: &str, wrong: &mut Vec<String>) -> Outcome {
    for dependency in package["dependencies"]
        .as_array()
        .map_or(&[][..], Vec::as_slice)
    {
        let edge = Edge::read(dependency);
        if let Some(fault) = edge.fault(layer, package, approved) {
            wrong.push(fault);
        }
    }
    if !layer.may_be_unsafe && !forbids_unsafe(package)? {
        wrong.push(format!(
            "{} does not say #![forbid(unsafe_code)]",
            layer.name
        ));
    }
    Ok(())
}

/// A line of a manifest's dependency tables.
struct Edge<'a> {
    to: &'a str,
    ours: bool,
    tests_only: bool,
}

impl<'a> Edge<'a> {
    fn read(dependency: &'a Value) -> Self {
        Edge {
            to: dependency["name"].as_str().unwrap_or_default(),
            ours: dependency["path"].is_string(),
            tests_only: dependency["kind"] == "dev",
        }
    }

    fn fault(&self, layer: &Layer, package: &Value, approved: &str) -> Option<String> {
        let (from, to) = (layer.name, self.to);
        if self.ours {
            let tested = to == from || layer.tests.contains(&to);
            let known = layer.on.contains(&to) || (self.tests_only && tested);
            return (!known).then(|| format!("{from} -> {to} is not in the table"));
        }
        let published = package["publish"]
            .as_array()
            .is_none_or(|list| !list.is_empty());
        let decided = approved.contains(&format!("`{to}`"));
        (published && !decided)
            .then(|| format!("{from} -> {to} has no reason in docs/DEPENDENCIES.md"))
    }
}

/// Whether the root file of the package's library, or of its program, forbids unsafe code.
fn forbids_unsafe(package: &Value) -> Outcome<bool> {
    let targets = package["targets"].as_array().map_or(&[][..], Vec::as_slice);
    let main = targets.iter().find(|target| {
        let kinds = target["kind"].as_array().map_or(&[][..], Vec::as_slice);
        kinds.iter().any(|kind| {
            ["lib", "proc-macro", "bin"]
                .iter()
                .any(|wanted| kind == wanted)
        })
    });
    let Some(path) = main.and_then(|target| target["src_path"].as_str()) else {
        return Ok(false);
    };
    let text = fs::read_to_string(path).context(path)?;
    Ok(text
        .lines()
        .any(|line| line.trim() == "#![forbid(unsafe_code)]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sched() -> &'static Layer {
        TABLE
            .iter()
            .find(|layer| layer.name == "ringmesh-sched")
            .unwrap()
    }

    fn fault(dependency: Value) -> Option<String> {
        Edge::read(&dependency).fault(sched(), &json!({"publish": null}), "`slab`: a table")
    }

    #[test]
    fn an_edge_to_the_right_is_a_fault() {
        assert!(fault(json!({"name": "ringmesh-op", "path": "/x", "kind": null})).is_some());
        assert!(fault(json!({"name": "ringmesh-msg", "path": "/x", "kind": null})).is_none());
    }

    #[test]
    fn a_third_party_crate_without_a_reason_is_a_fault() {
        assert!(fault(json!({"name": "left-pad", "kind": null})).is_some());
        assert!(fault(json!({"name": "slab", "kind": null})).is_none());
    }
}
