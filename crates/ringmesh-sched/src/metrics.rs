//! Counters and recorded events.
//!
//! Every shard owns one [`Counters`], which only its thread writes: a plain load and store per
//! event, no locked instruction. [`Metrics`] is a snapshot of all of them.

mod counters;
mod recorder;

pub use counters::{Counter, Counters, Metrics, ShardMetrics};
pub use recorder::{Event, EventKind, Recorder};

pub(crate) use recorder::Log;
