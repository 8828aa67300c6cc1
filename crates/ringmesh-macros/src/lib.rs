//! `#[ringmesh::main]` and `#[ringmesh::test]`: an `async fn` that brings its runtime along.
//!
//! They are re-exported by the `ringmesh` crate; use them from there:
//!
//! ```ignore
//! #[ringmesh::main]
//! async fn main() -> std::io::Result<()> {
//!     println!("{}", ringmesh::fs::read_to_string("Cargo.toml").await?);
//!     Ok(())
//! }
//!
//! #[ringmesh::test]
//! async fn writes_what_it_reads() {
//!     // ...
//! }
//! ```
//!
//! # What they expand to
//!
//! `#[ringmesh::main(shards = 2)]` on `async fn main() -> Output { .. }` is the function below, and nothing
//! is hidden beyond it. Take `ringmesh::Builder` yourself when the options do not reach.
//!
//! ```ignore
//! fn main() -> Output {
//!     async fn main() -> Output { .. }
//!     match ::ringmesh::Builder::new().shards(2).run(main()) {
//!         Ok(output) => output,
//!         Err(error) => {
//!             eprintln!("error: {error}"); // the cause, and what to do about it
//!             std::process::exit(1)
//!         }
//!     }
//! }
//! ```
//!
//! So the calling thread becomes shard 0 and drives the function as its root task, which need not be
//! `Send`; what it spawns runs on all shards. When the function returns, the runtime shuts down.
//!
//! # Options
//!
//! | option | value | default |
//! |---|---|---|
//! | `shards` | any `usize` expression, at least 1 | `main`: one for each core the process may use; `test`: 1 |
//! | `driver` | `"uring"` (fail if there is no io_uring) or `"auto"` | `"auto"` |
//! | `name` | the prefix of the threads' names | the runtime's |
//! | `crate` | the path of the `ringmesh` crate, as a string or a path | `::ringmesh` |
//!
//! # The handle
//!
//! Both take functions without an argument, or with one, which is given the runtime's handle:
//!
//! ```ignore
//! #[ringmesh::main]
//! async fn main(handle: ringmesh::Handle) { /* .. */ }
//! ```
//!
//! # Under another name
//!
//! A crate that wraps `ringmesh` tells the attributes where to look:
//!
//! ```
//! mod runtime {
//!     // pub use ringmesh::{Builder, Handle};
//! #   pub struct Builder;
//! #   impl Builder {
//! #       pub fn new() -> Self { Builder }
//! #       pub fn run<F: Future>(self, future: F) -> Result<F::Output, std::fmt::Error> {
//! #           let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
//! #           match std::pin::pin!(future).poll(&mut cx) {
//! #               std::task::Poll::Ready(output) => Ok(output),
//! #               std::task::Poll::Pending => Err(std::fmt::Error),
//! #           }
//! #       }
//! #   }
//! }
//!
//! #[ringmesh_macros::main(crate = "crate::runtime")]
//! async fn main() {
//!     println!("on a ring");
//! }
//! ```

#![forbid(unsafe_code)]

mod entry;
mod expand;
mod options;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;

use crate::entry::Kind;

/// Runs an `async fn main` on a runtime. See the [crate docs](crate) for what it expands to, its options
/// and the optional handle argument.
///
/// If the runtime cannot start, the program prints why and what to do about it, and exits with status 1.
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::entry(Kind::Main, options.into(), item.into()).into()
}

/// Runs an `async fn` as a test, on a runtime of its own with one shard. See the [crate docs](crate) for
/// what it expands to, its options and the optional handle argument.
///
/// It adds `#[test]`; `#[ignore]` and `#[should_panic]` work as usual. If the runtime cannot start, the
/// test panics with the cause.
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    expand::entry(Kind::Test, options.into(), item.into()).into()
}
