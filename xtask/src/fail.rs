//! The one error of this program: a sentence for the person at the terminal.

use std::{fmt, io};

/// What a command ends with.
pub(crate) type Outcome<T = ()> = Result<T, Fail>;

/// A sentence that says what went wrong and, where that is known, what to do.
#[derive(Debug)]
pub(crate) struct Fail(String);

impl Fail {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Fail(sentence.into())
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Fail {
    fn from(error: io::Error) -> Self {
        Fail(error.to_string())
    }
}

/// Adds to an error what was being done when it came.
pub(crate) trait Context<T> {
    fn context(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Fail(format!("{what}: {error}")))
    }
}
