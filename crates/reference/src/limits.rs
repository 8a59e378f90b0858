//! What tests with hostile files count: the bytes that a thread has allocated, and its CPU time.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

/// An allocator that counts the bytes of each thread. A test makes it its global allocator.
pub struct Counting;

thread_local! {
    static ALLOCATED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|allocated| {
            let (now, most) = allocated.get();
            let now = now.saturating_add(layout.size());
            allocated.set((now, most.max(now)));
        });
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = ALLOCATED.try_with(|allocated| {
            let (now, most) = allocated.get();
            allocated.set((now.saturating_sub(layout.size()), most));
        });
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What a piece of work returned, the most bytes that it had allocated at a time (under
/// [`Counting`]), and the time that it took.
pub fn measure<T>(work: impl FnOnce() -> T) -> (T, usize, Duration) {
    let before = ALLOCATED.get().0;
    ALLOCATED.set((before, before));
    let (start, used) = (Instant::now(), cpu_time());
    let result = work();
    // Elapsed time counts other programs too.
    let took = match (used, cpu_time()) {
        (Some(before), Some(after)) => after - before,
        _ => start.elapsed(),
    };
    (result, ALLOCATED.get().1 - before, took)
}

/// CPU time of this thread, where the system reports it.
fn cpu_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = stat.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}
