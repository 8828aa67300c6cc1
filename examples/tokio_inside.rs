//! ringmesh inside tokio: a multi-threaded tokio program whose tasks await ringmesh's files and sockets.
//!
//! [`Runtime::install`](ringmesh::Runtime::install) makes a mesh the process's default. An op that is polled on a thread which is no
//! shard goes to the least loaded shard, and its completion wakes the tokio task: on any worker, with nothing to pass around.

use std::collections::HashSet;
use std::io;
use std::thread;

use ringmesh::net::{TcpListener, TcpStream};

/// Tasks, more than there are workers.
const TASKS: usize = 64;

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> io::Result<()> {
    let mesh = ringmesh::Builder::new().shards(2).build()?;
    mesh.install();

    let directory =
        std::env::temp_dir().join(format!("ringmesh-tokio-inside-{}", std::process::id()));
    ringmesh::fs::create_dir_all(&directory).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        for _ in 0..TASKS {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo(stream));
        }
        io::Result::Ok(())
    });

    let tasks = (0..TASKS).map(|index| {
        let path = directory.join(index.to_string());
        tokio::spawn(async move {
            let text = format!("task {index}");
            ringmesh::fs::write(&path, text.clone().into_bytes()).await?;
            let read = ringmesh::fs::read(&path).await?;
            // tokio's own timers go on as ever.
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            let stream = TcpStream::connect(address).await?;
            stream.write_all(read).await?;
            let (_, echoed) = stream
                .read_exact(Vec::with_capacity(text.len()), text.len())
                .await?;
            assert_eq!(echoed, text.as_bytes());
            io::Result::Ok(thread::current().id())
        })
    });
    let mut workers = HashSet::new();
    for task in tasks.collect::<Vec<_>>() {
        workers.insert(task.await.map_err(io::Error::other)??);
    }
    server.await.map_err(io::Error::other)??;
    std::fs::remove_dir_all(&directory)?;
    println!(
        "{TASKS} tasks on {} tokio workers wrote, read and echoed through the mesh",
        workers.len()
    );
    Ok(())
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let (_, bytes) = stream.read(Vec::with_capacity(1024)).await?;
    stream.write_all(bytes).await?;
    Ok(())
}
