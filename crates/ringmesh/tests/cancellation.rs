//! `CancellationToken`.

use std::time::Duration;

use futures_lite::future::poll_once;
use ringmesh::{CancellationToken, JoinSet, time};

#[ringmesh::test(shards = 2)]
async fn a_cancel_reaches_all_waiters_on_all_shards_and_descendants() {
    let token = CancellationToken::new();
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let mine = if n % 2 == 0 {
            token.clone()
        } else {
            token.child_token().child_token()
        };
        tasks.spawn(async move { mine.cancelled().await });
    }
    ringmesh::yield_now().await;
    token.cancel();
    time::timeout(Duration::from_secs(60), tasks.join_all())
        .await
        .expect("all are woken");
    assert!(
        token.child_token().is_cancelled(),
        "late children are born cancelled"
    );
}

#[test]
fn a_child_does_not_cancel_its_parent_and_a_chain_survives_dropped_links() {
    let token = CancellationToken::new();
    let child = token.child_token();
    let grandchild = child.child_token();
    drop(child);
    let sibling = token.child_token();
    sibling.cancel();
    assert!(!token.is_cancelled() && !grandchild.is_cancelled());
    token.cancel();
    assert!(grandchild.is_cancelled());
    token.cancel();
}

#[test]
fn a_dropped_wait_leaves_no_waiter_behind() {
    futures_lite::future::block_on(async {
        let token = CancellationToken::new();
        for _ in 0..1_000 {
            assert!(poll_once(token.cancelled()).await.is_none());
        }
        let mut wait = token.cancelled();
        assert!(poll_once(&mut wait).await.is_none());
        token.cancel();
        wait.await;
    });
}

#[test]
fn guards_and_bounded_futures() {
    futures_lite::future::block_on(async {
        let token = CancellationToken::new();
        assert_eq!(token.run_until_cancelled(async { 7 }).await, Some(7));
        let guard = token.clone().drop_guard();
        let token = guard.disarm();
        assert!(!token.is_cancelled());
        drop(token.clone().drop_guard());
        assert!(token.is_cancelled());
        assert_eq!(
            token
                .run_until_cancelled(std::future::pending::<()>())
                .await,
            None
        );
    });
}

#[test]
fn a_chain_may_be_long() {
    let root = CancellationToken::new();
    let mut leaf = root.clone();
    for _ in 0..200_000 {
        leaf = leaf.child_token();
    }
    root.cancel();
    assert!(leaf.is_cancelled());
    drop(leaf);

    // Not cancelled: the links are still there when the leaf goes.
    let mut leaf = CancellationToken::new();
    for _ in 0..200_000 {
        leaf = leaf.child_token();
    }
    drop(leaf);
}
