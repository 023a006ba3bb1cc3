//! Tells the tests which programs are here: `cfg(docker)` where a Docker engine answers, and so on.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

fn main() {
    // A file that never exists: ask each time.
    println!("cargo::rerun-if-changed=target/.git/never");
    // Without root podman and buildah limit nothing, on many a machine.
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let docker = answers("docker info");
    let compose = answers("docker compose version") || answers("docker-compose version");
    // Where Debian has it, and where Fedora has.
    let netavark = ["/usr/lib", "/usr/libexec"]
        .iter()
        .any(|directory| Path::new(directory).join("podman/aardvark-dns").exists());
    for (name, is_here) in [
        ("docker", docker),
        ("compose", docker && compose),
        ("podman", root && answers("podman info")),
        ("netavark", netavark),
        (
            "podman_compose",
            netavark && answers("podman-compose --version"),
        ),
        ("buildah", root && answers("buildah info")),
        ("kubectl", answers("kubectl options")),
        ("registry", answers("docker-registry --version")),
        ("nginx", answers("nginx -v")),
        ("haproxy", answers("haproxy -v")),
        ("chromium", answers("chromium --version")),
        ("h2load", answers("h2load --version")),
    ] {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if is_here {
            println!("cargo::rustc-cfg={name}");
        }
    }
}

/// Whether a command succeeds.
fn answers(command: &str) -> bool {
    let mut words = command.split(' ');
    Command::new(words.next().unwrap_or_default())
        .args(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
