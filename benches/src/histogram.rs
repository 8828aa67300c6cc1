//! Latencies in buckets that are never wider than 1/64 of their value.

use std::time::Duration;

/// Sub-buckets of an octave: 64 keep the error of a quantile below 1.6 %.
const STEPS: u64 = 64;

/// A histogram of durations, in nanoseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram {
            counts: vec![0; bucket(u64::MAX) + 1],
            total: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(ns)] += 1;
        self.total += 1;
        self.max = self.max.max(ns);
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The longest one.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The duration that a share `q` of all does not exceed, rounded up to the bucket's end; zero if nothing was counted.
    pub fn quantile(&self, q: f64) -> Duration {
        let wanted = (self.total as f64 * q).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(end(index).min(self.max));
            }
        }
        Duration::ZERO
    }
}

/// Values below [`STEPS`] have a bucket each; above, an octave has [`STEPS`] buckets.
fn bucket(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let octave = u64::from(ns.ilog2()) - u64::from(STEPS.ilog2());
    ((octave * STEPS) + (ns >> octave)) as usize
}

/// The largest value of a bucket.
fn end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let octave = bucket / STEPS - 1;
    let top = u128::from(bucket - octave * STEPS + 1) << octave;
    u64::try_from(top - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_its_bucket_and_buckets_meet() {
        for ns in (0..5000).chain([1 << 20, (1 << 40) + 12345, u64::MAX]) {
            let index = bucket(ns);
            assert!(end(index) >= ns, "{ns}");
            assert!(index == 0 || end(index - 1) < ns, "{ns}");
        }
    }

    #[test]
    fn quantiles_are_within_two_percent() {
        let mut histogram = Histogram::default();
        for us in 1..=1000 {
            histogram.record(Duration::from_micros(us));
        }
        for (q, us) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1000.0)] {
            let seen = histogram.quantile(q).as_secs_f64() * 1e6;
            assert!((seen / us - 1.0).abs() < 0.02, "{q}: {seen} us");
        }
        assert_eq!(histogram.max(), Duration::from_millis(1));
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut one, mut two) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_micros(1));
        two.record(Duration::from_micros(3));
        one.merge(&two);
        assert_eq!((one.count(), one.max()), (2, Duration::from_micros(3)));
    }
}
