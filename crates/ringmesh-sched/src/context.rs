//! What the calling thread is: a shard, a visitor that entered a runtime, or neither.
//!
//! The shard stands in a `RefCell` that is only written when a thread becomes or ceases to be a shard,
//! so shared borrows may be held across user code. Everything here copes with the thread-local being
//! gone (wakers are called from destructors of other thread-locals, too): then the thread is no shard.

use std::{
    cell::{Cell, RefCell},
    mem,
    rc::Rc,
    sync::Arc,
};

use parking_lot::RwLock;

use crate::{
    Counters, Handle,
    coop::BUDGET,
    shard::Shard,
    task::{Meta, Running},
};

thread_local! {
    static CONTEXT: Context = const { Context::new() };
}

/// The runtime of threads that neither are shards nor have entered one.
static DEFAULT: RwLock<Option<Handle>> = RwLock::new(None);

struct Context {
    shard: RefCell<Option<Rc<Shard>>>,
    entered: RefCell<Vec<(u64, Handle)>>,
    /// Length of `entered`, so that the common case costs no borrow.
    depth: Cell<usize>,
    next_key: Cell<u64>,
    /// Units left in this poll; `UNLIMITED` outside tasks.
    budget: Cell<u32>,
    /// The task in the middle of a poll.
    running: RefCell<Running>,
}

const UNLIMITED: u32 = u32::MAX;

impl Context {
    const fn new() -> Self {
        Self {
            shard: RefCell::new(None),
            entered: RefCell::new(Vec::new()),
            depth: Cell::new(0),
            next_key: Cell::new(0),
            budget: Cell::new(UNLIMITED),
            running: RefCell::new(Running::NONE),
        }
    }
}

/// Calls `f` with the shard that this thread is.
#[inline]
pub(crate) fn with_shard<R>(f: impl FnOnce(&Rc<Shard>) -> R) -> Option<R> {
    CONTEXT
        .try_with(|context| context.shard.borrow().as_ref().map(f))
        .ok()
        .flatten()
}

/// Calls `f` with the shard that this thread is, if it belongs to the given runtime.
#[inline]
pub(crate) fn with_shard_of<R>(runtime: u32, f: impl FnOnce(&Rc<Shard>) -> R) -> Option<R> {
    CONTEXT
        .try_with(|context| match &*context.shard.borrow() {
            Some(shard) if shard.runtime_id() == runtime => Some(f(shard)),
            _ => None,
        })
        .ok()
        .flatten()
}

/// Makes this thread a shard. `false` if it is one already.
pub(crate) fn become_shard(shard: Rc<Shard>) -> bool {
    CONTEXT.with(|context| {
        // Looked at first: somebody up the stack may hold a borrow, but only of a shard.
        let free = context.shard.borrow().is_none();
        if free {
            *context.shard.borrow_mut() = Some(shard);
        }
        free
    })
}

/// Ends this thread's being a shard.
pub(crate) fn cease_shard() -> Option<Rc<Shard>> {
    CONTEXT.with(|context| context.shard.borrow_mut().take())
}

/// Whether this thread is a shard of any runtime.
pub(crate) fn is_shard() -> bool {
    with_shard(|_| ()).is_some()
}

/// Calls `f` with this shard's counters; elsewhere does nothing.
pub(crate) fn counters(f: impl FnOnce(&Counters)) {
    with_shard(|shard| f(shard.counters()));
}

/// The current runtime: the one entered last, else the shard's, else the process default.
pub(crate) fn handle() -> Option<Handle> {
    let here = CONTEXT.try_with(|context| {
        if context.depth.get() > 0 {
            let entered = context.entered.borrow();
            return entered.last().map(|(_, handle)| handle.clone());
        }
        context.shard.borrow().as_ref().map(|shard| shard.handle())
    });
    here.ok().flatten().or_else(|| DEFAULT.read().clone())
}

/// Calls `f` with the shard of this thread if its runtime is the current one.
#[inline]
pub(crate) fn with_current_shard<R>(f: impl FnOnce(&Rc<Shard>) -> R) -> Option<R> {
    CONTEXT
        .try_with(|context| {
            let place = context.shard.borrow();
            let shard = place.as_ref()?;
            if context.depth.get() > 0 {
                let entered = context.entered.borrow();
                if entered
                    .last()
                    .is_some_and(|(_, handle)| handle.core().id != shard.runtime_id())
                {
                    return None;
                }
            }
            Some(f(shard))
        })
        .ok()
        .flatten()
}

/// Enters a runtime; the answer is for [`leave`].
pub(crate) fn enter(handle: Handle) -> u64 {
    CONTEXT.with(|context| {
        let key = context.next_key.get();
        context.next_key.set(key + 1);
        let mut entered = context.entered.borrow_mut();
        entered.push((key, handle));
        context.depth.set(entered.len());
        key
    })
}

/// Leaves what [`enter`] entered, in whatever order.
pub(crate) fn leave(key: u64) {
    let left = CONTEXT.try_with(|context| {
        let mut entered = context.entered.borrow_mut();
        let place = entered.iter().rposition(|(k, _)| *k == key);
        let left = place.map(|place| entered.remove(place));
        context.depth.set(entered.len());
        left
    });
    // The last handle of a runtime may go here: outside the borrow.
    drop(left);
}

/// Makes `handle` the process default.
pub(crate) fn install(handle: Handle) {
    let old = DEFAULT.write().replace(handle);
    drop(old);
}

/// Takes the process default away if it is the given runtime.
pub(crate) fn uninstall(runtime: u32) {
    let mut default = DEFAULT.write();
    let old = default.take_if(|handle| handle.core().id == runtime);
    drop(default);
    drop(old);
}

/// Starts a poll: this task is the current one and has a full budget. [`end_poll`] undoes it.
#[inline]
pub(crate) fn begin_poll(running: &mut Running) -> u32 {
    CONTEXT
        .try_with(|context| {
            mem::swap(&mut *context.running.borrow_mut(), running);
            context.budget.replace(BUDGET)
        })
        .unwrap_or(UNLIMITED)
}

/// Ends a poll: swaps back whatever was current before.
#[inline]
pub(crate) fn end_poll(running: &mut Running, budget: u32) {
    let _ = CONTEXT.try_with(|context| {
        mem::swap(&mut *context.running.borrow_mut(), running);
        context.budget.set(budget);
    });
}

/// Calls `f` with the identity of the task in the middle of a poll.
pub(crate) fn with_running<R>(f: impl FnOnce(&mut Running) -> R) -> Option<R> {
    CONTEXT
        .try_with(|context| f(&mut context.running.borrow_mut()))
        .ok()
}

/// The current task's identity, made at the first call.
pub(crate) fn current_meta() -> Option<Arc<Meta>> {
    // A task that is polled elsewhere than on a shard does not exist; a main future is one's own.
    let shards = with_shard(|shard| shard.core().shards())?;
    with_running(|running| running.meta(shards)).flatten()
}

/// Whether [`consume_budget`] would say `true`.
pub(crate) fn has_budget() -> bool {
    CONTEXT
        .try_with(|context| context.budget.get() != 0)
        .unwrap_or(true)
}

/// Takes one unit of the budget.
pub(crate) fn consume_budget() -> bool {
    CONTEXT
        .try_with(|context| match context.budget.get() {
            UNLIMITED => true,
            0 => false,
            left => {
                context.budget.set(left - 1);
                true
            }
        })
        .unwrap_or(true)
}
