//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::Output;
use crate::pipeline::{Stop, Stopper};

/// What a run listens to.
#[derive(Debug)]
pub(super) struct Signals {
    received: Arc<AtomicU8>,
    /// Set once a signal arrives.
    pub(super) stop: Stop,
}

impl Signals {
    /// Starts listening.
    pub(super) fn listen(output: Output) -> std::io::Result<Self> {
        let interrupts = signal(SignalKind::interrupt())?;
        let terminations = signal(SignalKind::terminate())?;
        let received = Arc::new(AtomicU8::new(0));
        let (stopper, stop) = Stopper::new();
        tokio::spawn(watch(interrupts, terminations, Arc::clone(&received), stopper, output));
        Ok(Self { received, stop })
    }

    /// The number of the signal that was received.
    pub(super) fn received(&self) -> Option<u8> {
        Some(self.received.load(Ordering::Relaxed)).filter(|number| *number != 0)
    }
}

async fn watch(
    mut interrupts: Signal,
    mut terminations: Signal,
    received: Arc<AtomicU8>,
    stopper: Stopper,
    output: Output,
) {
    let first = either(&mut interrupts, &mut terminations).await;
    received.store(first, Ordering::Relaxed);
    stopper.stop();
    output.note("stopping: pages in hand are finished; press Ctrl-C again to end at once");
    let second = either(&mut interrupts, &mut terminations).await;
    std::process::exit(128 + i32::from(second));
}

async fn either(interrupts: &mut Signal, terminations: &mut Signal) -> u8 {
    tokio::select! {
        _ = interrupts.recv() => 2,
        _ = terminations.recv() => 15,
    }
}
