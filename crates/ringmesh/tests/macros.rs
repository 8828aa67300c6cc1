//! The attributes, from outside the crate.

use ringmesh::Handle;

#[ringmesh::test]
async fn one_shard_by_default() {
    assert_eq!(Handle::current().shard_count(), 1);
}

#[ringmesh::test(shards = 2)]
async fn a_handle_and_a_number_of_shards(handle: Handle) {
    assert_eq!(handle.shard_count(), 2);
}

#[ringmesh::test(driver = "uring", name = "named")]
async fn a_result_and_all_options() -> std::io::Result<()> {
    let name = ringmesh::spawn(async { std::thread::current().name().map(str::to_owned) }).await?;
    // The calling thread is shard 0, and keeps the name that the test harness gave it.
    assert!(name.is_some());
    Ok(())
}

#[ringmesh::test]
#[should_panic(expected = "as it should")]
async fn panics_reach_the_test() {
    panic!("as it should");
}

#[ringmesh::test(crate = "renamed")]
async fn under_another_name() {
    assert!(Handle::try_current().is_ok());
}

use ringmesh as renamed;

#[ringmesh::main(shards = 1)]
async fn entry() -> u32 {
    // Not `Send`, and held across an await: the root task stays on its shard.
    let local = std::rc::Rc::new(7);
    ringmesh::yield_now().await;
    *local
}

#[test]
fn main_gives_the_functions_output() {
    assert_eq!(entry(), 7);
}

/// What the attributes say about mistakes. The texts are compared as a whole.
#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
