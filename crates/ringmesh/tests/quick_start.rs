//! The program of the README, with an end: what `save` is given arrives in the file.

use std::{io, net::SocketAddr};

use ringmesh::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
};

async fn save(stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    let (_, buf) = stream.read(Vec::with_capacity(64 * 1024)).await?; // len == what came
    let file = File::create(format!("in/{}", peer.port())).await?;
    file.write_all_at(buf, 0).await?;
    file.sync_all().await
}

#[ringmesh::test(shards = 2)]
async fn connections_are_saved_to_files() -> io::Result<()> {
    let directory = tempfile::tempdir()?;
    std::env::set_current_dir(directory.path())?;

    fs::create_dir_all("in").await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = ringmesh::spawn(async move {
        let mut incoming = listener.incoming();
        let mut saved = Vec::new();
        while saved.len() < 10 {
            let Some((stream, peer)) = incoming.next().await? else {
                break;
            };
            let task = ringmesh::spawn(async move {
                if let Err(e) = save(stream, peer).await {
                    panic!("{peer}: {e}")
                }
            });
            saved.push((peer, task));
        }
        let mut peers = Vec::new();
        for (peer, task) in saved {
            task.await?;
            peers.push(peer);
        }
        io::Result::Ok(peers)
    });

    let mut clients = Vec::new();
    for n in 0..10_u8 {
        let stream = TcpStream::connect(address).await?;
        stream.write_all(vec![n; 1_000]).await?;
        clients.push((stream.local_addr()?, n, stream));
    }
    let peers = server.await??;
    assert_eq!(peers.len(), 10);
    for (here, n, _stream) in clients {
        assert!(peers.contains(&here));
        assert_eq!(
            fs::read(format!("in/{}", here.port())).await?,
            vec![n; 1_000]
        );
    }
    Ok(())
}
