//! What was measured, for people and for machines.

use comfy_table::{CellAlignment, ContentArrangement, Table as Grid, presets};
use serde::Serialize;
use serde_json::json;

/// The widest table, in columns.
const WIDTH: u16 = 100;

/// Where a value should lie.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    AtLeast(f64),
    AtMost(f64),
    /// Shown for comparison.
    None,
}

/// How a value is shown.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Ratio,
    RecordsPerSecond,
    /// For each record.
    Microseconds,
    Milliseconds,
    Mebibytes,
}

/// One line: the median of its samples.
#[derive(Debug, Serialize)]
struct Line {
    what: String,
    unit: Unit,
    aim: Aim,
    median: f64,
    samples: Vec<f64>,
}

/// All that was measured.
#[derive(Debug, Default)]
pub(crate) struct Table(Vec<Line>);

/// The middle value, or the mean of the two in the middle; 0 where there is none.
pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => at(odd / 2),
        even => f64::midpoint(at(even / 2 - 1), at(even / 2)),
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Ratio => format!("{value:.2}"),
            Self::RecordsPerSecond => format!("{value:.0}/s"),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Mebibytes => format!("{value:.1} MiB"),
        }
    }
}

impl Table {
    /// Adds a line, and says it on standard error, since the table comes minutes later.
    pub(crate) fn add(&mut self, what: impl Into<String>, unit: Unit, aim: Aim, samples: Vec<f64>) {
        let (what, median) = (what.into(), median(&samples));
        eprintln!("{what}: {}", unit.show(median));
        self.0.push(Line { what, unit, aim, median, samples });
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut grid = Grid::new();
        grid.load_style(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Dynamic);
        grid.set_width(WIDTH).set_header(["measured", "aim", "median", "lowest", "highest"]);
        for Line { what, unit, aim, median, samples } in &self.0 {
            let aim = match aim {
                Aim::AtLeast(value) => format!("≥ {}", unit.show(*value)),
                Aim::AtMost(value) => format!("≤ {}", unit.show(*value)),
                Aim::None => String::new(),
            };
            let lowest = samples.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            grid.add_row([what.clone(), aim, unit.show(*median), unit.show(lowest), unit.show(highest)]);
        }
        grid.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        grid.to_string()
    }

    /// For machines.
    pub(crate) fn json(&self, quick: bool) -> String {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        json!({ "quick": quick, "processors": processors, "measured": self.0 }).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(median(&[3.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]).to_bits(), 2.5_f64.to_bits());
    }

    #[test]
    fn the_table_fits_a_readme() {
        let mut table = Table::default();
        let what =
            "a measurement whose name goes on for so long that no table of a hundred columns can hold it all";
        table.add(what, Unit::RecordsPerSecond, Aim::AtLeast(10_000.0), vec![9_999.0, 12_345.6]);
        let text = table.text();
        assert!(text.lines().all(|line| line.chars().count() <= usize::from(WIDTH)), "{text}");
        assert!(text.contains("≥ 10000/s") && text.contains("11172/s"), "{text}");
    }
}
