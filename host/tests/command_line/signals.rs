//! Ctrl-C and SIGTERM: the first ends cleanly, the second at once; the next run completes without doubling anything.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use sluice_sandbox::{Faults, Options};

use crate::ended::Ended;
use crate::machine::{Machine, spawn, until};

/// A machine whose vendor answers slowly, so that a run is under way for a while.
fn slow(flags: &[&str]) -> Machine {
    let switch = |faults: Faults, flag: &&str| faults.with_flag(flag).unwrap();
    let faults = flags.iter().fold(Faults::default(), switch);
    Machine::of(Options { responses: 600, accounts: 2, forms_per_account: 3, faults, ..Options::default() })
}

/// Starts a run of small pages and waits until some of them have been written.
fn under_way(machine: &Machine, words: &[&str]) -> Child {
    let small =
        ["run", "leads.toml", "--set", "limits.page_records=20", "--set", "source.config.page_size=20"];
    let child = spawn(&mut machine.command(&[&small, words].concat()));
    until("writing", || machine.sandbox.reconcile().leads > 20);
    child
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ended(child: Child) -> Ended {
    Ended::of(&child.wait_with_output().unwrap())
}

#[track_caller]
fn completes(machine: &Machine) {
    assert!(machine.sandbox.reconcile().responses_without_lead > 0, "it was stopped in mid-run");
    machine.sandbox.set_faults(Faults::default());
    machine.on_leads("run", &[]).with(0);
    machine.assert_landed();
}

#[test]
fn an_interrupt_ends_cleanly_and_the_next_run_completes() {
    let machine = slow(&["transport.linkedin.latency_ms=40"]);
    let child = under_way(&machine, &[]);
    signal(&child, "INT");
    let stopped = ended(child).with(130).says(&[
        "stopping: pages in hand are finished; press Ctrl-C again to end at once",
        "stopped; the next run goes on from here (",
    ]);
    assert!(stopped.stdout.lines().any(|line| line.ends_with("stopped")), "{stopped:?}");
    completes(&machine);
}

#[test]
fn a_termination_has_its_own_exit_code_and_a_report() {
    let machine = slow(&["transport.linkedin.latency_ms=40"]);
    let child = under_way(&machine, &["--output", "json"]);
    signal(&child, "TERM");
    let stopped = ended(child).with(143);
    assert_eq!(stopped.json()["stopped"], true);
    assert_eq!(stopped.stderr, "");
    completes(&machine);
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let machine = slow(&["transport.linkedin.latency_ms=40"]);
    let mut child = under_way(&machine, &[]);
    // From here on whatever is in hand takes longer than this test.
    let faults = Faults::default().with_flag("transport.dataverse.latency_ms=60000").unwrap();
    machine.sandbox.set_faults(faults.with_flag("transport.linkedin.latency_ms=60000").unwrap());
    signal(&child, "INT");
    let started = Instant::now();
    // The second must not arrive before the first is taken note of.
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().starts_with("stopping: ")));
    signal(&child, "INT");
    ended(child).with(130);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    machine.sandbox.set_faults(Faults::default());
    machine.on_leads("run", &[]).with(0);
    machine.assert_landed();
}

#[test]
fn an_interrupt_before_anything_is_read_ends_at_once() {
    let machine = slow(&["transport.linkedin.latency_ms=2000"]);
    let child = spawn(&mut machine.command(&["run", "leads.toml"]));
    until("the first request", || machine.counter("/transport/linkedin/requests") > 0);
    signal(&child, "INT");
    ended(child).with(130).says(&["stopped; the next run goes on from here"]);
    completes(&machine);
}
