//! What a built component is made of: pinned, so that a dependency cannot add an import unnoticed.

use sluice::runtime::admission::{Admitted, admit};
use sluice_tests::guests::component;

const LIMIT: u64 = 32 << 20;

fn admitted(name: &str) -> Admitted {
    let bytes = std::fs::read(component(name)).expect("a built component can be read");
    admit(&bytes, LIMIT).expect("a component of ours is admitted")
}

#[test]
fn the_connector_imports_exactly_what_the_contract_offers_and_no_wasi() {
    let mut imports = admitted("linkedin_dynamics").imports;
    imports.sort();
    assert_eq!(
        imports,
        [
            "sluice:connector/clock@0.1.0",
            "sluice:connector/credentials@0.1.0",
            "sluice:connector/http@0.1.0",
            "sluice:connector/log@0.1.0",
            "sluice:connector/types@0.1.0",
        ]
    );
}

#[test]
fn the_connector_exports_every_role() {
    let mut exports = admitted("linkedin_dynamics").exports;
    exports.sort();
    assert_eq!(exports, ["connector", "sink", "source", "webhook"]);
}

#[test]
fn the_connector_was_built_against_this_contract() {
    assert_eq!(admitted("linkedin_dynamics").contract.to_string(), "0.1.0");
}
