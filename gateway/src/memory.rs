//! What the process has freed goes back to the system: a plant room's computer is small, and shared.

/// Blocks of this many bytes and more are given back the moment they are freed; and so is free room at the heap's end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const GIVEN_BACK_BYTES: libc::c_int = 128 << 10;

/// Keeps the C library's allocator from holding what it does not need; before any thread is there.
///
/// Left alone, it learns from each large block that is freed to keep the next one, up to 32 MiB, and gives each thread that waits for
/// another a heap of its own: with 75,000 points a second a third more memory than is used, for no time that could be measured. Another
/// allocator would do as well, but one that is built for pages of 4 KiB (jemalloc) does not start on boards with larger ones.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library is told through a C function only")]
pub fn give_back_what_is_freed() {
    // SAFETY: mallopt takes two numbers, and nobody else allocates yet. What it refuses stays as it was, which does no harm.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, GIVEN_BACK_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, GIVEN_BACK_BYTES);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Other systems' allocators are left alone.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn give_back_what_is_freed() {}
