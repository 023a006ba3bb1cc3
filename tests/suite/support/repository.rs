//! This checkout, and what its make targets have installed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use super::command::run;

/// The root of this checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo builds, here and in the services of the tests.
pub fn target_directory() -> PathBuf {
    root().join("target/.git")
}

/// A directory for what is expensive to build, kept from one run of the tests to the next.
pub fn build_directory(name: &str) -> PathBuf {
    target_directory().join(name)
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

/// Makes `directory` a repository with one commit that holds what `new` does. Files that are there
/// already stay as they are, so that nothing is built twice.
pub fn renew(directory: &Path, new: &Path) {
    let wanted = files(new);
    if directory.exists() {
        for file in files(directory) {
            if !wanted.contains(&file) {
                fs::remove_file(directory.join(file)).unwrap();
            }
        }
    }
    for file in wanted {
        let (from, to) = (new.join(&file), directory.join(&file));
        let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions());
        if fs::read(&from).ok() != fs::read(&to).ok() || mode(&from) != mode(&to) {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    // What an interrupted run may have left.
    let _ = fs::remove_dir_all(directory.join(".git"));
    git(directory, &["init", "--quiet", "--initial-branch", "main"]);
    git(directory, &["add", "--all"]);
    git(directory, &["commit", "--quiet", "--message", "The first"]);
}

/// Git, by somebody whose commits have a date of their own, and so the same hash each time.
pub fn git(directory: &Path, arguments: &[&str]) -> String {
    run(Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.org"])
        .args(arguments)
        .env("GIT_AUTHOR_DATE", "2026-01-01T12:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-01-01T12:00:00Z")
        .current_dir(directory))
}

/// The text of a file, named from the root.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything about a service that can be answered, beside its name.
pub fn questions() -> Vec<String> {
    let hook = read("hooks/kind.rhai");
    let lists = hook.lines().filter(|line| line.starts_with("    ["));
    let list = lists.max_by_key(|line| line.len()).unwrap();
    list.split('"')
        .skip(1)
        .step_by(2)
        .map(String::from)
        .collect()
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

/// Docker's configuration with the compose plugin that `make tools` has installed; none where it
/// installs none.
pub fn compose_plugin() -> Option<PathBuf> {
    let directory = root().join(format!("target/.git/tools/compose-{}", version("COMPOSE")));
    directory.exists().then_some(directory)
}

fn tool(name: &str) -> PathBuf {
    let version = version(name);
    make(&format!(
        "target/.git/tools/cargo-generate-{version}/bin/cargo-generate"
    ))
}

/// A version that the Makefile names.
fn version(name: &str) -> String {
    let makefile = read("Makefile");
    let version = makefile
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(" := "));
    version.expect("the Makefile names the versions").into()
}

fn make(file: &str) -> PathBuf {
    run(Command::new("make").arg(file).current_dir(root()));
    root().join(file)
}
