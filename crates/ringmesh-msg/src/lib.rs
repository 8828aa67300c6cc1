//! Transport between shards: bounded mailboxes in shared memory, and a doorbell for parked targets.
//!
//! A *shard* is one thread with its own work: here it is anything that owns an [`Endpoint`]. Shards talk by
//! putting messages into each other's *mailbox*, a bounded queue in shared memory; nothing goes through the
//! kernel unless the target sleeps, and then only a *doorbell* without a payload. This crate knows neither
//! rings nor tasks, so it also serves plain threads.
//!
//! ```
//! use ringmesh_msg::{Mesh, MeshOptions, ShardId};
//!
//! let (mesh, mut endpoints) = Mesh::new(2, MeshOptions::default())?;
//! let mut one = endpoints.remove(1);
//!
//! let worker = std::thread::spawn(move || {
//!     // Spins a little, then parks the thread.
//!     let message = one.recv_blocking(None).unwrap();
//!     message.downcast::<String>().unwrap()
//! });
//!
//! let to_one = mesh.shard(ShardId::new(1))?;
//! to_one.try_send("over there".to_owned()).unwrap();
//! assert_eq!(worker.join().unwrap(), "over there");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Sending
//!
//! [`RemoteShard`] is the way to one shard. All of its sends are eager: if there is room, the message is in
//! the target's mailbox when the call returns.
//!
//! | call | no room | allocates |
//! |---|---|---|
//! | [`try_send_raw`](RemoteShard::try_send_raw) | [`SendError::Full`] with the message | never |
//! | [`try_send`](RemoteShard::try_send) | [`SendError::Full`] with the message | a box |
//! | [`send_raw`](RemoteShard::send_raw) | the [`Ticket`] resolves when it is in | if it waits |
//! | [`send`](RemoteShard::send) | the [`Ticket`] resolves when it is in | a box |
//! | [`send_many`](RemoteShard::send_many) | waits; one wake for 32 messages | as above |
//!
//! A [`Raw`] message is a tag and a value, 48 bits, and travels inline. Anything else that is [`Message`]
//! travels in a box. [`flush`](RemoteShard::flush) resolves when all that was sent before is in.
//!
//! What is promised:
//!
//! - Nothing is lost: a message is received, or given back by an error, or dropped with the endpoint that
//!   did not read it, or taken back by dropping its ticket before it was in.
//! - What one sender sends arrives in its order. Senders that wait for room are served in the order in which
//!   they came, and nobody overtakes them.
//! - No wake is lost while the target lives; a wake or a bell for nothing is harmless.
//! - Wakers and bells, which are foreign code, are called without a lock held, and a panic in one stays
//!   there.
//!
//! # Receiving
//!
//! [`Endpoint::next_message`] in a task, [`Endpoint::recv_blocking`] on a plain thread. A scheduler that
//! runs its own loop uses [`Mesh::hosted`]: its [`Keeper`] is looked at each turn, costs a sender to a
//! running shard nothing at all, and a sender to a parked shard one bell.
//!
//! # The parts
//!
//! They can be used alone: [`ParkState`], the handshake between a thread that parks and those who bring it
//! work, with [`Bell`]; [`Inbox`], an unbounded queue for wakes; [`Mailbox`], the bounded queue.
//! The handshake and the mailbox are checked by loom models over these very types
//! (`tests/loom_doorbell.rs`, `tests/loom_mailbox.rs`).

#![deny(unsafe_code)]

pub mod inbox;
pub mod mailbox;
pub mod park;

mod bell;
mod endpoint;
mod error;
mod keeper;
mod mesh;
mod message;
mod remote;
mod shard_id;
mod shim;
mod stats;
mod ticket;
#[expect(unsafe_code, reason = "a state word says who may touch the waker")]
mod waker_cell;

pub use bell::Bell;
pub use endpoint::{Endpoint, NextMessage};
pub use error::{MeshError, NoSuchShard, RecvError, SendError};
pub use inbox::Inbox;
pub use keeper::{Host, Keeper};
pub use mailbox::Mailbox;
pub use mesh::{Mesh, MeshOptions};
pub use message::{Body, Message, Raw, Received};
pub use park::{Notify, ParkState};
pub use remote::RemoteShard;
pub use shard_id::ShardId;
pub use stats::Stats;
pub use ticket::{Flush, Ticket};
