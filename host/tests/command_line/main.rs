//! What a person at the keyboard meets: every exit code, every message, and what is left behind.
//!
//! Runs the real binary with the real component against the sandbox. Messages are asserted as they are read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod components;
mod disk;
mod ended;
mod input;
mod machine;
mod output;
mod rights;
mod signals;
mod terminal;
mod tokens;
