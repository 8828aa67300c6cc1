//! What the load generator prints, read back.

use super::Phase;

/// One route of one load; times in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) bytes: u64,
    pub(super) p50: u64,
    pub(super) p99: u64,
    pub(super) p999: u64,
    pub(super) max: u64,
}

/// One load.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) phase: &'static Phase,
    pub(super) routes: Vec<Route>,
    pub(super) requests: u64,
    pub(super) errors: u64,
    pub(super) ns: u64,
    pub(super) checksum: String,
    /// Whether the last line came, which holds the totals.
    pub(super) whole: bool,
}

impl Load {
    pub(super) fn new(phase: &'static Phase) -> Self {
        Load {
            phase,
            routes: Vec::new(),
            requests: 0,
            errors: 0,
            ns: 0,
            checksum: String::new(),
            whole: false,
        }
    }

    /// Takes in a line.
    pub(super) fn look(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |text: &str| text.parse().unwrap_or(0);
        match words[..] {
            ["route", name, requests, bytes, p50, p99, p999, max] => self.routes.push(Route {
                name: name.to_owned(),
                requests: number(requests),
                bytes: number(bytes),
                p50: number(p50),
                p99: number(p99),
                p999: number(p999),
                max: number(max),
            }),
            ["total", requests, errors, ns, checksum] => {
                self.requests = number(requests);
                self.errors = number(errors);
                self.ns = number(ns);
                self.checksum = checksum.to_owned();
                self.whole = true;
            }
            _ => {}
        }
    }

    pub(super) fn per_second(&self) -> f64 {
        self.requests as f64 / (self.ns.max(1) as f64 / 1e9)
    }

    pub(super) fn route(&self, name: &str) -> Route {
        self.routes
            .iter()
            .find(|route| route.name == name)
            .cloned()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_generator_are_read_back() {
        let mut load = Load::new(&super::super::PHASES[0]);
        load.look("route json 10 2000 40000 90000 120000 130000");
        assert!(!load.whole);
        load.look("total 10 1 2000000000 00ff");
        assert_eq!(load.route("json").p99, 90_000);
        assert_eq!((load.requests, load.errors, load.whole), (10, 1, true));
        assert_eq!(load.per_second(), 5.0);
    }
}
