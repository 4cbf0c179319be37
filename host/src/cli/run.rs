//! `sluice run`: moves what is new, shows how it goes, and reports.

mod text;

pub(super) use text::text;

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::args;
use super::exit::Exit;
use super::files::default_store;
use super::output::{Output, say};
use super::progress::progress;
use super::prologue::assemble;
use super::signals::Signals;
use crate::assembly::{SystemClock, job};
use crate::capabilities::http::Traffic;
use crate::pipeline::port::{Clock, Mode};
use crate::pipeline::{Engine, RunReport, Verdict};
use crate::store::{SqliteStore, StoreOptions};

pub(super) async fn run(arguments: &args::Run, output: &Output) -> Exit {
    let (loaded, assembly) = match assemble(&arguments.manifest, *output) {
        Ok(assembled) => assembled,
        Err(exit) => return exit,
    };
    let pipeline = &loaded.pipeline;
    let selection = match arguments.selection.to_json(SystemClock.now_ms()) {
        Ok(selection) => selection,
        Err(message) => return output.fail(Exit::Usage, &message),
    };
    let path = store_path(arguments.store.as_ref(), pipeline.store_path.as_ref(), &pipeline.name);
    let store = match SqliteStore::open(path, &StoreOptions::default()) {
        Ok(store) => store,
        Err(error) => return output.fail(Exit::Failed, &error.to_string()),
    };
    let signals = match Signals::listen(*output) {
        Ok(signals) => signals,
        Err(error) => return output.fail(Exit::Failed, &format!("cannot listen for signals: {error}")),
    };
    let mode = if arguments.plan { Mode::Plan } else { Mode::Apply };
    let clock = Arc::new(SystemClock);
    let jitter = u64::from(std::process::id()) ^ clock.now_ms();
    let mut job = job(pipeline, mode, jitter);
    // A cursor of its own, forgotten at the end: the incremental one stays where it is.
    job.sweep = selection.is_some();
    job.selection = selection.map(Into::into);
    let job = Arc::new(job);
    let engine = Engine {
        connect: Arc::new(assembly.connect),
        store: Arc::new(store),
        clock,
        progress: progress(*output),
    };
    let report = engine.run(&job, &signals.stop).await;
    if job.selection.is_some() && report.partitions.is_empty() && report.failure.is_none() && !report.stopped
    {
        let message =
            "no partition is selected: `sluice discover` lists them, and what they can be narrowed by";
        return output.fail(Exit::Usage, message);
    }
    let told = Told { report: &report, http: assembly.http.tally().traffic() };
    output.result(&told, || text(&report, &told.http));
    finish(arguments, &told, &signals)
}

/// What machines are told: the report, and what went over the wire for it.
#[derive(Serialize)]
struct Told<'r> {
    #[serde(flatten)]
    report: &'r RunReport,
    http: Traffic,
}

/// Where a pipeline's state is kept: as the command line says, else the manifest, else this program.
pub(super) fn store_path(argument: Option<&PathBuf>, manifest: Option<&PathBuf>, name: &str) -> PathBuf {
    argument.or(manifest).cloned().unwrap_or_else(|| default_store(name))
}

fn finish(arguments: &args::Run, told: &Told<'_>, signals: &Signals) -> Exit {
    let report = told.report;
    if let Some(path) = &arguments.summary {
        let written = serde_json::to_vec_pretty(told).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|bytes| std::fs::write(path, bytes)) {
            // Standard output holds the report already, and nothing may follow it.
            say(&format!("error: cannot write the report to `{}`: {error}", path.display()));
            return Exit::Failed;
        }
    }
    match (report.verdict(), signals.received()) {
        (Verdict::Stopped, Some(number)) => Exit::Signal(number),
        _ => Exit::of_report(report),
    }
}
