//! Messages between shards, in the scheduler's wiring.

#[path = "support/tools.rs"]
mod tools;

use ringmesh_sched::{Handle, Idle, shard as here, spawn_local_on};
use tools::{builder, guarded, shard};

#[test]
fn an_inbox_is_taken_once_and_hears_from_shards_and_from_outside() {
    guarded(|| {
        for idle in [Idle::Adaptive, Idle::AlwaysPark] {
            let runtime = builder(2).idle(idle).build().unwrap();
            let handle = runtime.handle().clone();
            let listener = handle.spawn_local_on(shard(1), || async {
                let mut inbox = here::inbox().unwrap();
                assert!(here::inbox().is_none());
                let mut senders = Vec::new();
                for _ in 0..200 {
                    senders.push(inbox.next_message().await.unwrap().from);
                }
                senders
            });
            let from_shard = handle.spawn_local_on(shard(0), || async {
                let there = Handle::current().shard(shard(1)).unwrap();
                for n in 0..100 {
                    there.send_raw(1, n).await.unwrap();
                }
            });
            let there = handle.shard(shard(1)).unwrap();
            for n in 0..100 {
                runtime.block_on(there.send_raw(2, n)).unwrap();
            }
            runtime.block_on(from_shard).unwrap();
            let senders = runtime.block_on(listener).unwrap();
            assert_eq!(
                senders
                    .iter()
                    .filter(|from| **from == Some(shard(0)))
                    .count(),
                100
            );
            assert_eq!(senders.iter().filter(|from| from.is_none()).count(), 100);
            // After the end a message comes back.
            drop(runtime);
            assert!(there.try_send_raw(1, 1).unwrap_err().is_closed());
        }
    });
}

#[test]
fn a_ping_pong_between_pinned_shards_loses_nothing() {
    guarded(|| {
        const ROUNDS: u32 = 5_000;
        builder(2)
            .run(async {
                let echo = spawn_local_on(shard(1), || async {
                    let mut inbox = here::inbox().unwrap();
                    let back = Handle::current().shard(shard(0)).unwrap();
                    for n in 0..ROUNDS {
                        inbox.next_message().await.unwrap();
                        back.send_raw(0, n).await.unwrap();
                    }
                });
                let mut inbox = here::inbox().unwrap();
                let there = Handle::current().shard(shard(1)).unwrap();
                for n in 0..ROUNDS {
                    there.send_raw(0, n).await.unwrap();
                    inbox.next_message().await.unwrap();
                }
                echo.await.unwrap();
            })
            .unwrap();
    });
}
