//! The expansions compile and run, against a runtime that has just what they name. The real one is tested
//! in the `ringmesh` crate.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicUsize, Ordering};

/// What the attributes need of the `ringmesh` crate.
mod runtime {
    use std::{
        cell::RefCell,
        fmt,
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    thread_local!(static LAST: RefCell<Option<Builder>> = const { RefCell::new(None) });

    #[derive(Clone, Debug, Default, PartialEq)]
    pub(super) struct Builder {
        pub(super) shards: Option<usize>,
        pub(super) name: Option<String>,
        pub(super) driver: Option<DriverKind>,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(super) enum DriverKind {
        Auto,
        Uring,
    }

    #[derive(Debug)]
    pub(super) struct BuildError;

    impl fmt::Display for BuildError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no io_uring here; allow it")
        }
    }

    pub(super) struct Handle;

    impl Handle {
        pub(super) fn current() -> Handle {
            assert!(builder().is_some(), "asked for outside the runtime");
            Handle
        }
    }

    impl Builder {
        pub(super) fn new() -> Self {
            Builder::default()
        }

        pub(super) fn shards(mut self, shards: usize) -> Self {
            self.shards = Some(shards);
            self
        }

        pub(super) fn thread_name_prefix(mut self, name: impl Into<String>) -> Self {
            self.name = Some(name.into());
            self
        }

        pub(super) fn driver(mut self, driver: DriverKind) -> Self {
            self.driver = Some(driver);
            self
        }

        pub(super) fn run<F: Future>(self, future: F) -> Result<F::Output, BuildError> {
            if self.shards == Some(usize::MAX) {
                return Err(BuildError);
            }
            LAST.set(Some(self));
            let mut future = pin!(future);
            loop {
                let poll = future
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(output) = poll {
                    return Ok(output);
                }
            }
        }
    }

    /// The builder that runs on this thread.
    pub(super) fn builder() -> Option<Builder> {
        LAST.with_borrow(Clone::clone)
    }
}

use runtime::{Builder, DriverKind, Handle};

#[ringmesh_macros::main(crate = "crate::runtime")]
async fn plain() -> Result<usize, String> {
    let one = async { 1 }.await;
    Ok(one + 1)
}

#[test]
fn main_returns_what_the_function_returns() {
    assert_eq!(plain(), Ok(2));
    assert_eq!(runtime::builder(), Some(Builder::new()), "nothing was set");
}

const SHARDS: usize = 2;

#[ringmesh_macros::main(crate = runtime, shards = SHARDS + 1, name = "probe", driver = "auto")]
pub(crate) async fn with_all_options() {}

#[test]
fn options_reach_the_builder() {
    with_all_options();
    let built = Builder {
        shards: Some(3),
        name: Some("probe".into()),
        driver: Some(DriverKind::Auto),
    };
    assert_eq!(runtime::builder(), Some(built));
}

#[ringmesh_macros::main(crate = runtime, driver = "uring")]
async fn with_a_handle(_handle: Handle) -> impl Sized {
    runtime::builder().and_then(|builder| builder.driver)
}

#[test]
fn the_handle_is_asked_for_inside_the_runtime() {
    let _ = with_a_handle();
}

#[ringmesh_macros::main(crate = runtime, shards = usize::MAX)]
async fn without_a_runtime() {}

/// Runs itself in a child, since it ends the process.
#[test]
fn a_runtime_that_does_not_start_ends_the_program() {
    if std::env::var_os("RINGMESH_MACROS_CHILD").is_some() {
        without_a_runtime();
        unreachable!("it exits");
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_runtime_that_does_not_start_ends_the_program",
            "--nocapture",
        ])
        .env("RINGMESH_MACROS_CHILD", "1")
        .output()
        .unwrap();
    assert_eq!(child.status.code(), Some(1));
    let printed = String::from_utf8_lossy(&child.stderr);
    assert!(
        printed.contains("error: no io_uring here; allow it"),
        "{printed}"
    );
}

static RUNS: AtomicUsize = AtomicUsize::new(0);

#[ringmesh_macros::test(crate = runtime)]
async fn a_test_runs_once_on_one_shard() -> Result<(), String> {
    assert_eq!(RUNS.fetch_add(1, Ordering::Relaxed), 0);
    assert_eq!(runtime::builder().unwrap().shards, Some(1));
    Ok(())
}

#[ringmesh_macros::test(crate = runtime, shards = 2)]
#[should_panic(expected = "as it should")]
async fn a_test_may_be_meant_to_panic() {
    panic!("as it should");
}

#[ringmesh_macros::test(crate = runtime, shards = usize::MAX)]
#[should_panic(expected = "the runtime did not start: no io_uring here; allow it")]
async fn a_test_without_a_runtime_panics_with_the_cause() {}
