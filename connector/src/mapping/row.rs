//! One response as one row.

use std::borrow::Cow;

use serde::ser::{Serialize, Serializer};

use super::columns::Kind;
use super::description;
use super::rules::{Rule, Rules};
use super::template::Names;
use super::values::{OverLong, cut, fits, lower_bound, whole_number};
use crate::record::{Answer, LeadResponse, Named};

/// The value of one column.
#[derive(Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// For columns of text.
    Text(Cow<'a, str>),
    /// For whole numbers and choices.
    Integer(i64),
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
        }
    }
}

/// The columns of one row. It has no `Debug`: its values are personal data.
pub struct Row<'a> {
    rules: &'a Rules,
    cells: Vec<Option<Value<'a>>>,
    notes: Vec<String>,
}

impl<'a> Row<'a> {
    /// The columns that have a value, in a fixed order.
    pub fn columns(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
        let names = self.rules.slots.iter().map(|column| column.name.as_str());
        names.zip(&self.cells).filter_map(|(name, cell)| Some((name, cell.as_ref()?)))
    }

    /// What policies changed, for a person.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// As [`Self::notes`], for keeps.
    pub fn into_notes(self) -> Vec<String> {
        self.notes
    }
}

/// Why a response cannot become a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// A stable word.
    pub code: &'static str,
    /// A sentence for a person: column and limit, never the value.
    pub message: String,
}

/// Turns a response into a row. No answer is dropped without a note: what has no column, or finds it taken, becomes a
/// line of the description. Empty answers are no answers.
pub fn map<'a>(response: &'a LeadResponse<'_>, rules: &'a Rules) -> Result<Row<'a>, Rejection> {
    let row = Row { rules, cells: vec![None; rules.slots.len()], notes: Vec::new() };
    let mut mapper = Mapper { rules, row, lines: Vec::new() };
    let mut waiting = Vec::new();
    for (at, answer) in response.answers.iter().enumerate() {
        let text = answer.text.trim();
        if text.is_empty() {
            continue;
        }
        match answer.predefined_field.as_deref().and_then(|name| rules.field(name)) {
            Some(Rule::Columns { late: true, slots, band }) => waiting.push((at, text, slots, *band)),
            Some(Rule::Columns { slots, band, .. }) => mapper.place(at, text, slots, *band)?,
            Some(Rule::Omit) => mapper.omit(answer),
            Some(Rule::Description) | None => mapper.lines.push(at),
        }
    }
    for (at, text, slots, band) in waiting {
        mapper.place(at, text, slots, band)?;
    }
    mapper.subject(response)?;
    mapper.description(&response.answers)?;
    if let Some((slot, value)) = rules.lead_source {
        mapper.set(slot, Value::Integer(value));
    }
    Ok(mapper.row)
}

struct Mapper<'a> {
    rules: &'a Rules,
    row: Row<'a>,
    /// Positions of the answers that become lines of the description.
    lines: Vec<usize>,
}

impl<'a> Mapper<'a> {
    fn place(&mut self, at: usize, text: &'a str, slots: &[usize], band: bool) -> Result<(), Rejection> {
        let mut too_short = None;
        for &slot in slots {
            let Some(kind) = self.free(slot) else { continue };
            match *kind {
                Kind::Integer { min, max } => return self.place_number(at, text, slot, band, min..=max),
                Kind::Text { max_length } if !fits(text, max_length) => {
                    too_short.get_or_insert((slot, max_length));
                }
                Kind::Text { .. } | Kind::Choice { .. } => {
                    if let Some((first, max_length)) = too_short {
                        let (first, other) = (self.name(first), self.name(slot));
                        let note = format!("{first}: longer than {max_length} characters; kept in {other}");
                        self.row.notes.push(note);
                    }
                    self.set(slot, Value::Text(Cow::Borrowed(text)));
                    return Ok(());
                }
            }
        }
        match too_short {
            Some((slot, _)) => self.text(slot, Cow::Borrowed(text)),
            // Every column is taken by another answer.
            None => {
                self.lines.push(at);
                Ok(())
            }
        }
    }

    /// A number that is only part of the answer leaves the whole answer in the description, so that nothing is lost.
    fn place_number(
        &mut self,
        at: usize,
        text: &str,
        slot: usize,
        band: bool,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<(), Rejection> {
        let exact = whole_number(text);
        let number = if band { exact.or_else(|| lower_bound(text)) } else { exact };
        match number {
            Some(number) if range.contains(&number) => self.set(slot, Value::Integer(number)),
            Some(_) => {
                let (name, min, max) = (self.name(slot), range.start(), range.end());
                let note = format!("{name}: not between {min} and {max}; kept in the description");
                self.row.notes.push(note);
            }
            None => {
                let note = format!("{}: no whole number; kept in the description", self.name(slot));
                self.row.notes.push(note);
            }
        }
        if exact.is_none_or(|number| !range.contains(&number)) {
            self.lines.push(at);
        }
        Ok(())
    }

    fn omit(&mut self, answer: &Answer<'_>) {
        let field = answer.predefined_field.as_deref().unwrap_or_default();
        let note = format!("{field}: left out; map it to a column, or to description, to keep it");
        self.row.notes.push(note);
    }

    fn subject(&mut self, response: &'a LeadResponse<'_>) -> Result<(), Rejection> {
        let Some((slot, template)) = &self.rules.subject else { return Ok(()) };
        if self.free(*slot).is_none() {
            return Ok(());
        }
        let campaign = response.campaign.as_ref().and_then(|campaign| campaign.name.as_deref());
        let name = |of: &'a Option<Named<'_>>| of.as_ref().and_then(|named| named.name.as_deref());
        let text = template.render(Names {
            form: response.form.name.as_deref().unwrap_or(&response.form.id),
            campaign: campaign.unwrap_or_default(),
            campaign_group: name(&response.campaign_group).unwrap_or_default(),
            creative: name(&response.creative).unwrap_or_default(),
        });
        if text.is_empty() { Ok(()) } else { self.text(*slot, text) }
    }

    fn description(&mut self, answers: &[Answer<'_>]) -> Result<(), Rejection> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let Some(slot) = self.rules.description else {
            let count = self.lines.len();
            let note = format!("{count} answers have no column, and lead has no description to keep them");
            self.row.notes.push(note);
            return Ok(());
        };
        // Late answers were put at the end; the form's order is the readable one.
        self.lines.sort_unstable();
        let mut text = String::new();
        for answer in self.lines.iter().filter_map(|at| answers.get(*at)) {
            description::append(&mut text, answer);
        }
        self.text(slot, Cow::Owned(text))
    }

    /// Sets a text, or does with it what the policy for long ones says.
    fn text(&mut self, slot: usize, text: Cow<'a, str>) -> Result<(), Rejection> {
        let max = match self.rules.slots.get(slot).map(|column| &column.kind) {
            Some(Kind::Text { max_length }) => *max_length,
            _ => usize::MAX,
        };
        if fits(&text, max) {
            self.set(slot, Value::Text(text));
            return Ok(());
        }
        let name = self.name(slot);
        if self.rules.over_long == OverLong::Reject {
            let message = format!(
                "{name} takes at most {max} characters; lengthen it, map to another column, or set over_long to cut"
            );
            return Err(Rejection { code: "too_long", message });
        }
        self.row.notes.push(format!("{name}: cut to {max} characters"));
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(cut(text, max)),
            Cow::Owned(mut text) => {
                text.truncate(cut(&text, max).len());
                Cow::Owned(text)
            }
        };
        self.set(slot, Value::Text(text));
        Ok(())
    }

    /// The column's kind, if it has no value yet.
    fn free(&self, slot: usize) -> Option<&'a Kind> {
        let taken = self.row.cells.get(slot)?.is_some();
        if taken { None } else { self.rules.slots.get(slot).map(|column| &column.kind) }
    }

    fn name(&self, slot: usize) -> &'a str {
        self.rules.slots.get(slot).map_or("", |column| column.name.as_str())
    }

    fn set(&mut self, slot: usize, value: Value<'a>) {
        if let Some(cell) = self.row.cells.get_mut(slot) {
            *cell = Some(value);
        }
    }
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
