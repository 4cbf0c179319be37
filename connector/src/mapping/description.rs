//! The lines for answers that have no column of their own.

use crate::record::Answer;

/// Appends `Question: answer`, and a line break before it where it is not the first line.
pub(crate) fn append(lines: &mut String, answer: &Answer<'_>) {
    if !lines.is_empty() {
        lines.push('\n');
    }
    match label(answer) {
        Some(label) => lines.push_str(label),
        None => {
            lines.push_str("Question ");
            lines.push_str(&answer.question_id);
        }
    }
    lines.push_str(": ");
    lines.push_str(answer.text.trim());
}

/// The question as the member saw it, or the profile field's name where the form was not given.
fn label<'a>(answer: &'a Answer<'_>) -> Option<&'a str> {
    let candidates = [answer.question.as_deref(), answer.predefined_field.as_deref()];
    candidates
        .into_iter()
        .flatten()
        .map(|text| text.trim().trim_end_matches(':').trim_end())
        .find(|text| !text.is_empty())
}
