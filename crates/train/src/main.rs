//! The command `vaelet`: trains, evaluates, samples and exports models.

mod cli;
mod data;
mod files;
mod measure;
mod network;
mod presets;
mod release;
mod training;

use anyhow::Result;
use std::ffi::{c_int, c_long};
use std::process::ExitCode;

/// Training allocates and frees the same large buffers at every step; this
/// allocator keeps them, where the system's returns them to the kernel each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lets the allocator keep them for good: by default it returns what has been free for a tenth of a
/// second, and the kernel clears it again, a fifth of the time of a step.
fn keep_memory() {
    unsafe extern "C" {
        fn mi_option_set(option: c_int, value: c_long);
    }
    /// `mi_option_purge_delay` in mimalloc.h.
    const PURGE_DELAY: c_int = 15;
    // SAFETY: the allocator above is linked, its options are numbers that may be set at any time,
    // and −1 means never.
    unsafe { mi_option_set(PURGE_DELAY, -1) }
}

fn main() -> Result<ExitCode> {
    keep_memory();
    cli::run()
}
