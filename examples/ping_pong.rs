//! Two shards talk: typed messages from mailbox to mailbox, without a lock and, while both are awake, without a syscall.

use std::time::Instant;

use ringmesh::msg::Message;
use ringmesh::{Builder, Handle, Placement, ShardId, shard};

/// How many times the ball goes there and back.
const ROUNDS: u32 = 10_000;

/// What flies.
struct Ball {
    round: u32,
}

impl Message for Ball {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Builder::new().shards(2).run(play())?;
    Ok(())
}

/// Runs on shard 0, as the calling thread is.
async fn play() {
    let mesh = Handle::current();
    let (here, there) = (ShardId::new(0), ShardId::new(1));
    let player = ringmesh::spawn_with(Placement::Pinned(there), async move {
        let back = Handle::current().shard(here).expect("shard 0");
        let mut inbox = shard::inbox().expect("nobody took the inbox of shard 1");
        let mut hits = 0;
        while hits < ROUNDS {
            let message = inbox.next_message().await.expect("the mesh lives");
            let ball = message.downcast::<Ball>().expect("only balls fly here");
            hits += 1;
            back.send(ball).await.expect("shard 0 lives");
        }
        hits
    });

    let court = mesh.shard(there).expect("shard 1");
    let mut inbox = shard::inbox().expect("nobody took the inbox of shard 0");
    let start = Instant::now();
    for round in 0..ROUNDS {
        court.send(Ball { round }).await.expect("shard 1 lives");
        let message = inbox.next_message().await.expect("the mesh lives");
        let ball = message.downcast::<Ball>().expect("only balls fly here");
        assert_eq!(ball.round, round);
    }
    let each = start.elapsed() / ROUNDS;
    let hits = player.await.expect("a task that does not panic");
    let doorbells = mesh.metrics().total().doorbells;
    println!("{hits} rounds, {each:?} each, {doorbells} doorbells");
}
