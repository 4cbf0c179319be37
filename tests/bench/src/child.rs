//! Runs one program to its end, and says what that took: time, processor time, and memory at its peak.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::error::BenchError;

/// How often the memory is looked at. The kernel keeps the peak itself, so only the last look has to come near the end.
const LOOK: Duration = Duration::from_millis(5);

/// What one run of a program took.
#[derive(Debug)]
pub(crate) struct Usage {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) processor: Duration,
    /// The largest resident set, in bytes.
    pub(crate) peak_bytes: u64,
    /// What it printed.
    pub(crate) stdout: Vec<u8>,
}

/// Runs the program. No other child of this process may end meanwhile.
pub(crate) fn run(program: &str, command: &mut Command) -> Result<Usage, BenchError> {
    let before = processor_of_children()?;
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.map_err(BenchError::system("start a program"))?;
    let (ended, peak) = watch(child.id());
    let output = child.wait_with_output().map_err(BenchError::system("wait for a program"))?;
    let wall = started.elapsed();
    drop(ended);
    let processor = processor_of_children()?.saturating_sub(before);
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(BenchError::Failed { program: program.to_owned(), status: output.status, stderr });
    }
    Ok(Usage { wall, processor, peak_bytes: peak.join().unwrap_or(0), stdout: output.stdout })
}

/// User and system time of all children that have ended.
fn processor_of_children() -> Result<Duration, BenchError> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| BenchError::System {
        what: "read the processor time of children",
        source: error.into(),
    })?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(micros.unsigned_abs()))
}

/// Looks at a process's peak memory until it ends or the sender is dropped. Not from `getrusage`: that counts what
/// this process had when it started the child.
fn watch(id: u32) -> (mpsc::Sender<()>, thread::JoinHandle<u64>) {
    let (ended, end) = mpsc::channel::<()>();
    let watcher = thread::spawn(move || {
        let mut peak = 0;
        while let Some(bytes) = peak_bytes(id) {
            peak = peak.max(bytes);
            if matches!(end.recv_timeout(LOOK), Err(mpsc::RecvTimeoutError::Disconnected)) {
                break;
            }
        }
        peak
    });
    (ended, watcher)
}

/// `VmHWM` of a process; none once it has ended.
fn peak_bytes(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
