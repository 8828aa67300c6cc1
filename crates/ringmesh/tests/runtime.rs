//! The entries, and what they say when they are used wrongly.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ringmesh::{BuildErrorKind, Builder, Handle, ShardId, fs, net::TcpListener};

#[test]
fn an_op_outside_any_runtime_says_what_to_do() {
    // Off the runtimes of other tests: they run on threads of their own and install nothing.
    let panic = catch_unwind(AssertUnwindSafe(|| {
        futures_lite::future::block_on(fs::read("Cargo.toml")).map(drop)
    }))
    .expect_err("it must not work");
    let message = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).into()));
    let message = message.expect("a panic with a message");
    assert!(message.contains("outside"), "{message}");
    assert!(
        message.contains("Handle") && message.contains("#[ringmesh::main]"),
        "{message}"
    );
    assert!(Handle::try_current().is_err());
}

#[test]
fn no_shards_is_an_error_of_build_and_of_run() {
    assert!(matches!(
        Builder::new().shards(0).build().unwrap_err().kind(),
        BuildErrorKind::ZeroShards
    ));
    let error = Builder::new().shards(0).run(async {}).unwrap_err();
    assert!(error.to_string().contains("shard"), "{error}");
    let error = io::Error::from(error);
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn ring_entries_need_be_no_power_of_two_but_not_zero() {
    Builder::new()
        .shards(1)
        .ring_entries(100)
        .run(async {})
        .unwrap();
    assert!(
        Builder::new()
            .shards(1)
            .ring_entries(0)
            .run(async {})
            .is_err()
    );
}

#[ringmesh::test(shards = 2)]
async fn a_shard_that_does_not_exist_is_an_error() {
    let handle = Handle::current();
    assert_eq!(handle.shard_count(), 2);
    assert!(handle.shard(ShardId::new(1)).is_ok());
    let error = handle.shard(ShardId::new(7)).unwrap_err();
    assert!(error.to_string().contains('7'), "{error}");
    assert!(ringmesh::Lane::on(ShardId::new(7)).is_err());
    let joined = ringmesh::spawn_local_on(ShardId::new(7), || async {}).await;
    assert!(joined.unwrap_err().is_no_such_shard());
}

#[ringmesh::test]
async fn a_used_port_is_addr_in_use() {
    let first = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = TcpListener::bind(first.local_addr().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[ringmesh::test]
async fn a_path_with_a_nul_is_invalid_input() {
    assert_eq!(
        fs::read("a\0b").await.unwrap_err().kind(),
        io::ErrorKind::InvalidInput
    );
}

#[test]
fn a_runtime_on_threads_of_its_own_serves_the_caller() {
    let runtime = Builder::new().shards(2).build().unwrap();
    let n = runtime.block_on(async { ringmesh::spawn(async { 6 * 7 }).await.unwrap() });
    assert_eq!(n, 42);
    let report = runtime.shutdown(std::time::Duration::from_secs(30));
    assert_eq!(report.leaked_ops, 0);
}

#[test]
fn capabilities_can_be_read() {
    let capabilities = ringmesh::capabilities();
    assert!(capabilities.usable());
    assert!(!capabilities.to_string().is_empty());
}
