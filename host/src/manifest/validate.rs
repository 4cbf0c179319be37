//! Third pass: everything that is wrong with the manifest, at once.

use std::path::Path as FilePath;

use super::component::{self, Describe};
use super::grant;
use super::interpolation::Expanded;
use super::model::{Manifest, schema};
use super::problem::Report;
use super::secret;
use super::structure;
use super::tree::{Data, Node, Path};

/// The only version there is.
const VERSION: u64 = 1;

/// A manifest without errors.
pub(super) struct Valid {
    /// What it says.
    pub(super) manifest: Manifest,
}

/// Checks all there is to check; none where there are errors.
pub(super) fn validate(
    manifest: &Expanded,
    base: &FilePath,
    describe: &dyn Describe,
    report: &mut Report,
) -> Option<Valid> {
    version(&manifest.root, report);
    secret::check(manifest, report);
    let whole = Path::default();
    let json = manifest.root.to_json();
    if structure::check(&manifest.root, &whole, &json, &schema(), report).is_err() {
        // Our own schema is compiled by a test; this cannot happen in a build that passed it.
        report.error(None, &whole, "the manifest's own schema cannot be used".to_owned(), None);
    }
    let mut grants = grant::check(manifest, report);
    timeouts(&manifest.root, report);
    let lacking = component::check(manifest, base, &grants, describe, report);
    grant::check_credentials(manifest, &mut grants, lacking, report);
    if report.has_errors() {
        return None;
    }
    match serde_json::from_value(json) {
        Ok(manifest) => Some(Valid { manifest }),
        Err(error) => {
            // The schema and the types come from one source, so that this would be a fault of ours. No secret can be
            // in the words: secrets are references by now.
            let message = format!("the manifest cannot be read, although it fits its schema: {error}");
            report.error(None, &whole, message, None);
            None
        }
    }
}

fn version(root: &Node, report: &mut Report) {
    let path = Path::of(&["version"]);
    let Some(node) = root.at(&path) else { return };
    let Data::Plain(value) = &node.data else { return };
    if !value.is_number() || value.as_u64() == Some(VERSION) {
        return;
    }
    let message = format!("the manifest's version {value} is not known");
    let help = format!("write `version = {VERSION}`, or use a sluice that reads version {value}");
    report.error(Some(node.mark), &path, message, Some(help));
    report.distrust(&path);
}

/// A request that may take longer than the call it belongs to never gets that long.
fn timeouts(root: &Node, report: &mut Report) {
    let number = |key: &str| {
        let node = root.at(&Path::of(&["limits", key]))?;
        let Data::Plain(value) = &node.data else { return None };
        Some((node, value.as_u64()?))
    };
    let defaults = super::model::Limits::default();
    let path = Path::of(&["limits", "request_timeout_ms"]);
    let request = number("request_timeout_ms");
    let call = number("call_timeout_ms");
    let request_ms = request.map_or(u64::from(defaults.request_timeout_ms), |(_, ms)| ms);
    let call_ms = call.map_or(u64::from(defaults.call_timeout_ms), |(_, ms)| ms);
    if let Some((node, _)) = request.or(call).filter(|_| request_ms > call_ms) {
        let message = format!("one request may take {request_ms} ms, but the whole call only {call_ms} ms");
        let help = "raise `call_timeout_ms` or lower `request_timeout_ms`".to_owned();
        report.warning(Some(node.mark), &path, message, Some(help));
    }
}
