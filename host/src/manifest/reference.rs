//! The reference of the manifest, generated from its schema.

/// The reference as Markdown.
pub fn reference_markdown() -> String {
    String::new()
}
