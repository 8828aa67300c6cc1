//! Signals are the whole process's affair: one test in a process of its own.

use std::process::Command;
use std::time::Duration;

use ringmesh::signal::{Listener, Signal, ctrl_c, terminate};
use ringmesh::time;

/// Sends a signal to this process, from another one, as a shell would.
fn kill(signal: &str) {
    let status = Command::new("kill")
        .args(["-s", signal, &std::process::id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[ringmesh::test(shards = 2)]
async fn signals_are_heard_by_all_who_listen_and_by_nobody_else() {
    let soon = Duration::from_secs(60);
    // Listening starts with the call.
    let (first, second, term) = (ctrl_c(), ringmesh::spawn(ctrl_c()), terminate());
    kill("INT");
    time::timeout(soon, first).await.expect("heard").unwrap();
    time::timeout(soon, second)
        .await
        .expect("heard")
        .unwrap()
        .unwrap();

    let mut term = std::pin::pin!(term);
    assert!(
        futures_lite::future::poll_once(&mut term).await.is_none(),
        "another signal is not ours"
    );
    kill("TERM");
    time::timeout(soon, term).await.expect("heard").unwrap();

    // A listener keeps what came while nobody waited, and a dropped wait loses nothing.
    let mut listener = Listener::new(Signal::User1).unwrap();
    for _ in 0..3 {
        assert!(
            futures_lite::future::poll_once(listener.recv())
                .await
                .is_none()
        );
        kill("USR1");
        let n = time::timeout(soon, listener.recv())
            .await
            .expect("heard")
            .unwrap();
        assert_eq!(n, 1);
    }
    // Nobody listens any more: the signal is swallowed, and the process lives.
    drop(listener);
    kill("USR1");
}
