//! All shards' mailboxes, by number.

use std::{fmt, sync::Arc};

use crate::{
    Endpoint, Host, Keeper, Mailbox, MeshError, NoSuchShard, Received, RemoteShard, ShardId, Stats,
};

/// How the mailboxes of a mesh are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeshOptions {
    /// Messages that one mailbox has room for; any number from 1. Default 1024 (picked: 32 KiB a shard).
    pub capacity: usize,
}

impl Default for MeshOptions {
    fn default() -> Self {
        MeshOptions { capacity: 1024 }
    }
}

/// A way to every shard's mailbox. Clones are cheap and mean the same mesh.
///
/// ```
/// use ringmesh_msg::{Mesh, MeshOptions, ShardId};
///
/// let (mesh, mut endpoints) = Mesh::new(2, MeshOptions::default()).unwrap();
/// let one = mesh.shard(ShardId::new(1)).unwrap();
/// one.try_send_raw(7, 42).unwrap();
///
/// let raw = endpoints[1].try_next().unwrap().raw().unwrap();
/// assert_eq!((raw.tag, raw.val), (7, 42));
///
/// let error = mesh.shard(ShardId::new(2)).unwrap_err();
/// assert_eq!(error.to_string(), "there is no shard 2: this mesh has shards 0 to 1");
/// ```
#[derive(Clone)]
pub struct Mesh {
    mailboxes: Arc<[Mailbox<Received>]>,
}

impl Mesh {
    /// A mesh of `shards` mailboxes, and the end of each that receives, in order.
    ///
    /// A receiver that sleeps is woken by its waker, or blocks its thread; for shards whose loop looks
    /// after the mailbox see [`hosted`](Mesh::hosted).
    pub fn new(shards: usize, options: MeshOptions) -> Result<(Mesh, Vec<Endpoint>), MeshError> {
        check(shards, options)?;
        let (mailboxes, receivers): (Vec<_>, Vec<_>) =
            (0..shards).map(|_| Mailbox::new(options.capacity)).unzip();
        Ok(Mesh::wire(mailboxes, receivers))
    }

    /// A mesh with one shard for each host. A sender whose message finds the receiver asleep tells the
    /// host (handshake, and bell if it is parked), and the host's loop, which looks at its [`Keeper`],
    /// wakes the receiver at home.
    pub fn hosted(
        hosts: Vec<Host>,
        options: MeshOptions,
    ) -> Result<(Mesh, Vec<(Endpoint, Keeper)>), MeshError> {
        check(hosts.len(), options)?;
        let (mailboxes, receivers): (Vec<_>, Vec<_>) = hosts
            .into_iter()
            .map(|host| Mailbox::hosted(options.capacity, host))
            .unzip();
        let keepers: Vec<_> = mailboxes.iter().cloned().map(Keeper::new).collect();
        let (mesh, endpoints) = Mesh::wire(mailboxes, receivers);
        Ok((mesh, endpoints.into_iter().zip(keepers).collect()))
    }

    fn wire(
        mailboxes: Vec<Mailbox<Received>>,
        receivers: Vec<crate::mailbox::Receiver<Received>>,
    ) -> (Mesh, Vec<Endpoint>) {
        let mesh = Mesh {
            mailboxes: mailboxes.into(),
        };
        let endpoints = receivers
            .into_iter()
            .enumerate()
            .map(|(index, receiver)| Endpoint::new(ShardId::new(index), mesh.clone(), receiver))
            .collect();
        (mesh, endpoints)
    }

    /// How many shards there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a mesh is never empty")]
    pub fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// The way to one shard, for a sender that is no shard itself: the receiver sees `from: None`.
    pub fn shard(&self, id: ShardId) -> Result<RemoteShard, NoSuchShard> {
        Ok(RemoteShard::new(id, self.mailbox(id)?.clone()))
    }

    /// What the mailbox of a shard has counted.
    pub fn stats(&self, id: ShardId) -> Result<Stats, NoSuchShard> {
        Ok(self.mailbox(id)?.stats())
    }

    /// Closes the mailbox of a shard: messages to it are given back from now on; its endpoint gets what
    /// has arrived, and then `None`.
    pub fn close(&self, id: ShardId) -> Result<(), NoSuchShard> {
        self.mailbox(id)?.close();
        Ok(())
    }

    fn mailbox(&self, id: ShardId) -> Result<&Mailbox<Received>, NoSuchShard> {
        self.mailboxes.get(id.index()).ok_or(NoSuchShard {
            asked: id,
            shards: self.len(),
        })
    }
}

fn check(shards: usize, options: MeshOptions) -> Result<(), MeshError> {
    match (shards, options.capacity) {
        (0, _) => Err(MeshError::ZeroShards),
        (_, 0) => Err(MeshError::ZeroCapacity),
        (asked, _) if asked > ShardId::COUNT_MAX => Err(MeshError::TooManyShards { asked }),
        _ => Ok(()),
    }
}

impl fmt::Debug for Mesh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mesh")
            .field("shards", &self.len())
            .finish_non_exhaustive()
    }
}
