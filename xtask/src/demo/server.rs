//! A server process of the demo.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout};

use super::Plan;
use crate::bench;
use crate::fail::{Fail, Outcome};
use crate::tool::Tool;
use crate::workspace;

/// The request, counted from one, whose body `--break` corrupts.
const BROKEN: &str = "1000";

/// A running server; it is killed if nobody [ends](Server::end) it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: String,
    child: Child,
    lines: BufReader<ChildStdout>,
    directory: PathBuf,
}

/// Counters by name, as the server printed them when it ended.
pub(super) type Stats = BTreeMap<String, u64>;

impl Server {
    pub(super) fn start(plan: &Plan, runtime: &str) -> Outcome<Server> {
        let program = if runtime == "tokio" {
            "demo_tokio"
        } else {
            "demo_server"
        };
        let directory = workspace::target()?.join(format!("demo-{runtime}-{}", std::process::id()));
        let mut tool = Tool::new(bench::binary(program)?)
            .quiet()
            .args(["--directory".as_ref(), directory.as_os_str()])
            .args([if plan.pinned { "--pinned" } else { "--free" }]);
        if let Some(shards) = plan.shards {
            tool = tool.args(["--shards", &shards.to_string()]);
        }
        if plan.broken {
            tool = tool.args(["--break", BROKEN]);
        }
        let mut child = tool.start()?;
        let mut lines = BufReader::new(child.stdout.take().expect("stdout was asked for"));
        let mut first = String::new();
        lines.read_line(&mut first)?;
        let address = first
            .strip_prefix("listening ")
            .unwrap_or_default()
            .trim()
            .to_owned();
        let server = Server {
            address,
            child,
            lines,
            directory,
        };
        if server.address.is_empty() {
            return Err(Fail::new(format!(
                "the {runtime} server did not start (see above)"
            )));
        }
        Ok(server)
    }

    /// Lets the server end and gives back its counters.
    pub(super) fn end(mut self) -> Outcome<Stats> {
        drop(self.child.stdin.take());
        let mut stats = Stats::new();
        for line in self.lines.by_ref().lines() {
            let line = line?;
            if let ["stat", name, value] = line.split(' ').collect::<Vec<_>>()[..] {
                stats.insert(name.to_owned(), value.parse().unwrap_or(0));
            }
        }
        let status = self.child.wait()?;
        if status.success() {
            return Ok(stats);
        }
        Err(Fail::new(format!("the server failed ({status})")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when the server has ended, and there is nobody to tell.
        _ = self.child.kill();
        _ = self.child.wait();
        _ = fs::remove_dir_all(&self.directory);
    }
}
