//! The site on ringmesh: an accept loop, a stealable task a connection, files and work through the runtime.

use std::io;
use std::path::PathBuf;

use hyper::server::conn::http1;
use ringmesh::io::{HyperTimer, PollIo};
use ringmesh::net::{TcpListener, TcpStream};

use super::site::{Host, Site};

/// What the site asks of ringmesh.
#[derive(Debug, Clone, Copy)]
pub struct Mesh;

impl Host for Mesh {
    async fn read(&self, path: PathBuf) -> io::Result<Vec<u8>> {
        ringmesh::fs::read(path).await
    }

    /// The work may run on any shard, and its end wakes the connection's task on that shard: the task goes on there, while
    /// the receive that hyper keeps armed for it stays on the ring that took it.
    async fn compute(&self, work: impl FnOnce() -> u64 + Send + 'static) -> io::Result<u64> {
        ringmesh::spawn(async move { work() })
            .await
            .map_err(io::Error::other)
    }
}

/// Serves connections until accepting fails for good.
pub async fn serve(listener: TcpListener, site: Site<Mesh>) -> io::Result<()> {
    let mut incoming = listener.incoming();
    while let Some((stream, peer)) = incoming.next().await? {
        let site = site.clone();
        ringmesh::spawn(async move {
            match connection(stream, site).await {
                // A client that leaves in the middle is its own business.
                Err(error) if !error.is_incomplete_message() => eprintln!("{peer}: {error}"),
                _ => {}
            }
        });
    }
    Ok(())
}

async fn connection(stream: TcpStream, site: Site<Mesh>) -> hyper::Result<()> {
    // Answers are written whole, so waiting to fill a segment could only delay them. A socket that refuses has failed
    // already, and the connection will say how.
    _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(HyperTimer)
        .serve_connection(PollIo::new(stream), site)
        .await
}
