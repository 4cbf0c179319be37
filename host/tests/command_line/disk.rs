//! A store that cannot be used, and a disk that gives out in mid-run: told by its cause, and nothing half-written.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use sluice_sandbox::Options;

use crate::machine::{Machine, end};

#[test]
fn what_is_no_store_is_refused_by_name_and_left_as_it_is() {
    let machine = Machine::start();
    let text = "a text, not a database: ".repeat(100);
    machine.write("text.db", &text);
    let foreign = Connection::open(machine.path("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE other (id INTEGER); INSERT INTO other VALUES (7)").unwrap();
    for name in ["text.db", "foreign.db"] {
        let ended = machine.on_leads("run", &["--store", name]).with(1);
        let told = format!(
            "error: {name} is not a store of this program; name another file, or move this one away\n"
        );
        assert_eq!(ended.stderr, told);
    }
    assert_eq!(std::fs::read_to_string(machine.path("text.db")).unwrap(), text);
    let kept: i64 = foreign.query_row("SELECT id FROM other", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 7);
    assert_eq!(machine.sandbox.reconcile().leads, 0);
}

#[test]
fn a_directory_is_no_store() {
    let machine = Machine::start();
    std::fs::create_dir(machine.path("folder")).unwrap();
    let ended = machine.on_leads("run", &["--store", "folder"]).with(1);
    assert_eq!(ended.stderr, "error: the store folder cannot be opened: it is a directory; check the path\n");
    let ended = machine.on_leads("run", &["--store", "leads.toml/store.db"]).with(1);
    assert!(ended.stderr.starts_with("error: the store leads.toml/store.db cannot be opened: "), "{ended:?}");
}

/// Runs as a user whom permissions bind, if this one is root.
fn bound(machine: &Machine, command: &mut Command) {
    if std::fs::metadata(machine.path("leads.toml")).unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
}

#[test]
fn a_store_that_may_not_be_written_is_told_as_such() {
    let machine = Machine::start();
    machine.on_leads("run", &[]).with(0);
    let store = machine.path("store.db");
    let restrict =
        |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    restrict(&store, 0o444);
    restrict(&machine.path(""), 0o555);
    let mut command = machine.command(&["run", "leads.toml"]);
    bound(&machine, &mut command);
    let ended = end(&mut command);
    restrict(&machine.path(""), 0o755);
    let ended = ended.with(1);
    let told = ["is read-only; make the file and its directory writable for this user, or name another file"];
    ended.says(&told).says(&[store.file_name().unwrap().to_str().unwrap()]);
}

#[test]
fn a_lock_that_is_held_too_long_is_told_with_what_to_do() {
    let machine = Machine::start();
    machine.on_leads("run", &[]).with(0);
    let other = Connection::open(machine.path("store.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ended = machine.on_leads("run", &[]).with(1);
    ended.says(&[
        "store.db has been locked by another process for 10 s; let that process finish or end it, then run again",
    ]);
    other.execute_batch("ROLLBACK").unwrap();
    machine.on_leads("run", &[]).with(0);
    machine.assert_landed();
}

#[test]
fn a_full_disk_leaves_nothing_half_written() {
    let machine = Machine::of(Options { responses: 3000, accounts: 2, ..Options::default() });
    // Compiles the component first: its cache is no part of what may be full.
    machine.on_leads("validate", &[]).with(0);
    let program = machine.command(&["run", "leads.toml", "--set", "limits.page_records=100"]);
    let words: Vec<_> = program.get_args().map(|word| word.to_str().unwrap().to_owned()).collect();
    let run = format!(
        "trap '' XFSZ; ulimit -f 256; exec '{}' {}",
        program.get_program().to_str().unwrap(),
        words.join(" ")
    );
    let mut limited = Command::new("bash");
    limited.env_clear().current_dir(machine.path("")).args(["-c", &run]);
    for (name, value) in program.get_envs() {
        limited.env(name, value.unwrap());
    }
    let ended = end(&mut limited).with(1);
    ended.says(&["store.db"]).says(&["failed"]);
    let damaged: String = Connection::open(machine.path("store.db"))
        .and_then(|store| store.query_row("PRAGMA integrity_check", [], |row| row.get(0)))
        .unwrap();
    assert_eq!(damaged, "ok");
    machine.on_leads("run", &[]).with(0);
    machine.assert_landed();
}
