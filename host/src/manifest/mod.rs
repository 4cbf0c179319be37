//! The manifest: a TOML file that names a pipeline, its components, and what they may do.
//!
//! Four passes, each with a type of its own: parse (`Parsed`) → fill in (`Expanded`) → validate (`Valid`) → resolve
//! ([`Pipeline`]). All problems are told at once, with their place and how to mend them. Secrets are referred to,
//! never read: a manifest can be validated without them. This never loads a component: it asks one what it says of
//! itself through [`Describe`].

mod alternatives;
mod component;
mod grant;
mod interpolation;
mod model;
mod nearest;
mod overrides;
mod parse;
mod place;
mod problem;
mod reference;
mod resolve;
mod secret;
mod structure;
mod tree;
mod validate;
mod wording;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path as FilePath;

pub use component::{Describe, DescribeError};
pub use model::{Limits, Schedule, Secret, schema};
pub use overrides::Override;
pub use place::Place;
pub use problem::{Problem, Rejected, Severity};
pub use reference::reference_markdown;
pub use resolve::{Credential, CredentialKind, Network, Pipeline, Sink, Source};

use interpolation::Outside;
use place::Lines;
use problem::Report;
use tree::Path;

/// Largest file that `${file:PATH}` fills in.
const MAX_FILLED_FILE_BYTES: u64 = 64 << 10;

/// Loads the manifest at `path`: the pipeline and its warnings, or everything that is wrong.
///
/// `env` is the environment for `${NAME}`; `overrides` are put in before anything is checked; `describe` is asked
/// about each component once.
///
/// # Errors
///
/// [`Rejected`] holds every problem, a file that cannot be read included.
pub fn load(
    path: &FilePath,
    env: &dyn Fn(&str) -> Option<String>,
    overrides: &[Override],
    describe: &dyn Describe,
) -> Result<(Pipeline, Vec<Problem>), Rejected> {
    let input = path.display().to_string();
    let bytes = match read(path, parse::MAX_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) => {
            let mut report = Report::new(input, Lines::new(String::new()), Vec::new());
            let help = "name the manifest's file".to_owned();
            report.error(None, &Path::default(), format!("cannot be read: {}", reason(&error)), Some(help));
            return Err(Rejected { problems: report.into_problems() });
        }
    };
    let base = path.parent().unwrap_or(FilePath::new(""));
    check(bytes, &input, base, env, overrides, describe)
}

/// The passes, over a manifest that is read.
fn check(
    bytes: Vec<u8>,
    input: &str,
    base: &FilePath,
    env: &dyn Fn(&str) -> Option<String>,
    overrides: &[Override],
    describe: &dyn Describe,
) -> Result<(Pipeline, Vec<Problem>), Rejected> {
    let flags = overrides.iter().map(Override::shown).collect();
    let (mut parsed, mut report) =
        parse::parse(bytes, input, flags).map_err(|problems| Rejected { problems })?;
    overrides::apply(&mut parsed, overrides, &mut report);
    let file = |path: &str| text(&base.join(path));
    let expanded = interpolation::expand(parsed, &Outside { env, file: &file }, &mut report);
    let Some(valid) = validate::validate(&expanded, base, describe, &mut report) else {
        return Err(Rejected { problems: report.into_problems() });
    };
    match resolve::resolve(valid, base) {
        Ok(pipeline) => Ok((pipeline, report.into_problems())),
        Err(error) => {
            report.error(None, &Path::default(), error.to_string(), None);
            Err(Rejected { problems: report.into_problems() })
        }
    }
}

/// A file's bytes, one more than the bound at most, so that a larger file can be told.
fn read(path: &FilePath, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most_bytes + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file's text for `${file:PATH}`, or why not.
fn text(path: &FilePath) -> Result<String, String> {
    let bytes = read(path, MAX_FILLED_FILE_BYTES).map_err(|error| reason(&error))?;
    if bytes.len() as u64 > MAX_FILLED_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILLED_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
}

/// Why a file cannot be read, the same words on every system.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "you have no permission to".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        kind => kind.to_string(),
    }
}

#[cfg(test)]
mod tests;
