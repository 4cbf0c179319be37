//! Shows a run while it runs: a bar for each partition on a terminal, plain lines otherwise, nothing for machines.

use std::collections::HashMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use super::output::{Output, amount, duration, say};
use crate::assembly::SystemClock;
use crate::failure::Failure;
use crate::pipeline::port::Clock;
use crate::pipeline::{End, Event, Progress, TickReport};
use crate::store::Counts;

/// How often a bar moves.
const REFRESH: Duration = Duration::from_millis(120);
/// How often a partition gets a plain line.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The way of showing that suits where standard error goes.
pub(super) fn progress(output: Output) -> Arc<dyn Progress> {
    if output.is_json() {
        Arc::new(())
    } else if std::io::stderr().is_terminal() {
        Arc::new(Bars::default())
    } else {
        Arc::new(Lines::default())
    }
}

fn told(counts: &Counts) -> String {
    let mut told = format!("{} read, {} created", counts.read, counts.created + counts.upserted);
    for (count, word) in [
        (counts.updated, "updated"),
        (counts.unchanged, "unchanged"),
        (counts.skipped, "skipped"),
        (counts.rejected, "rejected"),
        (counts.settled, "already there"),
    ] {
        if count > 0 {
            told += &format!(", {count} {word}");
        }
    }
    told
}

/// What is waited out, and until when.
fn waiting(failure: &Failure, until_ms: u64) -> String {
    let left = Duration::from_millis(until_ms.saturating_sub(SystemClock.now_ms()));
    format!("{failure}; trying again in {}", duration(left.as_secs_f64()))
}

/// How a partition ended. Why it failed is told once, in the report.
fn ended(report: &TickReport) -> String {
    let counts = told(&report.counts);
    match report.end {
        End::Done => format!("done: {counts}"),
        End::Bounded => format!("paused, more to come: {counts}"),
        End::Stopped => format!("stopped: {counts}"),
        End::Superseded => format!("taken over by another run: {counts}"),
        End::Failed(_) => format!("failed: {counts}"),
    }
}

/// Records a second; nothing before there is one.
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    let rate = state.per_sec();
    if state.pos() > 0 && rate.is_finite() {
        // A bar that cannot be drawn is no error.
        let _ = write!(out, ", {rate:.0} a second");
    }
}

/// One bar for each partition. How much there is to read is not known beforehand, so a bar counts and never promises.
#[derive(Debug, Default)]
struct Bars {
    all: MultiProgress,
    each: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    fn bar(&self, id: &str, name: &str) -> ProgressBar {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            // The template is constant and valid; a plain style would do as well.
            let style = ProgressStyle::with_template("{spinner:.green} {prefix:<28!} {msg}{rate:.dim}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key("rate", rate);
            let bar = ProgressBar::new_spinner().with_prefix(name.to_owned()).with_message("opening");
            let bar = self.all.add(bar.with_style(style));
            bar.enable_steady_tick(REFRESH);
            bar
        };
        each.entry(id.to_owned()).or_insert_with(make).clone()
    }
}

impl Progress for Bars {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::Started { partition, .. } => {
                self.bar(&partition.id, &partition.name).set_message("reading");
            }
            Event::Page { partition, total, .. } => {
                let bar = self.bar(&partition.id, &partition.name);
                bar.set_position(total.read);
                bar.set_message(told(total));
            }
            Event::Waiting { partition: Some(partition), failure, until_ms } => {
                self.bar(&partition.id, &partition.name).set_message(waiting(failure, until_ms));
            }
            Event::Waiting { partition: None, failure, until_ms } => {
                let _ = self.all.println(waiting(failure, until_ms));
            }
            Event::Warning { partition, message } => {
                let _ = self.all.println(format!("warning: {}: {message}", partition.name));
            }
            Event::Finished { partition, report } => {
                self.bar(&partition.id, &partition.name).finish_with_message(ended(report));
            }
            Event::Listed { .. } | Event::Planned { .. } => {}
        }
    }
}

/// A line when a partition starts and ends, and every few seconds between.
#[derive(Debug, Default)]
struct Lines {
    last: Mutex<HashMap<String, Instant>>,
}

impl Lines {
    fn is_due(&self, id: &str) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let before = *last.entry(id.to_owned()).or_insert(now);
        let due = now.duration_since(before) >= LINE_EVERY;
        if due {
            last.insert(id.to_owned(), now);
        }
        due
    }
}

impl Progress for Lines {
    fn observe(&self, event: Event<'_>) {
        match event {
            Event::Listed { partitions } => say(&amount(partitions.len() as u64, "partition")),
            Event::Page { partition, total, .. } if self.is_due(&partition.id) => {
                say(&format!("{}: {}", partition.name, told(total)));
            }
            Event::Waiting { partition, failure, until_ms } => {
                let name = partition.map_or("partitions", |partition| partition.name.as_str());
                say(&format!("{name}: {}", waiting(failure, until_ms)));
            }
            Event::Warning { partition, message } => say(&format!("{}: warning: {message}", partition.name)),
            Event::Finished { partition, report } => say(&format!("{}: {}", partition.name, ended(report))),
            Event::Started { .. } | Event::Page { .. } | Event::Planned { .. } => {}
        }
    }
}
