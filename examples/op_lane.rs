//! The op lane alone: one open, one write, one read, one time limit, each an SQE and a CQE.
//!
//! `cargo run --example op_lane`

use std::{io, time::Duration};

use ringmesh_op::{
    FdKind, Lane, Op, SharedFd,
    ops::{Close, OpenAt, PollAdd, Read, UnlinkAt, Write},
    run,
};

fn main() -> io::Result<()> {
    let path = std::env::temp_dir().join(format!("ringmesh-op-lane-{}", std::process::id()));
    run(async {
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        let file = SharedFd::with_kind(
            Op::new(OpenAt::new(&path, flags, 0o600)?).await?,
            FdKind::File,
        );

        // The lane says whose ring takes an op; the future may be polled and dropped anywhere.
        let lane = Lane::current();
        let (n, buf) = lane
            .submit(Write::new(&file, b"from the lane".to_vec(), 0))
            .await?;
        println!("wrote {n} bytes on shard {}", lane.shard());
        let (_, buf) = lane.submit(Read::new(&file, buf, 5)).await?;
        println!("read back: {}", String::from_utf8_lossy(&buf));

        // A limit never turns a success into an error; an op that it stops is cancelled in the kernel.
        let (silent, _peer) = std::os::unix::net::UnixStream::pair()?;
        let silent = SharedFd::new(silent.into());
        let waited =
            Op::new(PollAdd::new(&silent, libc::POLLIN as u32)).timeout(Duration::from_millis(10));
        println!("a peer that says nothing: {}", waited.await.unwrap_err());

        if let Ok(fd) = file.try_into_owned() {
            Op::new(Close::new(fd)).await?;
        }
        Op::new(UnlinkAt::new(&path)?).await
    })
    .map_err(io::Error::other)?
}
