//! Files by name over TCP, without HTTP: a client sends a line with a path, the server answers with the file and closes.
//!
//! `cargo run --release --example file_server [127.0.0.1:7002 [directory]]`, then `echo Cargo.toml | nc 127.0.0.1 7002`.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use ringmesh::fs::File;
use ringmesh::net::{TcpListener, TcpStream};

/// A path may be this long.
const LINE_MAX: usize = 4096;
/// Bytes of a read.
const BLOCK: usize = 64 * 1024;

#[ringmesh::main]
async fn main() -> io::Result<()> {
    let mut words = std::env::args().skip(1);
    let address = words.next().unwrap_or_else(|| "127.0.0.1:7002".to_owned());
    let root: Arc<Path> = PathBuf::from(words.next().unwrap_or_else(|| ".".to_owned())).into();
    let listener = TcpListener::bind(&*address).await?;
    println!("files of {} on {}", root.display(), listener.local_addr()?);
    let mut incoming = listener.incoming();
    while let Some((stream, peer)) = incoming.next().await? {
        let root = root.clone();
        ringmesh::spawn(async move {
            match serve(&stream, &root).await {
                Ok(bytes) => println!("{peer}: {bytes} bytes"),
                Err(error) => {
                    // The peer learns why; if it has gone, there is nobody to tell.
                    _ = stream
                        .write_all(format!("error: {error}\n").into_bytes())
                        .await;
                }
            }
        });
    }
    Ok(())
}

async fn serve(stream: &TcpStream, root: &Path) -> io::Result<u64> {
    let path = root.join(inside(&line(stream).await?)?);
    let file = File::open(path).await?;
    let mut block = Vec::with_capacity(BLOCK);
    let mut offset = 0;
    loop {
        let (n, filled) = file.read_at(block, offset).await?;
        if n == 0 {
            return Ok(offset);
        }
        offset += n as u64;
        (_, block) = stream.write_all(filled).await?;
    }
}

/// Reads up to the end of the line.
async fn line(stream: &TcpStream) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(LINE_MAX);
    while !bytes.contains(&b'\n') {
        let (n, longer) = stream.read_append(bytes).await?;
        bytes = longer;
        if n == 0 {
            break;
        }
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// A path that cannot leave the directory.
fn inside(path: &str) -> io::Result<&Path> {
    let path = Path::new(path);
    if path
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
    {
        return Ok(path);
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "only paths below the directory",
    ))
}
