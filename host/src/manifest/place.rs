//! Places: where in a manifest something stands, as a person counts.

use serde::Serialize;

/// A line and a column, both from 1; columns count characters, not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

/// Where a key or value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// At this byte of the manifest.
    Byte(usize),
    /// In the `--set` flag of this index.
    Flag(usize),
}

/// Finds lines and columns in a text.
pub(super) struct Lines {
    text: String,
    starts: Vec<usize>,
}

impl Lines {
    /// Of this text.
    pub(super) fn new(text: String) -> Self {
        let ends = text.match_indices('\n').map(|(offset, _)| offset + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { text, starts }
    }

    /// The line of a byte, from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The place of a byte; of the end where the text is shorter.
    pub(super) fn place(&self, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1; // Ends at 0 at the latest, which is a boundary.
        }
        let line = self.line(offset);
        let start = line.checked_sub(1).and_then(|index| self.starts.get(index)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        Place { line, column: column + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_from_one() {
        let lines = Lines::new("name = 'é' # ü\nx = 1\n".to_owned());
        assert_eq!(lines.place(0), Place { line: 1, column: 1 });
        let after = "name = 'é' ".len();
        assert_eq!(lines.place(after), Place { line: 1, column: 12 });
        assert_eq!(lines.place("name = 'é' # ü\nx = ".len()), Place { line: 2, column: 5 });
        assert_eq!(lines.place(9), Place { line: 1, column: 9 }, "inside a character: its start");
        assert_eq!(lines.place(10_000), Place { line: 3, column: 1 });
    }
}
