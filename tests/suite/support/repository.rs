//! This checkout, and what its make targets have installed.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use super::command::run;

/// The root of this checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A directory for what is expensive to build, kept from one run of the tests to the next.
pub fn build_directory(name: &str) -> PathBuf {
    root().join("target/.git").join(name)
}

/// The files below `directory`, relative to it and sorted, without what git keeps.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    walkdir::WalkDir::new(directory)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| entry.file_name() != ".git")
        .map(|entry| entry.expect("a readable directory"))
        .filter(|entry| !entry.file_type().is_dir())
        .map(|entry| entry.path().strip_prefix(directory).unwrap().to_owned())
        .collect()
}

/// The text of a file, named from the root.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The questions that are asked, which cargo-generate knows as placeholders.
pub fn questions() -> Vec<String> {
    let config: toml::Table = read("cargo-generate.toml").parse().unwrap();
    let placeholders = config["conditional"]["!asked"]["placeholders"].as_table();
    placeholders.unwrap().keys().cloned().collect()
}

/// The oldest cargo-generate that the template supports.
pub fn oldest() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| tool("OLDEST"));
    &BINARY
}

/// The newest.
pub fn newest() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| tool("NEWEST"));
    &BINARY
}

/// A Python that has what `foreign/requirements.txt` lists; none where there is no Python with venv.
pub fn python() -> Option<&'static Path> {
    static BINARY: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let has_venv = Command::new("python3")
            .args(["-c", "import ensurepip, venv"])
            .output()
            .is_ok_and(|output| output.status.success());
        has_venv.then(|| make("target/.git/tools/python/bin/python"))
    });
    let python = BINARY.as_deref();
    if python.is_none() {
        println!("skipped: there is no python3 with venv");
    }
    python
}

fn tool(version: &str) -> PathBuf {
    let makefile = read("Makefile");
    let version = makefile
        .lines()
        .find_map(|line| line.strip_prefix(version)?.strip_prefix(" := "))
        .expect("the Makefile names the versions");
    make(&format!(
        "target/.git/tools/cargo-generate-{version}/bin/cargo-generate"
    ))
}

fn make(file: &str) -> PathBuf {
    run(Command::new("make").arg(file).current_dir(root()));
    root().join(file)
}
