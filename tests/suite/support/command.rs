//! Running commands so that a failure shows the command and what it said.

use std::{
    env,
    process::{Command, Output},
};

/// Runs `command`, which must succeed, and returns what it printed.
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{}", transcript(command, &output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs `command`, however that ends.
pub fn output(command: &mut Command) -> Output {
    as_typed(command)
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// `command` as if it were typed, and not run by the tests of this package.
pub fn as_typed(command: &mut Command) -> &mut Command {
    // What cargo says of this package to its tests. To the build scripts of others it would be a
    // change, for which they run anew each time that somebody else has built them in between.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    // A make that is run here is no part of the one that runs the tests.
    command.env_remove("MAKEFLAGS").env_remove("MAKELEVEL")
}

/// The command, its end and its output, for a person to read.
pub fn transcript(command: &Command, output: &Output) -> String {
    format!(
        "$ {command:?}\n{}{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        output.status,
    )
}
