//! Transport between shards: bounded mailboxes in shared memory and a doorbell for parked targets.

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
