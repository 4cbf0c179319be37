//! What a table's columns take: the part of the metadata that mapping needs.

/// What a column takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One or several lines of text.
    Text {
        /// The longest value, in UTF-16 code units.
        max_length: usize,
    },
    /// A whole number.
    Integer {
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// One of a closed list of numbers.
    Choice {
        /// The numbers, as they stand in the organisation.
        values: Vec<i64>,
    },
}

impl Kind {
    /// What a person calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Integer { .. } => "a whole number",
            Self::Choice { .. } => "a choice",
        }
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The logical name.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Whether rows may be created and updated with it.
    pub writable: bool,
}

/// The columns of one table that can be filled from text, numbers and choices.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    columns: Vec<Column>,
}

impl Table {
    /// Takes the columns in any order. Of two with one name, one is kept.
    pub fn new(mut columns: Vec<Column>) -> Self {
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.dedup_by(|a, b| a.name == b.name);
        Self { columns }
    }

    /// The column of that logical name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let at = self.columns.binary_search_by(|column| column.name.as_str().cmp(name)).ok()?;
        self.columns.get(at)
    }

    /// Whether `number` is the limit of some column: such numbers may be shown in messages.
    pub fn is_limit(&self, number: i64) -> bool {
        self.columns.iter().any(|column| match column.kind {
            Kind::Text { max_length } => i64::try_from(max_length) == Ok(number),
            Kind::Integer { min, max } => number == min || number == max,
            Kind::Choice { .. } => false,
        })
    }

    /// Whether there is none at all, which no real table has.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}
