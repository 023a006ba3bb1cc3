//! A service in a repository of its own, and the tools that its make targets take.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{
    support::{
        answers::Answers,
        command::run,
        generator::{Generator, Outcome},
        repository::{build_directory, python},
    },
    update::fixture::Repository,
};

pub struct Service {
    pub repository: Repository,
    pub answers: Answers,
    target: PathBuf,
    directory: TempDir,
}

impl Service {
    /// Generated and committed, with nothing installed.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        // Its tests take minutes; here they are one file, which fails them.
        let answers = Answers::new("order-book");
        let service = Generator::oldest().generate(directory.path(), &answers);
        let makefile = service.join("Makefile");
        let text = fs::read_to_string(&makefile).unwrap();
        let quick = text.replace("test: utest mtest itest", "test: ; ! test -e failing\n#");
        assert!(quick != text);
        fs::write(makefile, quick).unwrap();
        let repository = Repository::new(service);
        for (key, value) in [("user.name", "Ada"), ("user.email", "ada@example.org")] {
            repository.git(&["config", key, value]);
        }
        Self {
            repository,
            answers,
            target: directory.path().join("target"),
            directory,
        }
    }

    /// The same with buf, where there is a Python to install it.
    pub fn with_buf() -> Option<Self> {
        // Once for all, since two of it would be in each other's way.
        static PREPARED: LazyLock<()> = LazyLock::new(|| {
            Service::with_tools().make(&["prepare", "ONLY=buf"]);
        });
        python()?;
        LazyLock::force(&PREPARED);
        Some(Self::with_tools())
    }

    /// The same with all that was ever installed for these tests.
    pub fn with_tools() -> Self {
        Self {
            target: build_directory("toolchain"),
            ..Self::new()
        }
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("make");
        command
            .args(arguments)
            .current_dir(&self.repository.0)
            .env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// Runs `make`, which must succeed, and returns what it printed.
    pub fn make(&self, arguments: &[&str]) -> String {
        run(&mut self.command(arguments))
    }

    /// Runs `make`, which must fail with that sentence, and leave everything as it was.
    pub fn refuses(&self, arguments: &[&str], sentence: &str) {
        let before = self.repository.state();
        let outcome = Outcome::of(self.command(arguments));
        assert!(!outcome.succeeded, "{}", outcome.transcript);
        assert!(
            outcome.stderr.lines().any(|line| line == sentence),
            "{}",
            outcome.transcript
        );
        assert!(self.repository.state() == before, "{}", outcome.transcript);
    }

    pub fn edit_contract(&self, old: &str, new: &str) {
        self.repository.edit(&self.answers.contract(), old, new);
    }

    /// Sets the version of the contract.
    pub fn set_version(&self, old: &str, new: &str) {
        let line = |version| format!("version = \"{version}\"");
        self.repository
            .edit("api/Cargo.toml", &line(old), &line(new));
        let package = |version| format!("name = \"order-book-api\"\n{}", line(version));
        self.repository
            .edit("Cargo.lock", &package(old), &package(new));
    }

    /// Puts a program in place of a tool that `make prepare` would install.
    pub fn stand_in(&self, tool: &str, script: &str) {
        assert!(self.target.starts_with(self.directory.path()));
        let bin = self.target.join("tools/bin");
        fs::create_dir_all(&bin).unwrap();
        let tool = bin.join(tool);
        fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A file beside the service.
    pub fn beside(&self, file: &str) -> PathBuf {
        Path::new(self.directory.path()).join(file)
    }
}
