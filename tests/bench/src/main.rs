//! `make bench`: measures what Sluice promises about speed and memory, and prints aim and measured side by side.
//!
//! Everything is measured in one run and, where two things are compared, by turns, since machines are noisy: medians of
//! several turns are shown. It never judges a time; whoever reads the table does.

mod canned;
mod child;
mod error;
mod host;
mod latency;
mod moving;
mod plain;
mod sandbox;
mod start;
mod table;
mod transform;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use error::BenchError;
use table::Table;

/// Measures Sluice; minutes long.
#[derive(Debug, Parser)]
#[command(name = "sluice-bench", version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Fewer turns and fewer records.
    #[arg(long)]
    quick: bool,
    /// How the results are written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Only these measurements.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Section>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The plain program that `sluice run` is compared with.
    #[command(hide = true)]
    Plain(plain::Arguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Parse and map, in the component and natively.
    Transform,
    /// Records per second and processor time beside the plain program, and memory.
    Moving,
    /// From the start of the process to the first request.
    Start,
    /// One account behind slow services.
    Latency,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Extent {
    quick: bool,
}

impl Extent {
    /// The one number or, with `--quick`, the other.
    fn pick<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Some(Command::Plain(plain)) => plain::run(plain),
        None => measure(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), BenchError> {
    let extent = Extent { quick: arguments.quick };
    let wanted = |section| arguments.only.is_empty() || arguments.only.contains(&section);
    let workplace = host::Workplace::new()?;
    let mut table = Table::default();
    if wanted(Section::Moving) {
        moving::measure(&workplace, extent, &mut table)?;
    }
    if wanted(Section::Transform) {
        transform::measure(&workplace, extent, &mut table)?;
    }
    if wanted(Section::Start) {
        start::measure(&workplace, extent, &mut table)?;
    }
    if wanted(Section::Latency) {
        latency::measure(&workplace, extent, &mut table)?;
    }
    match arguments.output {
        Output::Text => println!("{}", table.text()),
        Output::Json => println!("{}", table.json(extent.quick)),
    }
    Ok(())
}
