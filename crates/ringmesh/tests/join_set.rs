//! `JoinSet`: tokio's semantics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ringmesh::{JoinSet, ShardId, sync, time};

#[ringmesh::test(shards = 2)]
async fn tasks_are_joined_in_the_order_in_which_they_end() {
    let mut set = JoinSet::new();
    let mut senders = Vec::new();
    for n in 0..5 {
        let (send, receive) = sync::oneshot::channel::<()>();
        senders.push(send);
        set.spawn(async move {
            receive.await.unwrap();
            n
        });
    }
    assert!(set.try_join_next().is_none());
    for n in [3, 0, 4] {
        senders
            .remove(match n {
                3 => 3,
                0 => 0,
                _ => 2,
            })
            .send(())
            .unwrap();
        assert_eq!(set.join_next().await.unwrap().unwrap(), n);
    }
    assert_eq!(set.len(), 2);
    drop(senders);
    assert!(set.join_next().await.unwrap().unwrap_err().is_panic());
    assert!(
        set.join_next_with_id()
            .await
            .unwrap()
            .1
            .unwrap_err()
            .is_panic()
    );
    assert!(set.join_next().await.is_none());
}

#[ringmesh::test(shards = 2)]
async fn every_task_is_joined_once_however_many() {
    let mut set: JoinSet<usize> = (0..1_000)
        .map(|n| async move {
            ringmesh::yield_now().await;
            n
        })
        .collect();
    set.spawn_blocking(|| 1_000);
    set.spawn_local_on(ShardId::new(1), || async { *std::rc::Rc::new(1_001) });
    let mut all = set.join_all().await;
    all.sort_unstable();
    assert_eq!(all, (0..=1_001).collect::<Vec<_>>());
}

#[ringmesh::test]
async fn aborting_and_shutting_down() {
    let mut set = JoinSet::new();
    let abort = set.spawn(std::future::pending::<()>());
    assert!(!abort.is_finished());
    abort.abort();
    assert!(set.join_next().await.unwrap().unwrap_err().is_cancelled());
    assert!(abort.is_finished());

    set.spawn(std::future::pending());
    set.spawn(async {});
    set.shutdown().await;
    assert!(set.is_empty());
}

/// Counts the drops of futures.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[ringmesh::test]
async fn dropping_the_set_aborts_and_detaching_does_not() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (send, receive) = sync::oneshot::channel::<()>();
    let (report, reported) = sync::oneshot::channel();
    let mut set = JoinSet::new();
    set.spawn(async move {
        receive.await.unwrap();
        report.send(7).unwrap();
    });
    set.detach_all();
    let guard = Counted(dropped.clone());
    set.spawn(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    });
    drop(set);
    time::timeout(Duration::from_secs(60), async {
        while dropped.load(Ordering::Relaxed) == 0 {
            ringmesh::yield_now().await;
        }
    })
    .await
    .expect("the task is aborted");
    send.send(()).unwrap();
    assert_eq!(reported.await.unwrap(), 7, "the detached task lives");
}

#[ringmesh::test]
async fn a_dropped_join_loses_no_output() {
    let mut set = JoinSet::new();
    let (send, receive) = sync::oneshot::channel::<()>();
    set.spawn(async move {
        receive.await.unwrap();
        "output"
    });
    assert!(
        futures_lite::future::poll_once(set.join_next())
            .await
            .is_none()
    );
    send.send(()).unwrap();
    assert_eq!(set.join_next().await.unwrap().unwrap(), "output");
}
