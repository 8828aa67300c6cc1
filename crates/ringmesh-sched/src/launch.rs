//! Starting the shards of a runtime, all or none.
//!
//! The drivers are prepared and the shared part is made before any thread exists. Each thread starts its
//! own driver and reports; if one cannot, it passes through the barriers of a shutdown in absence, and
//! the others leave by that shutdown.

use std::{
    fmt, io, process,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use crossbeam_deque::Worker;
use ringmesh_msg::{Bell, Endpoint, Host, Keeper, Mesh, MeshOptions, ParkState, ShardId};
use ringmesh_sys::{cpu, thread as sys_thread};

use crate::{
    BuildError, BuildErrorKind, DriverFactory, Handle, Prepared, Recorder, Seat,
    blocking::Pool,
    context,
    core::{self, Config, Core, HostBell, Peer},
    metrics::Log,
    runtimes,
    shard::{self, Remains, Shard},
    shield::{self, catch},
    task::Runnable,
};

/// A function called on each shard's thread.
#[derive(Clone)]
pub(crate) struct Hook(pub(crate) Arc<dyn Fn() + Send + Sync>);

/// What the user wants to know of the threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    pub(crate) start: Option<Hook>,
    pub(crate) stop: Option<Hook>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// A builder's settings, checked.
pub(crate) struct Plan {
    pub(crate) factory: Arc<dyn DriverFactory>,
    pub(crate) shards: usize,
    pub(crate) prefix: String,
    pub(crate) cpus: Option<Vec<usize>>,
    pub(crate) pin_is_optional: bool,
    pub(crate) spin: Duration,
    pub(crate) mailbox_capacity: usize,
    pub(crate) blocking_threads: usize,
    pub(crate) steal: bool,
    pub(crate) record_events: bool,
    pub(crate) submit_every: u32,
    pub(crate) hooks: Hooks,
}

/// A runtime whose shards have not started.
pub(crate) struct Launch {
    pub(crate) core: Arc<Core>,
    /// One a shard, in order.
    pub(crate) berths: Vec<Berth>,
    pub(crate) prefix: String,
}

/// All that one shard starts with.
pub(crate) struct Berth {
    core: Arc<Core>,
    peer: Arc<Peer>,
    prepared: Box<dyn Prepared>,
    worker: Worker<Runnable>,
    endpoint: Endpoint,
    keeper: Keeper,
    cpu: Option<usize>,
    pin_is_optional: bool,
    hooks: Hooks,
}

impl Plan {
    /// Prepares everything that needs no thread.
    pub(crate) fn prepare(self) -> Result<Launch, BuildError> {
        let prepared = self.factory.prepare(self.shards)?;
        if prepared.len() != self.shards {
            return Err(BuildError::config(format!(
                "the driver factory prepared {} drivers for {} shards",
                prepared.len(),
                self.shards
            )));
        }
        let id = runtimes::number();
        let bells: Vec<Arc<dyn Bell>> = prepared.iter().map(|prepared| prepared.bell()).collect();
        let workers: Vec<Worker<Runnable>> = bells.iter().map(|_| Worker::new_fifo()).collect();
        let mut ends = Vec::new();
        let core = Arc::new_cyclic(|core| {
            let peers: Box<[Arc<Peer>]> = bells
                .into_iter()
                .zip(&workers)
                .enumerate()
                .map(|(shard, (bell, worker))| {
                    let park = Arc::new(ParkState::new());
                    let core = core.clone();
                    let shard = ShardId::new(shard);
                    Arc::new(Peer::new(shard, id, core, park, bell, worker.stealer()))
                })
                .collect();
            let hosts = peers
                .iter()
                .map(|peer| Host {
                    park: Arc::clone(&peer.sleeper.park),
                    bell: Arc::new(HostBell(Arc::clone(peer))),
                })
                .collect();
            let options = MeshOptions {
                capacity: self.mailbox_capacity,
            };
            let (mesh, mesh_ends) =
                Mesh::hosted(hosts, options).expect("shards and capacity were checked");
            ends = mesh_ends;
            Core::new(core::Parts {
                id,
                config: Config {
                    steal: self.steal,
                    spin: self.spin,
                    submit_every: self.submit_every,
                },
                peers,
                mesh,
                log: self.record_events.then(Arc::default),
                pool: Pool::new(self.blocking_threads, &self.prefix),
            })
        });
        runtimes::enter(&core);
        let berths = prepared
            .into_iter()
            .zip(workers)
            .zip(ends)
            .enumerate()
            .map(|(shard, ((prepared, worker), (endpoint, keeper)))| Berth {
                core: Arc::clone(&core),
                peer: Arc::clone(&core.peers[shard]),
                prepared,
                worker,
                endpoint,
                keeper,
                cpu: self.cpus.as_ref().map(|cpus| cpus[shard]),
                pin_is_optional: self.pin_is_optional,
                hooks: self.hooks.clone(),
            })
            .collect();
        Ok(Launch {
            core,
            berths,
            prefix: self.prefix,
        })
    }
}

/// The threads of shards that are starting.
pub(crate) struct Starting {
    core: Arc<Core>,
    threads: Vec<thread::JoinHandle<()>>,
    reports: mpsc::Receiver<io::Result<()>>,
    failed: Option<BuildError>,
}

impl Launch {
    /// Starts a thread for each berth that is left.
    pub(crate) fn start_threads(self) -> Starting {
        let (report, reports) = mpsc::channel();
        let mut starting = Starting {
            core: Arc::clone(&self.core),
            threads: Vec::new(),
            reports,
            failed: None,
        };
        for berth in self.berths {
            if starting.failed.is_some() {
                berth.give_up();
                continue;
            }
            let peer = Arc::clone(&berth.peer);
            let name = format!("{}-{}", self.prefix, peer.id);
            let report = report.clone();
            let thread = thread::Builder::new().name(name);
            match thread.spawn(move || berth.live(&report)) {
                Ok(thread) => starting.threads.push(thread),
                Err(error) => {
                    // The berth was dropped with the closure.
                    give_up(&self.core, &peer);
                    starting.failed = Some(BuildError::new(BuildErrorKind::Thread(error)));
                }
            }
        }
        starting
    }
}

impl Starting {
    /// Waits until all threads have started or given up. On an error the caller owes the shutdown, and
    /// then [`join`](Self::join).
    pub(crate) fn wait(&mut self) -> Result<(), BuildError> {
        for _ in 0..self.threads.len() {
            let report = self
                .reports
                .recv()
                .unwrap_or_else(|_| Err(io::Error::other("gone")));
            if let (Err(error), None) = (report, &self.failed) {
                self.failed = Some(BuildError::driver(error));
            }
        }
        self.failed.take().map_or(Ok(()), Err)
    }

    /// The threads.
    pub(crate) fn into_threads(self) -> Vec<thread::JoinHandle<()>> {
        self.threads
    }

    /// Begins a shutdown and waits for the threads to end.
    pub(crate) fn abandon(self) {
        begin_shutdown(&self.core, START_DEADLINE);
        self.core.shutdown.wait(START_DEADLINE);
        let core = Arc::clone(&self.core);
        join(&core, self.into_threads());
    }
}

/// How long the shards that did start have to end again if another did not.
const START_DEADLINE: Duration = Duration::from_secs(1);

/// Joins the threads of shards, if all will end: those that leaked operations stay, see
/// [`stay_forever`].
pub(crate) fn join(core: &Core, threads: Vec<thread::JoinHandle<()>>) {
    if core.shutdown.is_ended_cleanly() {
        for thread in threads {
            let _ = thread.join();
        }
    }
}

impl Berth {
    /// A shard's life on a thread of its own.
    fn live(self, report: &mpsc::Sender<io::Result<()>>) {
        let core = Arc::clone(&self.core);
        let stop = self.hooks.stop.clone();
        match self.start() {
            Ok(shard) => {
                let _ = report.send(Ok(()));
                let remains = or_abort(|| {
                    shard::with(shard, |shard| {
                        shard.drive(None);
                        shard.shut_down()
                    })
                });
                call(stop.as_ref());
                end(&core, remains);
                if remains.leaked > 0 {
                    stay_forever();
                }
            }
            Err(error) => {
                let _ = report.send(Err(error));
            }
        }
    }

    /// Makes the shard, on its thread. On an error the shard counts as ended.
    pub(crate) fn start(self) -> io::Result<Shard> {
        let (core, peer) = (Arc::clone(&self.core), Arc::clone(&self.peer));
        // A driver's panic while it starts is an error like any other.
        let started = catch(|| self.try_start()).unwrap_or_else(|payload| {
            shield::drop_payload(payload);
            Err(io::Error::other("the driver panicked while it started"))
        });
        if started.is_err() {
            give_up(&core, &peer);
        }
        started
    }

    fn try_start(self) -> io::Result<Shard> {
        match self.cpu.map(cpu::pin_current) {
            Some(Err(error)) if !self.pin_is_optional => return Err(error),
            _ => {}
        }
        // 1 ns instead of 50 us: a sleep of 100 us came 6 us sooner. Best effort.
        let _ = sys_thread::set_timer_slack(Duration::from_nanos(1));
        call(self.hooks.start.as_ref());
        let recorder = self
            .core
            .log
            .as_ref()
            .map(|log: &Arc<Log>| Recorder::new(self.peer.id, Arc::clone(log)));
        let driver = self.prepared.start(Seat {
            shard: self.peer.id,
            counters: Arc::clone(&self.peer.counters),
            recorder: recorder.clone(),
            handle: Handle::new(Arc::clone(&self.core)),
        })?;
        Ok(Shard::new(shard::Parts {
            core: self.core,
            peer: self.peer,
            driver,
            recorder,
            worker: self.worker,
            endpoint: self.endpoint,
            keeper: self.keeper,
        }))
    }

    fn give_up(self) {
        give_up(&self.core, &self.peer);
    }
}

/// A shard that never started passes through the barriers in absence.
fn give_up(core: &Arc<Core>, peer: &Peer) {
    if peer.id.index() == 0 {
        drop(core.outsiders.lock().close());
    }
    peer.sleeper.park.close();
    shield::drop_quietly(peer.inbox.close());
    begin_shutdown(core, START_DEADLINE);
    let last = core.shutdown.arrive_drained() | core.shutdown.arrive_quiet();
    if last {
        core.peers.iter().for_each(|peer| peer.nudge());
    }
    end(core, Remains::default());
}

/// What a thread does that has leaked operations. The kernel lets no thread exit that still has an
/// operation which cannot be cancelled: it spins until that ends (measured: half a CPU, for ten minutes),
/// and whoever joins the thread hangs as long. Asleep, it costs its stack.
fn stay_forever() {
    loop {
        thread::park();
    }
}

/// Begins a shutdown, or brings its deadline forward, and tells all shards.
pub(crate) fn begin_shutdown(core: &Core, deadline: Duration) {
    core.shutdown.begin(deadline);
    core.pool.close();
    core.peers.iter().for_each(|peer| peer.nudge());
}

/// A shard's thread has dropped its driver. The last one buries the runtime.
pub(crate) fn end(core: &Core, remains: Remains) {
    if core.shutdown.end(remains.leaked, remains.abandoned) {
        core.bury_injected();
        core.peers.iter().for_each(|peer| peer.mute());
        context::uninstall(core.id);
        runtimes::leave(core.id);
        core.shutdown.announce();
    }
}

/// Runs a shard's loop. Panics of tasks, wakers and destructors are caught inside; one that comes out is
/// a defect of the runtime or of a driver, and a mesh with a dead shard would strand every task on it.
pub(crate) fn or_abort<R>(f: impl FnOnce() -> R) -> R {
    catch(f).unwrap_or_else(|_| {
        eprintln!("ringmesh: a shard's loop panicked (message above); the process is aborted");
        process::abort()
    })
}

pub(crate) fn call(hook: Option<&Hook>) {
    if let Some(Hook(hook)) = hook {
        shield::shield(|| hook());
    }
}

/// Gives the calling thread back the CPUs that it had before it was pinned, when it is dropped.
#[derive(Debug)]
pub(crate) struct Unpin {
    cpus: Option<Vec<usize>>,
}

impl Unpin {
    /// Remembers the thread's CPUs, if it is going to be pinned.
    pub(crate) fn new(pinned: bool) -> Self {
        Self {
            cpus: pinned.then(cpu::available),
        }
    }
}

impl Drop for Unpin {
    fn drop(&mut self) {
        if let Some(cpus) = &self.cpus {
            // They were this thread's a moment ago; if they are not any more, somebody else decided.
            let _ = cpu::restrict_current(cpus);
        }
    }
}
