//! Building: what is refused, what is left behind. One test, for it counts the process's threads.

#[path = "support/tools.rs"]
mod tools;

use std::{
    fs, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use ringmesh_sched::{
    Affinity, Bell, BuildError, BuildErrorKind, Builder, Driver, DriverFactory, Prepared, Seat,
    memory,
};
use tools::{builder, guarded};

/// Prepares memory drivers, of which one refuses to start.
struct Refusing {
    shard: usize,
    panics: bool,
}

impl DriverFactory for Refusing {
    fn prepare(&self, shards: usize) -> Result<Vec<Box<dyn Prepared>>, BuildError> {
        let prepared = memory::Factory::new()
            .prepare(shards)?
            .into_iter()
            .enumerate();
        let wrap = |(shard, inner)| -> Box<dyn Prepared> {
            let refuses = shard == self.shard;
            Box::new(Maybe {
                inner,
                refuses,
                panics: self.panics,
            })
        };
        Ok(prepared.map(wrap).collect())
    }
}

struct Maybe {
    inner: Box<dyn Prepared>,
    refuses: bool,
    panics: bool,
}

impl Prepared for Maybe {
    fn bell(&self) -> Arc<dyn Bell> {
        self.inner.bell()
    }

    fn start(self: Box<Self>, seat: Seat) -> io::Result<Box<dyn Driver>> {
        assert!(!(self.refuses && self.panics), "a driver that panics");
        if self.refuses {
            return Err(io::Error::from_raw_os_error(12));
        }
        self.inner.start(seat)
    }
}

/// A factory that cannot even prepare.
struct Unprepared;

impl DriverFactory for Unprepared {
    fn prepare(&self, _: usize) -> Result<Vec<Box<dyn Prepared>>, BuildError> {
        Err(BuildError::driver("no rings today; try tomorrow"))
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn what_cannot_be_built_is_refused_and_leaves_nothing_behind() {
    guarded(|| {
        let before = threads();
        let error = builder(0).build().unwrap_err();
        assert!(matches!(error.kind(), BuildErrorKind::ZeroShards));
        assert!(error.to_string().contains("at least one shard"), "{error}");
        assert!(builder(70_000).build().is_err());
        assert!(builder(1).mailbox_capacity(0).build().is_err());
        assert!(
            builder(2)
                .affinity(Affinity::Cores(vec![0]))
                .build()
                .is_err()
        );
        assert!(
            builder(1)
                .affinity(Affinity::Cores(vec![100_000]))
                .build()
                .is_err()
        );
        let error = Builder::new(Unprepared).shards(1).build().unwrap_err();
        assert!(error.to_string().contains("try tomorrow"), "{error}");

        for shard in 0..3 {
            for panics in [false, true] {
                let factory = || Builder::new(Refusing { shard, panics }).shards(3);
                let error = factory().build().unwrap_err();
                assert!(matches!(error.kind(), BuildErrorKind::Driver(_)), "{error}");
                if !panics {
                    let source = std::error::Error::source(&error).unwrap();
                    let source: &io::Error = source.downcast_ref().unwrap();
                    assert_eq!(source.raw_os_error(), Some(12));
                }
                let ran = factory().run(async { unreachable!("it cannot start") });
                assert!(ran.is_err());
            }
        }
        assert_eq!(threads(), before, "no thread is left behind");

        let hooks = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let (starts, stops) = (Arc::clone(&hooks), Arc::clone(&hooks));
        let runtime = builder(3)
            .on_thread_start(move || _ = starts.0.fetch_add(1, SeqCst))
            .on_thread_stop(move || _ = stops.1.fetch_add(1, SeqCst))
            .build()
            .unwrap();
        assert_eq!(threads(), before + 3);
        let job = runtime.handle().spawn_blocking(|| ());
        runtime.block_on(job).unwrap();
        drop(runtime);
        assert_eq!((hooks.0.load(SeqCst), hooks.1.load(SeqCst)), (3, 3));
        assert_eq!(threads(), before, "also the blocking pool's");
    });
}
