//! What keeps the host and the connector apart, read from their sources.

use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust and SQL file below a directory, with its path from there.
fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                waiting.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs" || extension == "sql") {
                let text = std::fs::read_to_string(&entry).unwrap();
                found.push((entry.strip_prefix(directory).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 10, "{} has hardly any source", directory.display());
    found
}

/// Lines of the sources below `directory` that hold one of `words`, outside the `exempt` places.
fn lines_with(directory: &str, words: &[&str], exempt: impl Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(&workspace().join(directory)) {
        if exempt(&path) {
            continue;
        }
        let lines = text.lines().filter(|line| {
            let line = line.to_lowercase();
            words.iter().any(|word| line.contains(word))
        });
        found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
    }
    found
}

#[test]
fn the_host_knows_no_vendor() {
    let vendors =
        ["linkedin", "dynamics", "dataverse", "msdyncrm", "microsoft", "aadsts", "sponsored", "urn:li"];
    assert_eq!(lines_with("host/src", &vendors, |_| false), [""; 0]);
    // The words are looked for in the right way: the connector is full of them.
    assert!(!lines_with("connector/src", &vendors, |_| false).is_empty());
}

#[test]
fn generated_types_of_the_contract_stay_behind_one_door_on_each_side() {
    let host = |path: &Path| path.starts_with("runtime");
    assert_eq!(lines_with("host/src", &["bindings::", "bindgen!"], host), [""; 0]);
    let guest = |path: &Path| path == Path::new("guest.rs");
    let generated = ["wit_bindgen", "sluice::connector", "exports::"];
    assert_eq!(lines_with("connector/src", &generated, guest), [""; 0]);
    assert!(!lines_with("connector/src", &generated, |_| false).is_empty());
    assert!(!lines_with("host/src", &["bindings::", "bindgen!"], |_| false).is_empty());
}
