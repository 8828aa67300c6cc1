//! Errors of building and of reaching a runtime.

use std::{error::Error, fmt, io};

/// Why a runtime could not be built.
#[derive(Debug)]
pub struct BuildError {
    kind: BuildErrorKind,
}

/// The causes of a [`BuildError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildErrorKind {
    /// A runtime needs at least one shard.
    ZeroShards,
    /// The driver could not be set up.
    Driver(Box<dyn Error + Send + Sync>),
    /// A thread could not be started.
    Thread(io::Error),
    /// A setting makes no sense; the text says which and what to write instead.
    Config(String),
    /// The runtime was shut down before the main future was done.
    ShutDown,
}

impl BuildError {
    /// An error of the given kind.
    pub fn new(kind: BuildErrorKind) -> Self {
        Self { kind }
    }

    /// A driver that could not be set up.
    pub fn driver(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(BuildErrorKind::Driver(cause.into()))
    }

    /// A setting that makes no sense.
    pub fn config(what: impl Into<String>) -> Self {
        Self::new(BuildErrorKind::Config(what.into()))
    }

    /// The cause.
    pub fn kind(&self) -> &BuildErrorKind {
        &self.kind
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            BuildErrorKind::ZeroShards => f.write_str(
                "a runtime needs at least one shard: call Builder::shards(1) or more, \
                 or leave it out for one shard per available CPU",
            ),
            BuildErrorKind::Driver(cause) => write!(f, "the driver could not be set up: {cause}"),
            BuildErrorKind::Thread(cause) => write!(
                f,
                "a shard's thread could not be started: {cause}; \
                 check RLIMIT_NPROC and the cgroup's pids.max, or ask for fewer shards"
            ),
            BuildErrorKind::Config(what) => f.write_str(what),
            BuildErrorKind::ShutDown => {
                f.write_str("the runtime was shut down before its main future was done")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            BuildErrorKind::Driver(cause) => Some(&**cause),
            BuildErrorKind::Thread(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<io::Error> for BuildError {
    fn from(cause: io::Error) -> Self {
        Self::driver(cause)
    }
}

impl From<BuildError> for io::Error {
    fn from(error: BuildError) -> Self {
        let kind = match &error.kind {
            BuildErrorKind::ZeroShards | BuildErrorKind::Config(_) => io::ErrorKind::InvalidInput,
            BuildErrorKind::Thread(cause) => cause.kind(),
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

/// No runtime is current on this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRuntime;

impl fmt::Display for NoRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "no ringmesh runtime is current on this thread: call this inside one \
             (Builder::run, Runtime::block_on, #[ringmesh::main]), enter a Handle, \
             or make a runtime the process default with Runtime::install",
        )
    }
}

impl Error for NoRuntime {}

/// The runtime, or the shard, has shut down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runtime has shut down")
    }
}

impl Error for Closed {}
