//! A template with two releases, and a service made from the first.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{
    sources::contents,
    support::{
        answers::Answers,
        command::{output, run},
        generator::{Generator, Outcome},
        repository::{files, oldest, root},
    },
};

/// A directory that is a git repository.
pub struct Repository(pub PathBuf);

impl Repository {
    pub fn new(directory: PathBuf) -> Self {
        let repository = Self::empty(directory);
        repository.commit("The first");
        repository
    }

    fn empty(directory: PathBuf) -> Self {
        let repository = Self(directory);
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        repository
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
        run(Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(&self.0))
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.0.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces `old`, which the file must hold, by `new`.
    pub fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{file} holds {old:?}");
        self.write(file, &text.replacen(old, new, 1));
    }

    pub fn append(&self, file: &str, text: &str) {
        self.write(file, &(self.read(file) + text));
    }

    pub fn write_script(&self, file: &str, text: &str) {
        self.write(file, text);
        let path = self.0.join(file);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn is_executable(&self, file: &str) -> bool {
        let mode = fs::metadata(self.0.join(file)).unwrap().permissions();
        mode.mode() & 0o100 != 0
    }

    pub fn exists(&self, file: &str) -> bool {
        self.0.join(file).exists()
    }

    /// Everything there is: the files, the index, the references.
    pub fn state(&self) -> impl PartialEq + use<> {
        let git = [
            "status --porcelain=v2",
            "ls-files --stage",
            "show-ref --head",
        ]
        .map(|command| self.git(&command.split(' ').collect::<Vec<_>>()));
        (contents(&self.0), git)
    }

    /// The files in which git sees a conflict.
    pub fn conflicts(&self) -> Vec<String> {
        let listed = self.git(&["diff", "--name-only", "--diff-filter=U"]);
        listed.lines().map(Into::into).collect()
    }
}

/// What the template adds to the start of each of these, in place of `//! `.
pub const LEARNED: &str = "//! Learned: ";

/// A template with the releases v0.1.0 and v0.2.0.
pub struct Template {
    pub repository: Repository,
    _directory: TempDir,
}

impl Template {
    /// This checkout's as v0.1.0, and v0.2.0 with a change of every kind. Since v0.1.0 is this
    /// checkout, the changes are made in places that any version of it has.
    pub fn new() -> Self {
        let template = Self::empty();
        template.copy_checkout("v0.1.0");
        let old = "#!/bin/sh\necho old\n";
        template.repository.write("template/ci/old", old);
        template.release("v0.1.0");
        template.learn();
        template.release("v0.2.0");
        template
    }

    /// What this repository held at `commit`, whose version was v0.1.0, and this checkout's as v0.2.0.
    pub fn since(commit: &str) -> Self {
        let template = Self::empty();
        let archive = template.repository.0.join("archive.tar");
        let archive = archive.to_str().unwrap();
        let in_it = ["cargo-generate.toml", "hooks", "template"];
        let mut extract = Command::new("git");
        extract
            .args(["archive", "--output", archive, commit, "--"])
            .args(in_it)
            .current_dir(root());
        assert!(
            output(&mut extract).status.success(),
            "This clone doesn't reach back to {commit}: git fetch --unshallow"
        );
        run(Command::new("tar")
            .args(["-xf", archive])
            .current_dir(&template.repository.0));
        fs::remove_file(archive).unwrap();
        template.release("v0.1.0");

        template
            .repository
            .git(&[&["rm", "-r", "--quiet"], &in_it[..]].concat());
        template.copy_checkout("v0.2.0");
        template.release("v0.2.0");
        template
    }

    fn empty() -> Self {
        let directory = TempDir::new().unwrap();
        let template = directory.path().join("template source");
        fs::create_dir(&template).unwrap();
        Self {
            repository: Repository::empty(template),
            _directory: directory,
        }
    }

    fn release(&self, version: &str) {
        self.repository.commit(version);
        self.repository.git(&["tag", version]);
    }

    /// Copies what a template is from this checkout, and calls it `version`.
    fn copy_checkout(&self, version: &str) {
        for part in [
            ".ci/diff",
            "cargo-generate.toml",
            "examples",
            "hooks",
            "template",
        ] {
            for (file, executable, bytes) in parts(part) {
                let copy = self.repository.0.join(&file);
                fs::create_dir_all(copy.parent().unwrap()).unwrap();
                fs::write(&copy, bytes).unwrap();
                let mode = if executable { 0o755 } else { 0o644 };
                fs::set_permissions(copy, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let here = crate::update::remembered::version();
        self.repository.edit("hooks/origin.rhai", &here, version);
    }

    fn learn(&self) {
        let template = &self.repository;
        template.edit("hooks/origin.rhai", "v0.1.0", "v0.2.0");
        let chassis = "template/chassis/src";
        for module in ["service", "rpc", "cli"] {
            template.edit(&format!("template/src/{module}.rs"), "//! ", LEARNED);
        }
        for module in ["cli/flags", "signals", "io/cork"] {
            template.edit(&format!("{chassis}/{module}.rs"), "//! ", LEARNED);
        }
        template.git(&[
            "mv",
            &format!("{chassis}/io/cork.rs"),
            &format!("{chassis}/io/corked.rs"),
        ]);
        let parent = format!("{chassis}/io/mod.rs");
        template.edit(&parent, "mod cork;", "mod corked;");
        template.edit(&parent, "cork::", "corked::");
        let contract = files(&template.0)
            .into_iter()
            .filter(|file| file.starts_with("template/api"))
            .find(|file| file.extension().is_some_and(|it| it == "proto"))
            .unwrap();
        template.edit(contract.to_str().unwrap(), "  // ", "  // Learned: ");
        template.append("template/CHANGELOG.md", "\nLearned.\n");
        template.append("template/README.md", "\n## Learned\n");
        template.append("template/Makefile", "\nlearned:\n\t@echo Learned\n");
        template.edit(
            "template/Cargo.toml.liquid",
            "\nthiserror =",
            "\nslab = \"0.4\"\nthiserror =",
        );
        let (before, package) = split_lock(&template.read("template/Cargo.lock"));
        let package = package.replacen(" \"thiserror\",", " \"slab\",\n \"thiserror\",", 1);
        template.write("template/Cargo.lock", &(before + &package));
        template.git(&["rm", "--quiet", "template/ci/old"]);
        template.write_script("template/ci/new", "#!/bin/sh\necho new\n");
        template.edit(
            "hooks/kind.rhai",
            "\"license\", \"chassis\"",
            "\"license\", \"team\", \"chassis\"",
        );
        let answer = "        \"license\" =>";
        let default = format!("        \"team\" => \"nobody\",\n{answer}");
        template.edit("hooks/defaults.rhai", answer, &default);
        let words = format!("        \"team\" => \"Team\",\n{answer}");
        template.edit("hooks/question.rhai", answer, &words);
        let rule = "fn problem(team) { if team == \"\" { \"Give a team.\" } else { \"\" } }\n";
        template.write("hooks/rules/team.rhai", rule);
        template.append("template/.template.toml", "team = \"{{team}}\"\n");
    }

    pub fn path(&self) -> &str {
        self.repository.0.to_str().unwrap()
    }
}

/// The files of this checkout at or below `part`.
fn parts(part: &str) -> Vec<(PathBuf, bool, Vec<u8>)> {
    let path = root().join(part);
    if path.is_file() {
        let executable = part.starts_with(".ci");
        return vec![(part.into(), executable, fs::read(path).unwrap())];
    }
    let below = contents(&path).into_iter();
    below
        .map(|(file, x, bytes)| (Path::new(part).join(file), x, bytes))
        .collect()
}

/// A Cargo.lock before and from the package of the service on.
fn split_lock(lock: &str) -> (String, String) {
    let (before, package) = lock.split_at(lock.find("name = \"{{project-name}}\"").unwrap());
    (before.into(), package.into())
}

/// A service made from v0.1.0 and committed.
pub struct Service {
    pub repository: Repository,
    pub template: Template,
    /// Where ci/template-update works; nothing may stay there.
    pub scratch: TempDir,
    /// Programs to run in place of those in PATH.
    pub stand_ins: TempDir,
    _directory: TempDir,
}

impl Service {
    pub fn new() -> Self {
        let answers = Answers::new("order-book").with("author", "Ada \"A.\" Lovelace");
        Self::made_from(Template::new(), &answers)
    }

    pub fn made_from(template: Template, answers: &Answers) -> Self {
        let directory = TempDir::new().unwrap();
        let tagged = ["--git", template.path(), "--tag", "v0.1.0", "template"];
        let service = Generator::oldest()
            .from(tagged)
            .generate(directory.path(), answers);
        Self {
            repository: Repository::new(service),
            template,
            scratch: TempDir::new().unwrap(),
            stand_ins: TempDir::new().unwrap(),
            _directory: directory,
        }
    }

    /// A service whose team has made, and committed, this change.
    pub fn changed_by(change: impl FnOnce(&Repository)) -> Self {
        let service = Self::new();
        change(&service.repository);
        service.repository.commit("Ours");
        service
    }

    /// Moves it into `directory` of a larger repository at `parent`, which is not committed yet.
    pub fn move_into(&mut self, parent: &Path, directory: &str) -> Repository {
        let git = self.repository.0.join(".git");
        fs::rename(git, parent.join(".git")).unwrap();
        let directory = parent.join(directory);
        fs::rename(&self.repository.0, &directory).unwrap();
        self.repository = Repository(directory);
        Repository(parent.into())
    }

    /// `make`, with cargo-generate in the PATH.
    pub fn make(&self, arguments: &[&str]) -> Command {
        let tools = oldest().parent().unwrap().to_owned();
        let path = env::var_os("PATH").unwrap();
        let path = [self.stand_ins.path().to_owned(), tools]
            .into_iter()
            .chain(env::split_paths(&path));
        let mut command = Command::new("make");
        command
            .args(arguments)
            .current_dir(&self.repository.0)
            .env("PATH", env::join_paths(path).unwrap())
            .env("TMPDIR", self.scratch.path())
            .env_remove("MAKEFLAGS");
        command
    }

    pub fn try_update(&self, arguments: &[&str]) -> Outcome {
        let source = format!("TEMPLATE_SOURCE={}", self.template.path());
        let mut make = self.make(&[&["template-update", &source, "SILENT=1"], arguments].concat());
        // As a shell starts it: a signal to its group reaches no others.
        make.process_group(0);
        let outcome = Outcome::of(make);
        assert_eq!(
            files(self.scratch.path()),
            Vec::<PathBuf>::new(),
            "{}",
            outcome.transcript
        );
        outcome
    }

    /// Updates to v0.2.0, which must end with these conflicts and no others.
    pub fn update(&self, conflicts: &[&str]) -> Outcome {
        let head = self.repository.git(&["rev-parse", "HEAD"]);
        let outcome = self.try_update(&[]);
        assert_eq!(
            outcome.succeeded,
            conflicts.is_empty(),
            "{}",
            outcome.transcript
        );
        assert_eq!(
            self.repository.conflicts(),
            conflicts,
            "{}",
            outcome.transcript
        );
        assert_eq!(self.repository.git(&["rev-parse", "HEAD"]), head);
        assert!(
            self.repository
                .read(".template.toml")
                .contains("version = \"v0.2.0\"")
        );
        outcome
    }
}
