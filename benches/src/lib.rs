//! What the measuring programs of ringmesh share: the demo's site and load, histograms, and interleaved rounds.

pub mod checksum;
pub mod client;
pub mod cpu;
pub mod histogram;
pub mod load;
pub mod memory;
pub mod option;
#[path = "../../examples/http_server/payload.rs"]
pub mod payload;
pub mod rounds;
pub mod runtimes;
#[path = "../../examples/http_server/serve.rs"]
pub mod serve;
#[path = "../../examples/http_server/site.rs"]
pub mod site;

/// The README's program compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
