//! The program in `program/` as a child process.

use std::process::Command;

use chassis::testing::Child;

use crate::scripted::ABOUT;

/// The command that starts the program on a free port of 127.0.0.1.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_scripted"));
    command
        // Given twice, a flag would be an error; so these go by the environment.
        .env(ABOUT.variable("port"), "0")
        .env(ABOUT.variable("ip"), "127.0.0.1")
        // Built with `otel`, it would look for a collector.
        .env("OTEL_SDK_DISABLED", "true")
        // Whoever runs the tests may want more of other programs.
        .env_remove("RUST_LOG");
    command
}

/// Starts the program with `flags`.
pub fn start(flags: &[&str]) -> Child {
    Child::spawn(program().args(flags))
}

/// The same, and waits until it is running.
pub fn running(flags: &[&str]) -> Child {
    let mut child = start(flags);
    child.wait_for("Running");
    child
}

/// The same, to pass calls on to the one at this port of 127.0.0.1.
pub fn in_front_of(upstream: u16, flags: &[&str]) -> Child {
    running(&[&["--client-port", &upstream.to_string()], flags].concat())
}

/// A figure of `service` in KiB: VmRSS, what it takes now, or VmHWM, the most it ever took.
#[cfg(target_os = "linux")]
pub fn memory(service: &Child, figure: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(figure));
    let kib = line.unwrap().split_whitespace().nth(1);
    kib.unwrap().parse().unwrap()
}
