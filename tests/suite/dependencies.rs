//! What a service costs to build, in crates.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::support::{answers::Answers, command::run, generator::Generator, repository::read};

/// The least that serves gRPC with TLS, health and reflection, as the service's versions have it.
const BARE: &str = r#"
[package]
name = "bare"
edition = "2024"

[dependencies]
prost = "0.14"
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "signal", "time"] }
tonic = { version = "0.14", features = ["tls-ring"] }
tonic-health = "0.14"
tonic-prost = "0.14"
tonic-reflection = "0.14"
"#;

#[test]
fn the_default_build_links_at_most_thirty_percent_more_crates_than_bare_tonic() {
    let directory = TempDir::new().unwrap();
    let service = Generator::oldest().generate(directory.path(), &Answers::new("order-book"));
    let bare = directory.path().join("bare");
    fs::create_dir_all(bare.join("src")).unwrap();
    fs::write(bare.join("Cargo.toml"), BARE).unwrap();
    fs::write(bare.join("src/main.rs"), "fn main() {}\n").unwrap();
    // The same versions: what bare tonic doesn't need is left out of its copy.
    fs::copy(service.join("Cargo.lock"), bare.join("Cargo.lock")).unwrap();

    let (service, bare) = (linked(&service), linked(&bare));
    assert!(
        service.len() * 100 <= bare.len() * 130,
        "{} crates, bare tonic {}",
        service.len(),
        bare.len()
    );
    let page = read("template/docs/dependencies.md");
    for count in [&service, &bare] {
        let links = format!("links {}", count.len());
        assert!(
            page.contains(&links),
            "docs/dependencies.md doesn't say: {links}"
        );
    }
}

/// The crates that end up in the binary, without those that lie in `package`.
fn linked(package: &Path) -> BTreeSet<String> {
    let tree = run(Command::new("cargo")
        .args([
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--no-dedupe",
        ])
        .current_dir(package));
    let here = format!("({}", package.display());
    let others = tree.lines().filter(|line| !line.contains(&here));
    others.map(str::to_owned).collect()
}
