//! The shortest way through the lane.

#[path = "support/ops.rs"]
mod support;

use ringmesh_op::ops::Nop;
use support::{counted, on_shard, op, quiesce};

#[test]
fn a_nop_goes_to_the_kernel_and_comes_back() {
    on_shard(async {
        for _ in 0..100 {
            op(Nop::new()).await.unwrap();
        }
        quiesce().await;
        assert_eq!(counted().unknown_cqes, 0);
    });
}
