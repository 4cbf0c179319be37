//! The `sluice` command. Everything it does is in the library's `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sluice::cli::main()
}
