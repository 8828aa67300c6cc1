//! Why a task gave no output.

use std::{any::Any, error::Error, fmt, panic};

use parking_lot::Mutex;
use ringmesh_msg::NoSuchShard;

use super::Id;
use crate::shield::Payload;

/// Why a task gave no output.
pub struct JoinError {
    id: Id,
    cause: Cause,
}

/// Boxed where it is large: each task's cell has room for one.
pub(crate) enum Cause {
    /// In a lock only to be `Sync`: a payload is `Send` and no more.
    Panic(Box<Mutex<Payload>>),
    Cancelled,
    RuntimeGone,
    NoSuchShard(Box<NoSuchShard>),
}

impl Cause {
    #[cold]
    pub(crate) fn panic(payload: Payload) -> Self {
        Self::Panic(Box::new(Mutex::new(payload)))
    }
}

impl JoinError {
    pub(crate) fn new(id: Id, cause: Cause) -> Self {
        Self { id, cause }
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The task panicked: in its future's poll or destructor.
    pub fn is_panic(&self) -> bool {
        matches!(self.cause, Cause::Panic(_))
    }

    /// The task was aborted.
    pub fn is_cancelled(&self) -> bool {
        matches!(self.cause, Cause::Cancelled)
    }

    /// The runtime shut down before the task was done.
    pub fn is_runtime_gone(&self) -> bool {
        matches!(self.cause, Cause::RuntimeGone)
    }

    /// The task was to run on a shard that does not exist, and never ran.
    pub fn is_no_such_shard(&self) -> bool {
        matches!(self.cause, Cause::NoSuchShard(_))
    }

    /// The panic's payload.
    ///
    /// # Errors
    /// Gives the error back when it is no panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, Self> {
        match self.cause {
            Cause::Panic(payload) => Ok(payload.into_inner()),
            cause => Err(Self { id: self.id, cause }),
        }
    }

    /// The panic's payload.
    ///
    /// # Panics
    /// If the task did not panic; ask [`is_panic`](Self::is_panic) first.
    #[track_caller]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic on a task that did not panic: {error}"),
        }
    }

    /// Goes on with the panic if the task panicked, else gives the error back.
    #[must_use]
    pub fn resume_panic(self) -> Self {
        match self.try_into_panic() {
            Ok(payload) => panic::resume_unwind(payload),
            Err(error) => error,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Panic(payload) => match message(&**payload.lock()) {
                Some(text) => write!(f, "{:?} panicked: {text}", self.id),
                None => write!(f, "{:?} panicked", self.id),
            },
            Cause::Cancelled => write!(f, "{:?} was cancelled", self.id),
            Cause::RuntimeGone => {
                write!(f, "{:?} was dropped because its runtime shut down", self.id)
            }
            Cause::NoSuchShard(error) => write!(f, "{:?} could not be placed: {error}", self.id),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl Error for JoinError {}

impl From<JoinError> for std::io::Error {
    fn from(error: JoinError) -> Self {
        std::io::Error::other(error)
    }
}

fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
