//! Files that are no component of this contract: each with a sentence of its own.

use crate::machine::{Machine, component, end, sluice};

const CORE: &str = "(module)";
const WASI: &str = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
const BARE: &str = "(component)";

fn exporting(version: &str) -> String {
    format!(r#"(component (instance $i) (export "sluice:connector/connector@{version}" (instance $i)))"#)
}

fn built(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Name, content, and what is said of it.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        (
            "empty.wasm",
            Vec::new(),
            "it is not a WebAssembly component: the file does not begin as WebAssembly does",
        ),
        (
            "script.wasm",
            b"#!/bin/sh\n".to_vec(),
            "it is not a WebAssembly component: the file does not begin",
        ),
        ("cut.wasm", built(BARE)[..6].to_vec(), "it is not a WebAssembly component: "),
        (
            "core.wasm",
            built(CORE),
            "it is a core module, not a component; build it for wasm32-unknown-unknown",
        ),
        (
            "wasi.wasm",
            built(WASI),
            "it imports `wasi:cli/environment@0.2.0`, and a component may import only",
        ),
        ("bare.wasm", built(BARE), "it does not export `sluice:connector/connector`"),
        (
            "old.wasm",
            built(&exporting("0.0.9")),
            "it was built against version 0.0.9 of the contract and this host speaks 0.1.0; rebuild the component",
        ),
        (
            "new.wasm",
            built(&exporting("0.2.0")),
            "it was built against version 0.2.0 of the contract and this host speaks 0.1.0; update Sluice",
        ),
    ]
}

#[test]
fn inspect_says_why_a_file_is_refused() {
    let machine = Machine::start();
    for (name, content, sentence) in refused() {
        machine.write(name, content);
        let ended = machine.sluice(&["inspect", name]).with(1).says(&[sentence]);
        let start = format!("error: the component `{name}` is refused: ");
        assert!(ended.stderr.starts_with(&start) && ended.stderr.lines().count() == 1, "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
    let missing = machine.sluice(&["inspect", "missing.wasm"]).with(1);
    assert!(missing.stderr.starts_with("error: cannot read the component `missing.wasm`: "), "{missing:?}");
}

#[test]
fn every_command_on_a_manifest_refuses_such_a_file_by_name_and_place() {
    let machine = Machine::start();
    for (name, content, sentence) in refused() {
        machine.write(name, content);
        let set = format!("source.component=\"{name}\"");
        let ended = machine.on_leads("validate", &["--set", &set]).with(2).says(&[sentence]);
        let start = format!("--set source.component: error: the component `{name}` cannot be used: ");
        assert!(ended.stderr.starts_with(&start), "{ended:?}");
    }
    let set = ["--set", "sink.component=\"missing.wasm\""];
    for command in ["validate", "check", "discover", "read", "run"] {
        let ended = machine.on_leads(command, &set).with(2);
        ended.says(&["the component `missing.wasm` does not exist", "help: build it with `cargo build"]);
    }
    assert!(!machine.path("store.db").exists());
}

#[test]
fn a_component_larger_than_the_manifest_allows_is_refused_with_the_limit() {
    let machine = Machine::start();
    let ended = machine.on_leads("run", &["--set", "limits.component_bytes=65536"]).with(2);
    ended.says(&["and the limit is 65536; raise `limits.component_bytes` if you trust it"]);
}

#[test]
fn inspect_tells_what_a_component_is_and_wants() {
    let ended = end(sluice().arg("inspect").arg(component())).with(0);
    assert_eq!(ended.stderr, "");
    let begin = "linkedin-dynamics 0.1.0  LinkedIn Lead Gen Forms to Dynamics 365\n\
                 contract  sluice:connector@0.1.0\n\
                 roles     source, sink, webhook\n";
    assert!(ended.stdout.starts_with(begin), "{ended:?}");
    let ended = ended.says(&[
        "\n          sluice:connector/log@0.1.0\n",
        "\nstream    lead_responses (incremental): ",
        "\nsource\n  credential  linkedin (static or oauth_authorization_code)\n",
        "\n  origin      https://api.linkedin.com, or that of `config.api_url`\n",
        "\nsink\n  credential  dataverse (oauth_client_credentials or static)\n",
        "\n  origin      that of `config.organization_url`\n",
        "\n  config      page_size [100]: ",
        "\nSchemas: add `--output json`.\n",
    ]);
    assert!(!ended.stdout.contains("wasi"), "{ended:?}");
    let json = end(sluice().args(["inspect", "--output", "json"]).arg(component())).with(0).json();
    assert_eq!(json["contract"], "0.1.0");
    assert_eq!(json["description"]["name"], "linkedin-dynamics");
    assert_eq!(json["description"]["source"]["config"]["type"], "object");
}
