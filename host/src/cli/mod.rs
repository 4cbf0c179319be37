//! The command line: reads arguments, calls the library, and turns what comes back into text or JSON and an exit code.
//!
//! Results go to standard output, logs and progress to standard error. No decision about records is made here.

mod args;
mod check;
mod discover;
mod exit;
mod files;
mod http_request;
mod inspect;
mod logging;
mod output;
mod progress;
mod prologue;
mod read;
mod run;
mod selection;
mod signals;
mod validate;
mod webhook;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command, Format};
use exit::Exit;
use output::Output;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are answers, not errors; clap knows where each goes.
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Success };
            if code == Exit::Usage && wants_json() {
                let message = error.render().to_string();
                let message = message.trim().trim_start_matches("error: ");
                return Output::new(Format::Json).fail(code, message).into();
            }
            let _ = error.print();
            return code.into();
        }
    };
    logging::start(args.global.log_level, args.global.log_format);
    let output = Output::new(args.global.output);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(dispatch(&args, &output));
            // A blocking call that hangs must not keep the process.
            runtime.shutdown_background();
            exit
        }
        Err(error) => output.fail(Exit::Failed, &format!("cannot start: {error}")),
    };
    exit.into()
}

/// Whether JSON was asked for on a command line that cannot be read as a whole.
fn wants_json() -> bool {
    let words: Vec<_> = std::env::args_os().collect();
    words.iter().any(|word| word == "--output=json")
        || words.windows(2).any(|pair| matches!(pair, [flag, value] if flag == "--output" && value == "json"))
}

async fn dispatch(args: &Args, output: &Output) -> Exit {
    match &args.command {
        Command::Validate(manifest) => validate::validate(manifest, output),
        Command::Check(manifest) => check::check(manifest, output).await,
        Command::Discover(discover) => discover::discover(discover, output).await,
        Command::Read(read) => read::read(read, output).await,
        Command::Run(run) => run::run(run, output).await,
        Command::Webhook(command) => webhook::webhook(command, output).await,
        Command::Inspect(inspect) => inspect::inspect(inspect, output),
    }
}
