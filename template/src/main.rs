//! The executable: parse, run, exit code.

use std::process::ExitCode;

use {{crate_name}}::{app, cli};

fn main() -> ExitCode {
    match cli::parse() {
        Ok(settings) => app::main(settings),
        Err(answer) => answer.print(),
    }
}
