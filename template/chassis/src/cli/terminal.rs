//! What a program says to whoever started it, who may have stopped listening: `| head`.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
};

/// Prints a line of answer to stdout. That nobody reads it any more is no error, as
/// it is with other programs; that it can't be written is one.
pub fn say(line: impl Display) -> io::Result<()> {
    print(format_args!("{line}\n"))
}

/// The same without a line feed.
pub(super) fn print(text: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Prints a line on what is wrong to stderr; if that can't be written, nobody is left to tell.
pub fn complain(line: impl Display) {
    // In one piece, lest other programs write in between.
    let line = format!("{line}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
