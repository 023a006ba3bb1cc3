//! The executable: parse, run, exit code.

use std::process::ExitCode;

use {{crate_name}}::{app, cli};

fn main() -> ExitCode {
    match cli::parse() {
        Ok(flags) => app::main(flags),
        Err(answer) => answer.print(),
    }
}
