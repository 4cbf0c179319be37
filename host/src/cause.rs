//! What lies at the bottom of an error: HTTP clients wrap the system's words several times over, and the outermost
//! layer names the URL, which may hold personal data.

use std::error::Error;

/// The text of the innermost cause, without that of the error itself; `otherwise` where it has no cause.
pub(crate) fn innermost(error: &dyn Error, otherwise: &str) -> String {
    let mut source = error.source();
    let mut text = otherwise.to_owned();
    // Ends: each cause lies deeper, and chains are finite.
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}
