//! What every command that takes a manifest does first: read it, say what is wrong with it, and put it together.

use std::collections::HashMap;
use std::path::Path;

use super::args;
use super::exit::Exit;
use super::files::component_cache;
use super::output::{Output, say};
use crate::assembly::{Assembly, Environment, Workshop};
use crate::manifest::{self, Pipeline, Problem};

/// The process's environment, with the variables of an environment file in front.
pub(super) struct Variables(HashMap<String, String>);

impl Variables {
    fn read(manifest: &args::Manifest) -> Result<Self, String> {
        let Some(path) = &manifest.env_file else { return Ok(Self(HashMap::new())) };
        let fail = |error: dotenvy::Error| match error {
            // The library's text would quote the line, which may hold a secret.
            dotenvy::Error::LineParse(line, _) => {
                format!("cannot read `{}`: {} is not NAME=VALUE", path.display(), numbered(path, &line))
            }
            other => format!("cannot read `{}`: {other}", path.display()),
        };
        let found = dotenvy::from_path_iter(path).map_err(fail)?;
        found.collect::<Result<_, _>>().map(Self).map_err(fail)
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned().or_else(|| std::env::var(name).ok())
    }
}

/// A line of a file by its number, where it can still be found.
fn numbered(path: &Path, line: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let found = text.lines().position(|found| found.trim() == line.trim());
    found.map_or_else(|| "a line".to_owned(), |index| format!("line {}", index + 1))
}

/// A manifest that is valid.
pub(super) struct Loaded {
    pub(super) pipeline: Pipeline,
    pub(super) warnings: Vec<Problem>,
    pub(super) workshop: Workshop,
    pub(super) variables: Variables,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("pipeline", &self.pipeline.name).finish_non_exhaustive()
    }
}

/// Loads and validates; on failure everything has been said and the exit code is returned.
pub(super) fn load(manifest: &args::Manifest, output: Output) -> Result<Loaded, Exit> {
    let variables = Variables::read(manifest).map_err(|message| output.fail(Exit::Usage, &message))?;
    let workshop = Workshop::new(component_cache(output));
    let workshop = workshop.map_err(|error| output.fail(Exit::Failed, &error.to_string()))?;
    let environment = |name: &str| variables.get(name);
    match manifest::load(&manifest.manifest, &environment, &manifest.overrides, &workshop) {
        Ok((pipeline, warnings)) => Ok(Loaded { pipeline, warnings, workshop, variables }),
        Err(rejected) => {
            if output.is_json() {
                output.result(&rejected, String::new);
            } else {
                say(&rejected.to_string());
            }
            Err(Exit::Usage)
        }
    }
}

/// Loads, shows warnings, and puts the pipeline together.
pub(super) fn assemble(manifest: &args::Manifest, output: Output) -> Result<(Loaded, Assembly), Exit> {
    let loaded = load(manifest, output)?;
    for warning in &loaded.warnings {
        output.note(&warning.to_string());
    }
    let variables = |name: &str| loaded.variables.get(name);
    match Assembly::new(&loaded.pipeline, &loaded.workshop, &Environment(&variables)) {
        Ok(assembly) => Ok((loaded, assembly)),
        Err(error) => Err(output.fail(Exit::Usage, &error.to_string())),
    }
}
