//! What the measuring programs of ringmesh share: the demo's site and load, histograms, and interleaved rounds.

pub mod checksum;
pub mod client;
pub mod histogram;
pub mod load;
pub mod option;
#[path = "../../examples/http_server/payload.rs"]
pub mod payload;
