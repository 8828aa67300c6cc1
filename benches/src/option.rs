//! Command-line options of the programs: `--name value` and `--name`.

use std::str::FromStr;

/// The value of `--name value`, or `default`; a value that cannot be read ends the program with a sentence.
pub fn value<T: FromStr>(name: &str, default: T) -> T {
    let mut words = std::env::args().skip_while(|word| word != name);
    if words.next().is_none() {
        return default;
    }
    match words.next().and_then(|text| text.parse().ok()) {
        Some(value) => value,
        None => {
            eprintln!("{name} wants a value");
            std::process::exit(2)
        }
    }
}

/// Whether `--name` was given.
pub fn flag(name: &str) -> bool {
    std::env::args().any(|word| word == name)
}
