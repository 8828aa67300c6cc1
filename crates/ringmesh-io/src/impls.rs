//! The traits for the files and sockets of the crates below.

#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "net")]
mod net;
