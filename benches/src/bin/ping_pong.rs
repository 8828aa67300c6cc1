//! Messages there and back: between two shards through their mailboxes, and between two tasks through a channel.
//!
//! *Pinned shards*: a task on each of two shards; a raw message to the other one's mailbox, and one back. *Free tasks*: two
//! spawned tasks with a bounded channel each way; where they run is the runtime's business. Both are warm: a tenth of the
//! trips goes before the measurement.

use ringmesh::msg::Mailbox;
use ringmesh::sync::mpsc;
use ringmesh::{Handle, Placement as Where, ShardId, shard};
use ringmesh_bench::option;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit, Watch};
use ringmesh_bench::runtimes::{Mesh, Runtime, Tokio};

/// Tag of a message that wants an answer.
const PING: u16 = 1;
/// Tag of the last one.
const END: u16 = 2;

fn main() {
    let trips = option::value("--trips", 100_000u32);
    for placement in Placement::asked() {
        Table::new(
            "message ping-pong between two shards",
            placement,
            Unit::Nanos,
        )
        .row("ringmesh, raw messages", move || {
            Mesh::builder(2, placement)
                .run(shards(trips))
                .expect("a mesh")
        })
        .run();
        Table::new("ping-pong between two free tasks", placement, Unit::Nanos)
            .row("ringmesh, its mailboxes", move || {
                Mesh::run(2, placement, mailboxes(trips))
            })
            .row("ringmesh, tokio's channels", move || {
                Mesh::run(2, placement, tasks::<Mesh>(trips))
            })
            .row("tokio", move || {
                Tokio::run(2, placement, tasks::<Tokio>(trips))
            })
            .run();
    }
}

/// Runs on shard 0 and talks to shard 1.
async fn shards(trips: u32) -> Sample {
    let mesh = Handle::current();
    let (here, there) = (ShardId::new(0), ShardId::new(1));
    let back = mesh.shard(here).expect("shard 0");
    let peer = ringmesh::spawn_with(Where::Pinned(there), async move {
        let mut inbox = shard::inbox().expect("the inbox of shard 1");
        while let Some(message) = inbox.next_message().await {
            let raw = message.raw().expect("a raw message");
            back.send_raw(raw.tag, raw.val.wrapping_mul(3))
                .await
                .expect("shard 0 lives");
            if raw.tag == END {
                return;
            }
        }
    });
    let peer_box = mesh.shard(there).expect("shard 1");
    let mut inbox = shard::inbox().expect("the inbox of shard 0");
    let mut sum = 0u64;
    let mut watch = Watch::start();
    let warm = trips / 10;
    for trip in 0..warm + trips {
        if trip == warm {
            (watch, sum) = (Watch::start(), 0);
        }
        peer_box.send_raw(PING, trip).await.expect("shard 1 lives");
        let answer = inbox.next_message().await.expect("an answer");
        sum += u64::from(answer.raw().expect("a raw message").val);
    }
    let sample = watch.end(trips.into(), sum);
    peer_box.send_raw(END, 0).await.expect("shard 1 lives");
    peer.await.expect("a task that does not panic");
    sample
}

/// As `tasks`, through the transport that ringmesh itself offers.
async fn mailboxes(trips: u32) -> Sample {
    let (to_peer, mut peer_inbox) = Mailbox::<u64>::new(16);
    let (to_us, mut inbox) = Mailbox::<u64>::new(16);
    let peer = Mesh::spawn(async move {
        while let Some(value) = peer_inbox.recv().await {
            to_us
                .send(value.wrapping_mul(3))
                .await
                .expect("the other task lives");
        }
    });
    let mut sum = 0;
    let mut watch = Watch::start();
    let warm = trips / 10;
    for trip in 0..warm + trips {
        if trip == warm {
            (watch, sum) = (Watch::start(), 0);
        }
        to_peer
            .send(trip.into())
            .await
            .expect("the other task lives");
        sum += inbox.recv().await.expect("an answer");
    }
    let sample = watch.end(trips.into(), sum);
    to_peer.close();
    peer.await;
    sample
}

async fn tasks<R: Runtime>(trips: u32) -> Sample {
    let (to_peer, mut peer_inbox) = mpsc::channel::<u64>(16);
    let (to_us, mut inbox) = mpsc::channel::<u64>(16);
    let peer = R::spawn(async move {
        while let Some(value) = peer_inbox.recv().await {
            to_us
                .send(value.wrapping_mul(3))
                .await
                .expect("the other task lives");
        }
    });
    let mut sum = 0;
    let mut watch = Watch::start();
    let warm = trips / 10;
    for trip in 0..warm + trips {
        if trip == warm {
            (watch, sum) = (Watch::start(), 0);
        }
        to_peer
            .send(trip.into())
            .await
            .expect("the other task lives");
        sum += inbox.recv().await.expect("an answer");
    }
    let sample = watch.end(trips.into(), sum);
    drop(to_peer);
    peer.await;
    sample
}
