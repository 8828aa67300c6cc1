//! The demo's server: the `http_server` example as a process that a program drives.
//!
//! `demo_server --directory D [--shards N] [--pinned | --free] [--break N]` fills the directory, prints `listening <address>`,
//! serves until its stdin ends, and then prints a line `stat <name> <value>` for each counter. `--break N` makes the N-th
//! body wrong by a bit.

use std::io::{self, Read};
use std::path::PathBuf;

use ringmesh::net::TcpListener;
use ringmesh::{Affinity, Builder, Handle};
use ringmesh_bench::serve::{self, Mesh};
use ringmesh_bench::site::{self, Site};
use ringmesh_bench::{cpu, option};

fn main() -> io::Result<()> {
    let directory: PathBuf = option::value("--directory", std::env::temp_dir().join("demo"));
    site::fill(&directory)?;
    let site = Site::new(Mesh, &directory).corrupt(option::value("--break", 0));
    let mut builder = Builder::new().affinity(match option::flag("--pinned") {
        true => Affinity::Auto,
        false => Affinity::Off,
    });
    match option::value("--shards", 0) {
        0 => {}
        shards => builder = builder.shards(shards),
    }
    builder.run(run(site))?
}

async fn run(site: Site<Mesh>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening {}", listener.local_addr()?);
    let before = cpu::time();
    let server = ringmesh::spawn(serve::serve(listener, site.clone()));
    let stdin = ringmesh::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    stdin.await.map_err(io::Error::other)??;
    server.abort();
    print(&site, cpu::time() - before);
    Ok(())
}

fn print(site: &Site<Mesh>, cpu: std::time::Duration) {
    let metrics = Handle::current().metrics();
    let total = metrics.total();
    for (name, value) in [
        ("served", site.served()),
        ("cpu_ns", u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX)),
        ("shards", metrics.shards.len() as u64),
        ("stolen", total.steals_won),
        ("stolen_inflight", total.polls_op_elsewhere),
        ("wakes_sent", total.wakes_sent),
        ("wakes_saved", total.wakes_saved),
        ("doorbells", total.doorbells),
        ("parks", total.parks),
        ("spin_ns", total.spins_ns),
        ("enters", total.enters),
        ("completions", total.completions),
        ("inline", total.inline_completions),
    ] {
        println!("stat {name} {value}");
    }
}
