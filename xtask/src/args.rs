//! Flags and words of one command line. What nobody asked for is an error, so that a misspelt flag never passes.

use std::str::FromStr;

use crate::fail::{Fail, Outcome};

/// The words after the command's name, taken out one by one.
#[derive(Debug)]
pub(crate) struct Args {
    command: &'static str,
    about: &'static str,
    words: Vec<String>,
}

impl Args {
    pub(crate) fn new(
        command: &'static str,
        about: &'static str,
        words: impl Iterator<Item = String>,
    ) -> Self {
        Args {
            command,
            about,
            words: words.collect(),
        }
    }

    /// Whether `--name` was given.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// The value of `--name value` or `--name=value`.
    pub(crate) fn value<T: FromStr>(&mut self, name: &str) -> Outcome<Option<T>> {
        let Some(at) = self.words.iter().position(|word| {
            word.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        }) else {
            return Ok(None);
        };
        let word = self.words.remove(at);
        let text = match word.split_once('=') {
            Some((_, value)) => value.to_owned(),
            None if at < self.words.len() => self.words.remove(at),
            None => return Err(Fail::new(format!("{name} wants a value"))),
        };
        match text.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Fail::new(format!("{name}: cannot read `{text}`"))),
        }
    }

    /// The next word that is no flag.
    pub(crate) fn word(&mut self) -> Option<String> {
        let at = self.words.iter().position(|word| !word.starts_with('-'))?;
        Some(self.words.remove(at))
    }

    /// All words that are left, as they stand.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }

    /// Ends the reading: an error if something is left over.
    pub(crate) fn finish(self) -> Outcome {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(Fail::new(format!(
                "does not know `{word}`\n  {}: {}",
                self.command, self.about
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Args {
        Args::new("test", "a test", line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_come_after_a_space_or_an_equals_sign() {
        let mut given = args("--seconds 5 --connections=32 --wrk");
        assert_eq!(given.value::<u32>("--seconds").unwrap(), Some(5));
        assert_eq!(given.value::<u32>("--connections").unwrap(), Some(32));
        assert!(given.flag("--wrk"));
        given.finish().unwrap();
    }

    #[test]
    fn a_value_that_is_missing_or_no_number_is_an_error() {
        assert!(args("--seconds").value::<u32>("--seconds").is_err());
        assert!(args("--seconds soon").value::<u32>("--seconds").is_err());
    }

    #[test]
    fn what_nobody_asked_for_is_an_error() {
        assert!(args("--secnods 5").finish().is_err());
    }
}
