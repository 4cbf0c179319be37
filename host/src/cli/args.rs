//! The arguments, as clap reads them. Help texts are written for the person at the keyboard.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::selection::{Narrowed, Selection};
use crate::manifest::Override;

/// Moves records between sandboxed components, as a manifest says.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100, after_long_help = EXIT_CODES)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    everything landed, or the answer is yes
  1    the run failed, or part of it did
  2    the command line or the manifest is wrong
  3    the run finished, and some records are dead letters
  4    a credential was refused or a right is missing
  130  stopped by Ctrl-C (143: by SIGTERM); what was confirmed is kept

Examples:
  sluice validate pipeline.toml        find every mistake, offline, without secrets
  sluice check pipeline.toml           try every right and setting on both sides
  sluice run pipeline.toml             move what is new
  sluice run pipeline.toml --output json | jq .counts";

/// Options of every command.
#[derive(Debug, clap::Args)]
pub(super) struct Global {
    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub(super) output: Format,
    /// How much is logged to standard error
    #[arg(long, global = true, value_enum, default_value_t = LogLevel::Warn, env = "SLUICE_LOG_LEVEL")]
    pub(super) log_level: LogLevel,
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, env = "SLUICE_LOG_FORMAT")]
    pub(super) log_format: LogFormat,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For machines: one JSON document
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogLevel {
    /// Nothing
    Off,
    /// What failed
    Error,
    /// What needs attention
    Warn,
    /// What happens
    Info,
    /// Each request, without its content
    Debug,
    /// Everything
    Trace,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object a line
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find every mistake in a manifest, offline and without secrets
    #[command(visible_alias = "lint")]
    Validate(Manifest),
    /// Try every right and setting that the pipeline needs, on both sides
    Check(Manifest),
    /// List the partitions of the pipeline's stream and their states
    #[command(
        after_long_help = "Examples:\n  sluice discover pipeline.toml\n  sluice discover pipeline.toml --output json | jq '.[] | select(.state != \"active\")'"
    )]
    Discover(Discover),
    /// Read records and print them; stops before the sink and moves no cursor
    #[command(
        after_long_help = "Examples:\n  sluice read pipeline.toml --limit 5\n  sluice read pipeline.toml --partition ID | jq .data"
    )]
    Read(Read),
    /// Move what is new from the source to the sink
    #[command(
        after_long_help = "Examples:\n  sluice run pipeline.toml\n  sluice run pipeline.toml --plan\n  sluice run pipeline.toml --since 2026-08-01 --until 2026-09-01 --plan\n  sluice run pipeline.toml --set limits.page_records=100 --output json"
    )]
    Run(Run),
    /// Receive notices that a vendor pushes, and manage its subscriptions
    #[command(subcommand)]
    Webhook(Webhook),
    /// Show what a component is: contract, imports, streams, schemas, wanted credentials and origins
    Inspect(Inspect),
}

/// A manifest and how it is changed.
#[derive(Debug, clap::Args)]
pub(super) struct Manifest {
    /// The manifest's file
    pub(super) manifest: PathBuf,
    /// Replace a value of the manifest, as TOML: `limits.page_records=100`; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_override)]
    pub(super) overrides: Vec<Override>,
    /// Read further environment variables from a file of NAME=VALUE lines
    #[arg(long, value_name = "FILE")]
    pub(super) env_file: Option<PathBuf>,
}

fn parse_override(text: &str) -> Result<Override, String> {
    Override::split(text).ok_or_else(|| "write KEY=VALUE, such as `limits.page_records=100`".to_owned())
}

/// Arguments of `read`.
#[derive(Debug, clap::Args)]
pub(super) struct Read {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    /// Read this partition only; may be repeated
    #[arg(long, value_name = "ID")]
    pub(super) partition: Vec<String>,
    /// Stop after this many records
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// How records are written
    #[arg(long, value_enum, default_value_t = RecordFormat::Jsonl)]
    pub(super) format: RecordFormat,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RecordFormat {
    /// One JSON object a line
    Jsonl,
}

/// Arguments of `discover`.
#[derive(Debug, clap::Args)]
pub(super) struct Discover {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    /// Only list; do not try whether each partition may be read
    #[arg(long)]
    pub(super) no_probe: bool,
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Say what would be done; write nothing and move no cursor
    #[arg(long, visible_alias = "dry-run")]
    pub(super) plan: bool,
    /// Keep checkpoints and outcomes in this file instead of the manifest's `store.path`
    #[arg(long, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
    /// Also write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(super) summary: Option<PathBuf>,
}

/// What to do about pushed notices.
#[derive(Debug, Subcommand)]
pub(super) enum Webhook {
    /// Take one raw HTTP request, print the answer, then fetch and write what it told of
    #[command(
        after_long_help = "In JSON, two lines are printed: the answer with what was kept, then the delivery.\n\nExamples:\n  sluice webhook receive pipeline.toml < request.http\n  sluice webhook receive pipeline.toml --request request.http --no-deliver"
    )]
    Receive(Receive),
    /// Fetch and write what notices told of and is not done yet; `run` does so too
    Deliver(Hook),
    /// Make the vendor send notices to a URL; harmless to repeat
    #[command(
        after_long_help = "Examples:\n  sluice webhook subscribe pipeline.toml --url https://hooks.example.test/leads\n  sluice webhook subscribe pipeline.toml --url https://hooks.example.test/leads --kind EVENT"
    )]
    Subscribe(Subscribe),
    /// List the subscriptions
    List(Manifest),
    /// End subscriptions and make them anew, for instance when the vendor has blocked them
    Renew(Renew),
    /// End subscriptions
    Remove(Remove),
}

/// A manifest and where its state is kept.
#[derive(Debug, clap::Args)]
pub(super) struct Hook {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    /// Keep notices and outcomes in this file instead of the manifest's `store.path`
    #[arg(long, value_name = "FILE")]
    pub(super) store: Option<PathBuf>,
}

/// Arguments of `webhook receive`.
#[derive(Debug, clap::Args)]
pub(super) struct Receive {
    #[command(flatten)]
    pub(super) hook: Hook,
    /// The file that holds the request, head and body; `-` is standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    pub(super) request: PathBuf,
    /// Only keep what it tells of; a later `deliver` or `run` works it off
    #[arg(long)]
    pub(super) no_deliver: bool,
}

/// Arguments of `webhook subscribe`.
#[derive(Debug, clap::Args)]
pub(super) struct Subscribe {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    /// Where notices go: a public https URL that answers already
    #[arg(long, value_name = "URL")]
    pub(super) url: String,
    #[command(flatten)]
    pub(super) narrowed: Narrowed,
}

/// Arguments of `webhook renew`.
#[derive(Debug, clap::Args)]
pub(super) struct Renew {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    /// Renew only those with this URL
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) narrowed: Narrowed,
}

/// Arguments of `webhook remove`.
#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    #[command(flatten)]
    pub(super) manifest: Manifest,
    /// End the subscription with this id; may be repeated
    #[arg(long, value_name = "ID", required_unless_present = "all")]
    pub(super) id: Vec<String>,
    /// End every subscription that the manifest covers
    #[arg(long, conflicts_with = "id")]
    pub(super) all: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct Inspect {
    /// The component's file
    pub(super) component: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }
}
