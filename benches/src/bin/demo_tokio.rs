//! The demo's site on tokio, for comparison: the same routes, files and work, as many worker threads as we have shards.
//!
//! It takes the arguments of `demo_server` and speaks its protocol. Both ends of every exchange run on workers, and hyper
//! gets a timer, as it does on ringmesh.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use ringmesh_bench::site::{self, Host, Site};
use ringmesh_bench::{cpu, option};
use tokio::net::TcpListener;

/// What the site asks of tokio.
#[derive(Debug, Clone, Copy)]
struct Tokio;

impl Host for Tokio {
    async fn read(&self, path: PathBuf) -> io::Result<Vec<u8>> {
        tokio::fs::read(path).await
    }

    async fn compute(&self, work: impl FnOnce() -> u64 + Send + 'static) -> io::Result<u64> {
        tokio::spawn(async move { work() })
            .await
            .map_err(io::Error::other)
    }
}

fn main() -> io::Result<()> {
    let directory: PathBuf = option::value("--directory", std::env::temp_dir().join("demo"));
    site::fill(&directory)?;
    let site = Site::new(Tokio, &directory).corrupt(option::value("--break", 0));
    let workers = match option::value("--shards", 0) {
        0 => ringmesh_sys::cpu::parallelism(),
        workers => workers,
    };
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(workers).enable_all();
    if option::flag("--pinned") {
        let next = AtomicUsize::new(0);
        // Threads of the blocking pool start later than the workers and are not pinned.
        builder.on_thread_start(move || {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index < workers {
                cpu::pin(index);
            }
        });
    }
    let before = cpu::time();
    builder.build()?.block_on(run(site.clone()))?;
    let spent = cpu::time() - before;
    println!("stat served {}", site.served());
    println!("stat cpu_ns {}", spent.as_nanos());
    println!("stat shards {workers}");
    Ok(())
}

async fn run(site: Site<Tokio>) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening {}", listener.local_addr()?);
    let server = tokio::spawn(serve(listener, site));
    let stdin = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
    stdin.await.map_err(io::Error::other)??;
    server.abort();
    Ok(())
}

async fn serve(listener: TcpListener, site: Site<Tokio>) -> io::Result<()> {
    loop {
        let (stream, peer) = listener.accept().await?;
        let site = site.clone();
        tokio::spawn(async move {
            _ = stream.set_nodelay(true);
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), site)
                .await;
            match served {
                Err(error) if !error.is_incomplete_message() => eprintln!("{peer}: {error}"),
                _ => {}
            }
        });
    }
}
