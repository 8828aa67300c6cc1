//! All shards' mailboxes, by number.

use std::sync::Arc;

use crate::{Endpoint, Host, Keeper, MeshError, NoSuchShard, RemoteShard, ShardId, Stats};

/// How the mailboxes of a mesh are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeshOptions {
    /// Messages that one mailbox can hold; any number from 1. Default 1024.
    pub capacity: usize,
}

impl Default for MeshOptions {
    fn default() -> Self {
        MeshOptions { capacity: 1024 }
    }
}

/// A way to every shard's mailbox. Clones are cheap and mean the same mesh.
#[derive(Clone, Debug)]
pub struct Mesh {
    shards: Arc<[()]>,
}

impl Mesh {
    /// A mesh of `shards` mailboxes, and the end of each that receives.
    ///
    /// Receivers are woken by their own wakers, or block their thread; see [`hosted`](Mesh::hosted) for
    /// shards whose loop looks after the mailbox.
    pub fn new(shards: usize, options: MeshOptions) -> Result<(Mesh, Vec<Endpoint>), MeshError> {
        let _ = (shards, options);
        unimplemented!()
    }

    /// A mesh with one shard for each host. A sender tells the host (handshake, and bell if it is
    /// parked); the host's loop looks at its [`Keeper`] and wakes the receiver.
    pub fn hosted(
        hosts: Vec<Host>,
        options: MeshOptions,
    ) -> Result<(Mesh, Vec<(Endpoint, Keeper)>), MeshError> {
        let _ = (hosts, options);
        unimplemented!()
    }

    /// How many shards there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a mesh is never empty")]
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// The way to one shard, for a sender that is no shard itself.
    pub fn shard(&self, id: ShardId) -> Result<RemoteShard, NoSuchShard> {
        let _ = id;
        unimplemented!()
    }

    /// What the mailbox of a shard has counted.
    pub fn stats(&self, id: ShardId) -> Result<Stats, NoSuchShard> {
        let _ = id;
        unimplemented!()
    }
}
