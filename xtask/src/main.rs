//! Every command that the project runs: `cargo xtask <command>`.
//!
//! One command a file. What the commands share is small: [`args`] reads flags, [`tool`] runs programs, [`workspace`]
//! knows where things are.

#![forbid(unsafe_code)]

mod args;
mod bench;
mod ci;
mod copy;
mod demo;
mod doc;
mod examples;
mod fail;
mod fmt;
mod layers;
mod lint;
mod loom;
mod mutants;
mod skips;
mod test;
mod tool;
mod workspace;

use std::process::ExitCode;

use args::Args;
use fail::Outcome;

/// A command: its name, what it does in a line, and the function that does it.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(Args) -> Outcome,
}

/// All commands, in the order in which the help shows them.
const TASKS: &[Task] = &[
    Task {
        name: "demo",
        about: demo::ABOUT,
        run: demo::run,
    },
    Task {
        name: "test",
        about: test::ABOUT,
        run: test::run,
    },
    Task {
        name: "ci",
        about: ci::ABOUT,
        run: ci::run,
    },
    Task {
        name: "fmt",
        about: fmt::ABOUT,
        run: fmt::run,
    },
    Task {
        name: "lint",
        about: lint::ABOUT,
        run: lint::run,
    },
    Task {
        name: "layers",
        about: layers::ABOUT,
        run: layers::run,
    },
    Task {
        name: "doc",
        about: doc::ABOUT,
        run: doc::run,
    },
    Task {
        name: "loom",
        about: loom::ABOUT,
        run: loom::run,
    },
    Task {
        name: "mutants",
        about: mutants::ABOUT,
        run: mutants::run,
    },
    Task {
        name: "skips",
        about: skips::ABOUT,
        run: skips::run,
    },
    Task {
        name: "examples",
        about: examples::ABOUT,
        run: examples::run,
    },
    Task {
        name: "bench",
        about: bench::ABOUT,
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let name = words.next().unwrap_or_default();
    if matches!(name.as_str(), "" | "help" | "-h" | "--help") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprint!("xtask: there is no command `{name}`\n\n{}", help());
        return ExitCode::FAILURE;
    };
    match (task.run)(Args::new(task.name, task.about, words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fail) => {
            eprintln!("xtask {name}: {fail}");
            ExitCode::FAILURE
        }
    }
}

fn help() -> String {
    let rows = TASKS
        .iter()
        .map(|task| format!("  {:<8} {}\n", task.name, task.about));
    format!("cargo xtask <command>\n\n{}", rows.collect::<String>())
}
