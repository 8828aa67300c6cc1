//! The sending direction of a stream socket.
//!
//! At most one send of a socket is in the kernel at a time, since overlapping sends are unordered. A writer
//! that comes while nothing is going on sends directly, from its own buffer; writers that come meanwhile
//! are queued, and when the send completes the queue leaves as *one* vectored send (three microseconds of
//! TCP are paid per send, not per writer).
//!
//! # One writer
//!
//! ```text
//!   Start -- enter: idle ----> Direct(op) -- op ready --> done, then drive the queue
//!     |                           |
//!     |                           | drop: adopt(op), drive      the bytes are accepted: they go out whole
//!     |                           v
//!     |                        Flight::Lone
//!     |
//!     '---- enqueue: busy --> Queued(key) -- verdict, wake --> done
//!                                 |
//!                                 | drop: detach(key)
//!                                 |    not in a submitted send: removed, nothing is sent
//!                                 v    in one: sent, nobody is told
//! ```
//!
//! # The queue
//!
//! It drives itself: it is the waker of its own sends. Whoever reaps a completion calls `drive`, which deals
//! the result out and submits what waits, so no task has to live for it and a dropped writer needs nobody.
//!
//! ```text
//!   Idle --- enter ---> Direct --- finish_direct ---> Idle
//!    | ^                   `------ adopt -----------> Flight
//!    | |
//!    | '--- nothing waits ---.
//!    |                       |
//!    '--- drive: waiting --> Driving{again} --- op pending ---> Flight --- its waker: drive ---> Driving
//!                            ^          |
//!                            '----------'  op ready: settle, next batch
//! ```
//!
//! `Driving` means that one thread polls the op without the lock. A wake that comes meanwhile sets `again`,
//! and that thread polls once more before it leaves: no wake is lost, and the op may wake from inside its
//! own poll.
//!
//! # What a result means
//!
//! - A short send completes writers in order; the rest is sent before anything newer.
//! - An error fails the writers whose bytes were in that send and did not go; each learns how far it came.
//! - If nobody waits for bytes that were accepted and then failed, the stream is torn: the next writer gets
//!   the error, later ones `BrokenPipe`, and closing resets the connection.
//!
//! # The end
//!
//! The queue holds the descriptor while it has accepted bytes, so the last handle's drop sends FIN behind
//! them. So that a peer that never reads cannot keep the descriptor for ever, TCP sockets get
//! [`GRACE`] (`TCP_USER_TIMEOUT`) to make progress then, and are reset by the kernel after it.
//!
//! Rejected: a detached task per dropped writer. A future may be dropped where nothing can be spawned, and
//! the task would need the same queue to keep its place.

mod batch;
mod line;
mod mark;
mod queue;
mod write;

use std::time::Duration;

pub(crate) use mark::Marking;
pub(crate) use queue::SendQueue;
pub(crate) use write::{Listed, Writing};

/// How long accepted bytes may make no progress after the last handle of their TCP stream was dropped.
/// Picked: Linux gives orphaned sockets of its own between 13 s and 100 s.
pub(crate) const GRACE: Duration = Duration::from_secs(30);
