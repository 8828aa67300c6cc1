//! An HTTP/1.1 server: hyper on the mesh, with static files, JSON documents, and CPU work that other shards may take.
//!
//! ```text
//! cargo run --release --example http_server [127.0.0.1:8080 [directory]]
//! curl http://127.0.0.1:8080/json/7
//! ```
//!
//! Without a directory it fills one of its own with generated files. It serves until Ctrl-C.

pub mod payload;
pub mod serve;
pub mod site;

use std::io;
use std::path::PathBuf;

use ringmesh::net::TcpListener;

use serve::Mesh;
use site::Site;

#[ringmesh::main]
async fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let directory = match words.next() {
        Some(directory) => PathBuf::from(directory),
        None => generated()?,
    };
    let listener = TcpListener::bind(&*address).await?;
    let site = Site::new(Mesh, &directory);
    println!(
        "http://{}/ over {}",
        listener.local_addr()?,
        directory.display()
    );
    let server = ringmesh::spawn(serve::serve(listener, site.clone()));
    ringmesh::signal::ctrl_c().await?;
    server.abort();
    println!("{} requests served", site.served());
    Ok(())
}

/// A directory of generated files.
fn generated() -> io::Result<PathBuf> {
    let directory = std::env::temp_dir().join("ringmesh-http-server");
    site::fill(&directory)?;
    Ok(directory)
}
