//! The end of memory: one line that says so, where Rust would abort with two and leave files behind.
//!
//! The C library aborts by itself if it gets none when a thread begins; that cannot be put in other words, but it
//! leaves nothing behind either.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Write as _};

use signal_hook::consts::SIGABRT;

use crate::ending;

#[global_allocator]
static MEMORY: Memory = Memory;

/// What a person can do.
pub(crate) const ADVICE: &str = "use fewer threads (--jobs), or raise the limit";

/// Gets ready for the end of memory. Called once, when signals are watched.
pub(crate) fn watch() -> io::Result<()> {
    // SAFETY: all that runs in the handler is a system call that sleeps.
    #[allow(unsafe_code)] // Whoever aborts must not get to its end before all is tidied up.
    unsafe { signal_hook::low_level::register(SIGABRT, ending::wait) }.map(drop)
}

/// The system's allocator, whose refusal is the end.
struct Memory;

// SAFETY: every call goes to the system's allocator as it came, and what that returns is returned. One that was refused
// has changed nothing, so that it may come again.
#[allow(unsafe_code)] // There is no other way to learn of a refusal in a stable Rust.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ask(layout.size(), || unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ask(layout.size(), || unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ask(size, || unsafe { System.realloc(old, layout, size) })
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        unsafe { System.dealloc(old, layout) }
    }
}

#[inline]
fn ask(size: usize, system: impl Fn() -> *mut u8) -> *mut u8 {
    let memory = system();
    if memory.is_null() { ask_again(size, system) } else { memory }
}

#[cold]
fn ask_again(size: usize, system: impl Fn() -> *mut u8) -> *mut u8 {
    while ending::more() {
        let memory = system();
        if !memory.is_null() {
            return memory;
        }
    }
    refused(size)
}

/// Says so without memory, and ends the process.
#[cold]
fn refused(size: usize) -> ! {
    let mut line = [0; 200];
    let mut rest = &mut line[..];
    let _ = writeln!(rest, "imgsquash: out of memory ({size} bytes more were refused): {ADVICE}");
    let unused = rest.len();
    ending::at_once(&line[..line.len() - unused])
}
