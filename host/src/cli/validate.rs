//! `sluice validate`: every mistake of a manifest, offline.

use serde_json::json;

use super::args;
use super::exit::Exit;
use super::output::Output;
use super::prologue::load;

pub(super) fn validate(manifest: &args::Manifest, output: &Output) -> Exit {
    let loaded = match load(manifest, *output) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let result = json!({ "valid": true, "pipeline": loaded.pipeline.name, "problems": loaded.warnings });
    output.result(&result, || {
        let warnings: String = loaded.warnings.iter().map(|warning| format!("{warning}\n")).collect();
        format!("{warnings}{}: valid (pipeline `{}`)", manifest.manifest.display(), loaded.pipeline.name)
    });
    Exit::Success
}
