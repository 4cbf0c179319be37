//! Golden files of the manifest: what each mistake is answered with, and what is generated from the manifest's form.
//!
//! `SLUICE_BLESS=1 cargo test -p sluice --test manifest_goldens` rewrites all of them; then review the difference.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files may as well stop")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sluice::description::Description;
use sluice::manifest::{Describe, DescribeError, Override, load, reference_markdown, schema};

/// Rewrites what a test compares with.
const BLESS: &str = "SLUICE_BLESS";
const BLESS_COMMAND: &str = "SLUICE_BLESS=1 cargo test -p sluice --test manifest_goldens";
/// Relative, so that messages are the same on every machine; tests run in the package's directory.
const DIRECTORY: &str = "tests/manifests";

/// Answers with the description that lies in `components/` under the component's name.
struct Described;

impl Describe for Described {
    fn describe(&self, component: &Path) -> Result<Description, DescribeError> {
        if component.ends_with("old_contract.wasm") {
            let why = "it was built for the contract 0.0.9, and this sluice runs 0.1".to_owned();
            return Err(DescribeError::Refused(why));
        }
        if component.ends_with("mute.wasm") {
            return Err(DescribeError::Unreadable("`describe` returned no JSON object".to_owned()));
        }
        let text =
            fs::read_to_string(component.with_extension("json")).map_err(|_| DescribeError::Missing)?;
        serde_json::from_str(&text).map_err(|error| DescribeError::Unreadable(error.to_string()))
    }
}

/// The environment of every golden file.
fn env(name: &str) -> Option<String> {
    match name {
        "REGION" => Some("crm4".to_owned()),
        "EMPTY" => Some(String::new()),
        "LOOKBACK" => Some("30".to_owned()),
        "MISTAKEN" => Some("taken-from-outside".to_owned()),
        _ => None,
    }
}

/// The `--set` flags of a golden file: comments such as `#! --set limits.page_records=5`.
fn overrides(text: &str) -> Vec<Override> {
    let flags = text.lines().filter_map(|line| line.strip_prefix("#! --set "));
    flags.map(|flag| Override::split(flag).expect("KEY=VALUE")).collect()
}

/// What a person is told about a manifest; empty where nothing is wrong.
fn told(manifest: &Path) -> String {
    let text = fs::read(manifest).unwrap();
    let overrides = overrides(&String::from_utf8_lossy(&text));
    match load(manifest, &env, &overrides, &Described) {
        Ok((_, warnings)) => warnings.iter().map(|warning| format!("{warning}\n")).collect(),
        Err(rejected) => format!("{rejected}\n"),
    }
}

fn with_extension(extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(DIRECTORY).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    paths.sort();
    paths
}

fn blessing() -> bool {
    std::env::var_os(BLESS).is_some()
}

/// Compares a file with what it should be, or rewrites it; a sentence where they differ.
fn compare(path: &Path, wanted: &str) -> Option<String> {
    if blessing() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, wanted).unwrap();
        return None;
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    if found == wanted {
        return None;
    }
    Some(format!("{} is stale\n--- it says\n{found}\n--- it should say\n{wanted}", path.display()))
}

fn refuse(stale: &[String]) {
    assert!(stale.is_empty(), "{}\nreview, then refresh with: {BLESS_COMMAND}", stale.join("\n"));
}

#[test]
fn every_mistake_is_answered_as_written_beside_it() {
    let manifests = with_extension("toml");
    let stale: Vec<String> = manifests
        .iter()
        .filter_map(|manifest| compare(&manifest.with_extension("stderr"), &told(manifest)))
        .collect();
    refuse(&stale);
}

#[test]
fn golden_files_are_many_and_none_is_left_over() {
    let names = |extension| {
        let paths = with_extension(extension).into_iter();
        paths.map(|path| path.file_stem().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let manifests = names("toml");
    assert!(manifests.len() >= 29, "only {} manifests", manifests.len());
    if !blessing() {
        assert_eq!(manifests, names("stderr"));
    }
}

#[test]
fn no_two_mistakes_share_an_answer() {
    let mut answers: BTreeMap<String, PathBuf> = BTreeMap::new();
    for manifest in with_extension("toml") {
        let name = manifest.display().to_string();
        let answer = told(&manifest).replace(&name, "");
        let other = answers.insert(answer.clone(), manifest);
        assert!(answer.is_empty() || other.is_none(), "{name} and {other:?} are answered alike");
    }
}

#[test]
fn the_published_schema_is_current() {
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    refuse(compare(Path::new("../manifests/schema/pipeline.schema.json"), &text).as_slice());
}

#[test]
fn the_reference_is_current() {
    refuse(compare(Path::new("../docs/manifest-reference.md"), &reference_markdown()).as_slice());
}

#[test]
fn no_answer_repeats_a_secret() {
    for manifest in with_extension("toml") {
        let answer = told(&manifest);
        for secret in ["hunter2", "eyJ0eXAi", "taken-from-outside"] {
            assert!(!answer.contains(secret), "{} repeats {secret}", manifest.display());
        }
    }
}
