//! Single-writer counters and their snapshot.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use ringmesh_msg::ShardId;

/// A counter with one writing thread and any number of readers.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`. Only the shard's thread may call this: a load and a store, so that two writers
    /// would lose counts (never soundness).
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Sets the value. Only the shard's thread may call this.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// Adds `n` from any thread.
    #[inline]
    pub fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one shard has counted. Its own thread is the only writer of [`Counter::add`].
        // Aligned so that no other thread's data shares its cache lines.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)*
        }

        impl Counters {
            /// The values now.
            pub fn snapshot(&self) -> ShardMetrics {
                ShardMetrics { $($name: self.$name.get(),)* }
            }
        }

        /// The values of a [`Counters`] at one moment.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct ShardMetrics {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl ShardMetrics {
            /// Adds another snapshot to this one.
            pub fn merge(&mut self, other: &Self) {
                $(self.$name += other.$name;)*
            }

            /// Name and value of each counter.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Tasks polled.
    polls,
    /// Tasks spawned.
    tasks_spawned,
    /// Tasks whose future is gone: returned, cancelled or panicked.
    tasks_done,
    /// Tasks that panicked.
    tasks_panicked,
    /// Rounds of looking for work at other shards.
    steals_tried,
    /// Tasks taken from other shards.
    steals_won,
    /// Polls on this shard of a task that has an operation armed on another shard's ring.
    polls_op_elsewhere,
    /// Parked shards woken to search for work.
    wakes_sent,
    /// Wakes that were not needed because another shard was searching already.
    wakes_saved,
    /// Doorbells rung.
    doorbells,
    /// Times that the shard went to sleep.
    parks,
    /// Nanoseconds spent polling instead of sleeping.
    spins_ns,
    /// Timers fired.
    timers_fired,
    /// Entries taken from the control inbox.
    notes,
    /// Panics of foreign wakers and destructors that were caught.
    panics_caught,
    /// Operations handed to the kernel.
    submits,
    /// `io_uring_enter` calls.
    enters,
    /// Completions taken from the ring.
    completions,
    /// Cancellations requested.
    cancels,
    /// Cancellations that had to wait for room and were sent later.
    cancels_retried,
    /// Completion queue overflows flushed.
    overflows,
    /// Times that the submission queue was full.
    sq_full,
    /// Completions that belong to no live slot.
    unknown_cqes,
    /// Operations whose future was dropped before they completed.
    orphans,
    /// Operations answered without the ring.
    inline_completions,
    /// Operations that the kernel punted to its workers.
    iowq_punts,
    /// Operations submitted for threads that are no shards.
    remote_submits,
    /// Submits or waits that the kernel interrupted or refused and that were tried again.
    enter_retries,
}

/// The counters of a runtime at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// One entry a shard.
    pub shards: Vec<ShardMetrics>,
    /// What threads outside the runtime have counted.
    pub outside: ShardMetrics,
}

impl Metrics {
    /// The sum over all shards and the outside.
    pub fn total(&self) -> ShardMetrics {
        let mut sum = self.outside;
        for shard in &self.shards {
            sum.merge(shard);
        }
        sum
    }

    /// The counters of one shard.
    pub fn shard(&self, id: ShardId) -> Option<&ShardMetrics> {
        self.shards.get(id.index())
    }
}
