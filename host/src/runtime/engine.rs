//! The engine: one per process, with everything off that the contract does not need.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::limits::TICK;

/// Stack of the guest's own calls, in bytes.
const WASM_STACK: usize = 1 << 20;
/// Stack of one fibre: the guest's and the host functions' on top of it.
const FIBRE_STACK: usize = 2 << 20;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine: {0}")]
pub struct EngineError(String);

/// Compiles and runs components. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    _ticker: Arc<Ticker>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// Sets up the engine and starts its clock.
    pub fn new() -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&config()).map_err(|error| EngineError(format!("{error:#}")))?;
        let ticker = Ticker::start(inner.clone()).map_err(|error| EngineError(error.to_string()))?;
        Ok(Self { inner, _ticker: Arc::new(ticker) })
    }

    pub(super) fn inner(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

fn config() -> wasmtime::Config {
    let mut config = wasmtime::Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBRE_STACK)
        // Needed by components made from Python and JavaScript.
        .wasm_multi_memory(true)
        .wasm_extended_const(true)
        // Not needed by call-style components; each is attack surface.
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_threads(false)
        .wasm_memory64(false)
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_component_model_more_async_builtins(false)
        .wasm_component_model_async_stackful(false)
        .wasm_component_model_threading(false)
        .wasm_component_model_error_context(false);
    config
}

/// The thread that moves the engine's epoch on, so that running instances are looked at.
struct Ticker {
    stop: Arc<AtomicBool>,
    wake: mpsc::Sender<()>,
}

impl Ticker {
    fn start(engine: wasmtime::Engine) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = mpsc::channel();
        let stopped = Arc::clone(&stop);
        thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let _ = woken.recv_timeout(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop, wake })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.wake.send(());
    }
}
