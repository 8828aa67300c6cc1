//! Two plain threads talk through `ringmesh-msg`, without a scheduler or a ring.
//!
//! One asks, the other answers: raw messages for a ping-pong that is timed, a typed message for the job at
//! the end. Both block: they spin a little, yield a little, then park.
//!
//! Run it with `cargo run --release -p ringmesh-msg --example two_threads [rounds]`.

use std::{env, error::Error, thread, time::Instant};

use ringmesh_msg::{Endpoint, Mesh, MeshOptions, Message, ShardId};

const PING: u16 = 1;
const PONG: u16 = 2;

const ASKER: ShardId = ShardId::new(0);
const ANSWERER: ShardId = ShardId::new(1);

/// A message with a type: it travels in a box.
struct Job {
    words: Vec<String>,
}
impl Message for Job {}

fn main() -> Result<(), Box<dyn Error>> {
    let rounds = match env::args().nth(1) {
        Some(rounds) => rounds.parse()?,
        None => 100_000,
    };
    let (mesh, mut endpoints) = Mesh::new(2, MeshOptions::default())?;
    let answerer = endpoints.remove(ANSWERER.index());
    let mut asker = endpoints.remove(ASKER.index());

    let answerer = thread::spawn(move || answer(answerer));

    let to_answerer = asker.shard(ANSWERER)?;
    let started = Instant::now();
    for round in 0..rounds {
        // Never full: there is one message on its way at a time.
        to_answerer.try_send_raw(PING, round)?;
        let pong = asker.recv_blocking(None)?.raw().ok_or("not a pong")?;
        assert_eq!((pong.tag, pong.val), (PONG, round));
    }
    let took = started.elapsed();

    let words = ["over", "to", "you"].map(str::to_owned).to_vec();
    to_answerer.try_send(Job { words })?;
    let reply = asker.recv_blocking(None)?;
    let from = reply.from;
    let sentence = reply.downcast::<String>().map_err(|_| "not a sentence")?;
    println!("shard {} says: {sentence}", from.ok_or("from nobody")?);

    // Closed and empty, the answerer's mailbox ends its loop.
    mesh.close(ANSWERER)?;
    answerer.join().map_err(|_| "the answerer panicked")?;

    println!(
        "{rounds} round trips, {} ns each",
        took.as_nanos() / u128::from(rounds.max(1))
    );
    println!("asker: {:?}", mesh.stats(ASKER)?);
    println!("answerer: {:?}", mesh.stats(ANSWERER)?);
    Ok(())
}

fn answer(mut endpoint: Endpoint) {
    let to_asker = endpoint.shard(ASKER).expect("the mesh has two shards");
    while let Ok(message) = endpoint.recv_blocking(None) {
        match message.raw() {
            Some(ping) => to_asker
                .try_send_raw(PONG, ping.val)
                .expect("one at a time"),
            None => {
                let job = message
                    .downcast::<Job>()
                    .expect("all typed messages are jobs");
                to_asker
                    .try_send(job.words.join(" "))
                    .expect("one at a time");
            }
        }
    }
}
