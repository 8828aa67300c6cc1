//! What else hyper asks of a runtime.

mod executor;
mod timer;

pub use executor::{Executor, LocalExecutor};
pub use timer::{HyperSleep, HyperTimer};
