//! Tells the tests which programs are here: `cfg(docker)` where a Docker engine answers, and so on.

use std::process::{Command, Stdio};

fn main() {
    // A file that never exists: ask each time.
    println!("cargo::rerun-if-changed=target/.git/never");
    for (program, question) in [
        ("docker", "info"),
        ("podman", "info"),
        ("buildah", "info"),
        ("kubectl", "options"),
    ] {
        println!("cargo::rustc-check-cfg=cfg({program})");
        let mut command = Command::new(program);
        let answer = command
            .arg(question)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if answer.is_ok_and(|status| status.success()) {
            println!("cargo::rustc-cfg={program}");
        }
    }
}
