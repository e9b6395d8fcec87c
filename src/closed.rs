//! Whether standard output was closed when the process began. Rust's start opens `/dev/null` in its place, so that no
//! file gets its number; an archive written there would be lost without a word.

use std::sync::atomic::{AtomicBool, Ordering};

static STDOUT: AtomicBool = AtomicBool::new(false);

/// Whether nobody can read what is written to standard output.
pub(crate) fn stdout() -> bool {
    STDOUT.load(Ordering::Relaxed)
}

/// Runs before Rust's start. Only asks the kernel.
extern "C" fn look() {
    STDOUT.store(rustix::io::fcntl_getfd(rustix::stdio::stdout()).is_err(), Ordering::Relaxed);
}

#[used]
#[allow(unsafe_code)] // Where the linker looks for what runs first: there is no other way to be before Rust's start.
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".init_array"))]
static LOOK: extern "C" fn() = look;
