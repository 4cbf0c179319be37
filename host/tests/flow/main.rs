//! The binary's own tests, end to end: real processes, the real component, and the sandbox in the vendors' place.
//!
//! One test program, so that what its files share is compiled once. Nothing here looks inside the host: it starts
//! processes, reads what they print and store, and compares the rows that arrived with the answers that were given.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed, also in its helpers")]

mod backfill;
mod concurrency;
mod crash;
mod discovery;
mod end_to_end;
mod faults;
mod kinds;
mod ledger;
mod process;
mod promises;
mod push;
mod quiet;
mod rows;
mod stage;
mod structure;
