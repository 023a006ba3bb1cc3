//! A service in a cargo workspace that is there already, or with a chassis that is somewhere else: what
//! cargo makes of it, and what its make targets do.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    sources::contents,
    support::{
        answers::Answers,
        command::{output, run, transcript},
        generator::{Generator, Outcome},
        repository::{files, read, root, target_directory},
        sample::{QUICK_RELEASE, Turn},
    },
    update::fixture::Repository,
};

const WORKSPACE: &str = "# Ours.\n[workspace]\nresolver = \"3\"\nmembers = []\n";
const PACKAGE: &str = "# Ours.\n[package]\nname = \"ours\"\nedition = \"2024\"\n";

/// A directory with a Cargo.toml in it.
struct Parent(TempDir);

impl Parent {
    fn new(manifest: &str) -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
        fs::create_dir(directory.path().join("src")).unwrap();
        fs::write(directory.path().join("src/lib.rs"), "").unwrap();
        Self(directory)
    }

    fn manifest(&self) -> String {
        fs::read_to_string(self.0.path().join("Cargo.toml")).unwrap()
    }

    /// Generates a service in `place`, a directory in here, and returns its directory.
    fn generate(&self, place: &str, name: &str, arguments: &[&str]) -> PathBuf {
        let place = self.0.path().join(place);
        fs::create_dir_all(&place).unwrap();
        generate(&place, name, arguments);
        place.join(name)
    }

    fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }
}

/// Generates a service in `directory`, and returns what was said.
fn generate(directory: &Path, name: &str, arguments: &[&str]) -> String {
    let generator = Generator::oldest();
    let mut command = generator.command(directory);
    command.args(["--silent", "--name", name]).args(arguments);
    let outcome = Outcome::of(command);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    outcome.transcript
}

/// What cargo, run in `directory`, takes for the workspace, and its packages.
fn workspace(directory: &Path) -> Result<(PathBuf, BTreeSet<String>), String> {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version=1"];
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(directory);
    let output = output(&mut command);
    if !output.status.success() {
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let metadata = &yaml_rust2::YamlLoader::load_from_str(&text).unwrap()[0];
    let packages = metadata["packages"].as_vec().unwrap().iter();
    let names = packages.map(|package| package["name"].as_str().unwrap().to_owned());
    let root = metadata["workspace_root"].as_str().unwrap();
    Ok((root.into(), names.collect()))
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(String::from).into()
}

const OWN: [&str; 3] = ["chassis", "order-book", "order-book-api"];

#[test]
fn a_workspace_has_all_packages_of_a_member() {
    let globbed = WORKSPACE.replace("[]", "[\"services/*\"]");
    let both = format!("{PACKAGE}{WORKSPACE}");
    for (manifest, place, others) in [
        (WORKSPACE, ".", &[][..]),
        (&globbed, "services", &[]),
        (&both, ".", &["ours"]),
    ] {
        let parent = Parent::new(manifest);
        let service = parent.generate(place, "order-book", &[]);
        let mut expected = names(OWN);
        expected.extend(others.iter().map(ToString::to_string));
        assert_eq!(workspace(&service), Ok((parent.path(), expected)));
    }
}

/// cargo-generate 0.23 leaves alone what has no list of members, or is not right above.
#[test]
fn where_a_service_was_not_entered_cargo_says_what_to_add() {
    let unlisted = WORKSPACE.replace("members = []\n", "");
    for (manifest, place, arguments) in [
        (&*unlisted, ".", &[][..]),
        (WORKSPACE, "services", &[]),
        (WORKSPACE, ".", &["--no-workspace"]),
    ] {
        let parent = Parent::new(manifest);
        let service = parent.generate(place, "order-book", arguments);
        let member = service.strip_prefix(parent.0.path()).unwrap();
        let member = member.strip_prefix(".").unwrap_or(member).display();
        let said = workspace(&service).unwrap_err();
        let advice = format!(
            "this may be fixable by adding `{member}` to the `workspace.members` array of the \
             manifest located at: {}",
            parent.path().join("Cargo.toml").display()
        );
        assert!(said.contains(&advice), "{said}");
        // Nobody has touched it, so its comments are still there.
        assert_eq!(parent.manifest(), manifest);
        let entered = format!("{unlisted}members = [\"{member}\"]\n");
        fs::write(parent.0.path().join("Cargo.toml"), entered).unwrap();
        assert_eq!(workspace(&service), Ok((parent.path(), names(OWN))));
    }
}

#[test]
fn a_service_apart_is_a_workspace_of_its_own() {
    for manifest in [WORKSPACE, PACKAGE] {
        let parent = Parent::new(manifest);
        let apart = ["--no-workspace", "-d", "workspace=own"];
        let service = parent.generate(".", "order-book", &apart);
        assert_eq!(parent.manifest(), manifest);
        let found = workspace(&service);
        assert_eq!(found, Ok((service.canonicalize().unwrap(), names(OWN))));
        // As it is where there is nothing above.
        let alone = TempDir::new().unwrap();
        generate(alone.path(), "order-book", &["--vcs", "none"]);
        fs::remove_dir_all(service.join(".git")).unwrap();
        assert!(contents(&service) == contents(&alone.path().join("order-book")));
    }
}

/// The release profile counts where it is, and what the workspace has is not there twice.
#[test]
fn a_member_brings_no_more_than_counts_there() {
    let parent = Parent::new(WORKSPACE);
    let member = parent.generate(".", "order-book", &[]);
    let alone = TempDir::new().unwrap();
    generate(alone.path(), "order-book", &[]);
    let alone = alone.path().join("order-book");

    let toml =
        |file: PathBuf| -> toml::Table { fs::read_to_string(file).unwrap().parse().unwrap() };
    let mut manifest = toml(alone.join("Cargo.toml"));
    let mut profile = manifest.remove("profile").unwrap();
    // Two debug profiles would build the workspace's dependencies twice, here and at its root.
    profile.as_table_mut().unwrap().remove("dev").unwrap();
    manifest.remove("workspace").unwrap();
    assert_eq!(toml(member.join("Cargo.toml")), manifest);
    let configuration = toml(member.join(".cargo/config.toml"));
    assert_eq!(
        configuration,
        toml::Table::from_iter([("profile".into(), profile)])
    );

    let only = |one: &Path, other: &Path| -> Vec<PathBuf> {
        let other = files(other);
        files(one)
            .into_iter()
            .filter(|file| !other.contains(file))
            .collect()
    };
    assert_eq!(only(&member, &alone), [Path::new(".cargo/config.toml")]);
    assert_eq!(only(&alone, &member), [Path::new("Cargo.lock")]);
}

#[test]
fn a_member_is_told_what_it_cannot_bring() {
    let parent = Parent::new(WORKSPACE);
    let said = generate(parent.0.path(), "order-book", &[]);
    for sentence in [
        "The workspace's Cargo.lock is the service's, too.",
        "share that: -d chassis=../other-service/chassis.",
        "defaults:\n  run:\n    working-directory: order-book\n",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
    let apart = generate(
        parent.0.path(),
        "apart",
        &["--no-workspace", "-d", "workspace=own"],
    );
    let sentence =
        "without --no-workspace it might be entered there, and neither of the two would build.";
    assert!(apart.contains(sentence), "{apart}");
}

/// Two services in a workspace that share a chassis, as a person would have them: with a place to build
/// that a configuration of cargo's names.
struct Workspace {
    parent: Parent,
    _turn: Turn,
}

impl Workspace {
    const SERVICES: [&str; 2] = ["order-book", "ledger"];

    fn new() -> Self {
        let parent = Parent::new(WORKSPACE);
        let alone = TempDir::new().unwrap();
        generate(alone.path(), "order-book", &[]);
        // The versions that are here, rather than the newest.
        let lock = alone.path().join("order-book/Cargo.lock");
        fs::copy(lock, parent.0.path().join("Cargo.lock")).unwrap();
        let target = target_directory();
        fs::create_dir(parent.0.path().join(".cargo")).unwrap();
        let configuration = format!("build.target-dir = {:?}\n", target.to_str().unwrap());
        fs::write(parent.0.path().join(".cargo/config.toml"), configuration).unwrap();

        parent.generate(".", "order-book", &[]);
        parent.generate(".", "ledger", &["-d", "chassis=../order-book/chassis"]);
        let workspace = Self {
            parent,
            _turn: Turn::wait(),
        };
        for service in Self::SERVICES {
            workspace.runs(service, "make", &["clean"]);
        }
        workspace
    }

    /// Runs a program in a service. It must have nothing to complain about.
    fn runs(&self, service: &str, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.parent.0.path().join(service))
            .envs(QUICK_RELEASE)
            // Where it runs, everything is as it was committed.
            .env_remove("CI")
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("RUSTFLAGS");
        let output = output(&mut command);
        let transcript = transcript(&command, &output);
        assert!(output.status.success(), "{transcript}");
        assert!(!transcript.contains("warning"), "{transcript}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn two_services_in_a_workspace_build_and_share_a_chassis() {
    let workspace = Workspace::new();
    // Not even the lock file knows the second.
    workspace.runs("ledger", "make", &["run", "ARGS=--dry-run"]);
    let help = workspace.runs("ledger", "make", &["demo", "ARGS=--help"]);
    assert!(help.contains("ledger-demo [OPTIONS]"), "{help}");
    let targets = workspace.runs("ledger", "make", &["help"]);
    assert!(!targets.contains("test-chassis"), "{targets}");
    workspace.runs("ledger", "make", &["lint"]);

    let targets = workspace.runs("order-book", "make", &["help"]);
    assert!(targets.contains("test-chassis"), "{targets}");
    let tested = workspace.runs("order-book", "make", &["utest"]);
    assert!(tested.contains("test result: ok."), "{tested}");
    workspace.runs("order-book", "make", &["doc"]);
    workspace.runs("order-book", "make", &["mtest"]);
    let version = workspace.runs("order-book", "deploy/order-book", &["--version"]);
    assert_eq!(version, "order-book 0.1.0\n");
    // All in one place, and that is not here.
    for service in Workspace::SERVICES {
        let found = files(&workspace.parent.0.path().join(service));
        assert!(!found.iter().any(|file| file.starts_with("target")));
    }
    assert!(!workspace.parent.0.path().join("target").exists());
}

/// Whoever decides it: the environment, a configuration of cargo's, the workspace.
#[test]
fn scripts_build_where_cargo_builds() {
    let parent = Parent::new(WORKSPACE);
    let service = parent.generate(".", "order-book", &[]);
    let found = |target: Option<&str>| {
        let mut command = Command::new("sh");
        command
            .args(["-euc", ". ci/metadata; target_directory"])
            .current_dir(&service)
            .env_remove("CARGO_TARGET_DIR");
        if let Some(target) = target {
            command.env("CARGO_TARGET_DIR", target);
        }
        PathBuf::from(run(&mut command).trim_end_matches('\n'))
    };
    assert_eq!(found(None), parent.path().join("target"));
    fs::create_dir(parent.0.path().join(".cargo")).unwrap();
    let configuration = "[build]\ntarget-dir = \"a \\\"place\\\"\"\n";
    fs::write(parent.0.path().join(".cargo/config.toml"), configuration).unwrap();
    assert_eq!(found(None), parent.path().join("a \"place\""));
    assert_eq!(found(Some("/elsewhere")), Path::new("/elsewhere"));
    assert_eq!(found(Some("here")), parent.path().join("order-book/here"));

    for file in files(&root().join("template/ci")) {
        let script = read(Path::new("template/ci").join(&file));
        let guesses = script.contains("CARGO_TARGET_DIR:") || script.contains("$PWD/target");
        assert_eq!(
            guesses,
            file == Path::new("metadata"),
            "ci/{}",
            file.display()
        );
    }
}

/// A repository that holds this checkout, whatever is committed of it.
fn checkout(directory: &Path) -> Repository {
    let list = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let listed = run(Command::new("git").args(list).current_dir(root()));
    for file in listed
        .split_terminator('\0')
        .filter(|file| root().join(file).exists())
    {
        let copy = directory.join(file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(root().join(file), copy).unwrap();
    }
    Repository::new(directory.into())
}

#[test]
fn a_released_chassis_comes_from_git() {
    let directory = TempDir::new().unwrap();
    let released = checkout(&directory.path().join("released"));
    released.git(&["tag", "v1.2.3"]);
    let url = format!("file://{}", released.0.display());
    let chassis = format!("chassis={url}#v1.2.3");
    let vcs = ["--vcs", "none", "-d", &chassis];
    generate(directory.path(), "order-book", &vcs);
    let service = directory.path().join("order-book");
    assert_eq!(
        workspace(&service).unwrap().1,
        names(["order-book", "order-book-api"])
    );

    let remembered = fs::read_to_string(service.join(".template.toml")).unwrap();
    assert!(
        remembered.contains(&format!("\nchassis = \"{url}#v1.2.3\"\n")),
        "{remembered}"
    );
    let resolve = |arguments: &[&str]| {
        let home = directory.path().join("home");
        // What else is needed is there; a clone of its own leaves nothing behind.
        fs::create_dir_all(&home).unwrap();
        let cargo = std::env::var_os("CARGO_HOME").map_or_else(
            || Path::new(&std::env::var_os("HOME").unwrap()).join(".cargo"),
            PathBuf::from,
        );
        if !home.join("registry").exists() {
            std::os::unix::fs::symlink(cargo.join("registry"), home.join("registry")).unwrap();
        }
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["metadata", "--quiet", "--format-version=1"])
            .args(arguments)
            .current_dir(&service)
            .env("CARGO_HOME", home);
        Outcome::of(command)
    };
    // Which commit that is, only a person's first build can write down.
    let outcome = resolve(&["--locked"]);
    assert!(
        !outcome.succeeded && outcome.stderr.contains("--locked"),
        "{}",
        outcome.transcript
    );
    let outcome = resolve(&[]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    let lock = fs::read_to_string(service.join("Cargo.lock")).unwrap();
    let commit = released.git(&["rev-parse", "HEAD"]);
    let source = format!("source = \"git+{url}?tag=v1.2.3#{}\"", commit.trim());
    assert!(lock.contains(&source), "no {source} in:\n{lock}");
    let outcome = resolve(&["--locked"]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
}

#[test]
fn a_chassis_may_lie_elsewhere() {
    let directory = TempDir::new().unwrap();
    for (name, chassis) in [("first", "own"), ("second", "../first/chassis")] {
        let chassis = format!("chassis={chassis}");
        generate(directory.path(), name, &["--vcs", "none", "-d", &chassis]);
        let service = directory.path().join(name);
        assert!(
            workspace(&service)
                .unwrap()
                .1
                .contains(&format!("{name}-api"))
        );
        // What only the tests of a chassis need is no part of a service that has none.
        run(Command::new(env!("CARGO"))
            .args(["metadata", "--offline", "--format-version=1"])
            .current_dir(&service));
    }
    let second = directory.path().join("second");
    assert!(!second.join("chassis").exists());
    // No container would see it there.
    let mut build = Command::new("make");
    build.args(["all", "BUILD=container"]).current_dir(&second);
    let outcome = Outcome::of(build);
    let sentence = format!(
        "{} is outside of {}, so BUILD=container doesn't see it: depend on a release in git instead",
        directory
            .path()
            .join("first/chassis")
            .canonicalize()
            .unwrap()
            .display(),
        second.canonicalize().unwrap().display(),
    );
    assert!(outcome.stderr.contains(&sentence), "{}", outcome.transcript);
}

/// As git clones on Windows, unless told otherwise.
#[test]
fn no_clone_has_line_endings_that_scripts_break_at() {
    let directory = TempDir::new().unwrap();
    generate(directory.path(), "order-book", &["--vcs", "none"]);
    let service = directory.path().join("order-book");
    let before = contents(&service);
    let template = directory.path().join("template");
    checkout(&template);
    Repository::new(service);
    for repository in ["order-book", "template"] {
        let clone = directory.path().join(format!("clone of {repository}"));
        run(Command::new("git")
            .args(["-c", "core.autocrlf=true", "clone", "--quiet", repository])
            .arg(&clone)
            .current_dir(&directory));
        for (file, _, bytes) in contents(&clone) {
            // As .gitattributes has it.
            let binary = file.extension().is_some_and(|extension| extension == "bin")
                || file.starts_with("tests/fuzz/corpus");
            assert!(
                binary || !bytes.contains(&b'\r'),
                "{repository}/{}",
                file.display()
            );
        }
    }
    let clone = directory.path().join("clone of order-book");
    assert!(contents(&clone) == before);
    run(Command::new("ci/tag").current_dir(&clone));

    // Nor has a service that is made from such a clone.
    let clone = directory.path().join("clone of template");
    let generator = Generator::oldest().from(["--path", clone.to_str().unwrap(), "template"]);
    // Nor one that somebody generates who has set that for everything.
    let template = template.to_str().unwrap();
    let windows = Generator::oldest().from(["--git", template, "template"]);
    let setting = "[core]\nautocrlf = true\n";
    fs::write(windows.home().join(".gitconfig"), setting).unwrap();
    for generator in [generator, windows] {
        let made = TempDir::new().unwrap();
        let service = generator.generate(made.path(), &Answers::new("order-book"));
        assert!(contents(&service) == before);
    }
}
