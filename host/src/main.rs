//! The `sluice` command. Everything it does is in the library's `cli`.

use std::process::ExitCode;

/// Buffers from this size on are given back to the system when they are freed, in bytes. Responses and pages are
/// larger and live for milliseconds; kept among small ones, they leave holes that make the process grow for hours.
#[cfg(target_env = "gnu")]
const GIVEN_BACK_FROM: i32 = 1 << 20;

fn main() -> ExitCode {
    #[cfg(target_env = "gnu")]
    give_back_large_buffers();
    sluice::cli::main()
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator's setting is a call into the C library")]
fn give_back_large_buffers() {
    // SAFETY: takes two integers, and no other thread runs yet. A refusal leaves the default, which is only larger.
    unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, GIVEN_BACK_FROM) };
}
