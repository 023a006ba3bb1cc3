//! A system whose services are checkouts of the template, with a stand-in for docker: all that can be
//! shown without building and running anything.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    command::{output, run},
    generator::Generator,
    repository::{git, root},
};

/// A system in a repository, and services beside it.
pub struct Stage {
    parent: TempDir,
    pub system: PathBuf,
}

impl Stage {
    /// An empty system.
    pub fn new() -> Self {
        let parent = TempDir::new().unwrap();
        let system = generate(parent.path(), &Answers::new("shop"));
        let programs = parent.path().join("bin");
        fs::create_dir(&programs).unwrap();
        for program in ["docker", "kubectl", "cargo"] {
            let stand_in = root().join("tests/suite/system/stand-in");
            symlink(stand_in, programs.join(program)).unwrap();
        }
        git(&system, &["init", "--quiet"]);
        let stage = Self { parent, system };
        stage.commit();
        stage
    }

    /// One of three services: a copy, since it takes many steps to make.
    pub fn of_three() -> Self {
        static FIRST: LazyLock<Stage> = LazyLock::new(Stage::make_three);
        let parent = TempDir::new().unwrap();
        let [from, to] = [FIRST.parent.path(), parent.path()];
        run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to));
        Self {
            system: parent.path().join("shop"),
            parent,
        }
    }

    /// The same, tested and published.
    pub fn published() -> Self {
        let stage = Self::of_three();
        stage.shell(
            r#"digest=sha256:$(printf '%064d' 7)
            for name in $(services); do
                lock "$name" 0.1.0 "$(locked "$name" image)" "$(locked "$name" contract)" "registry.example.org/$name@$digest"
            done
            ci/render
            note_tested"#,
        );
        stage.commit();
        stage
    }

    fn make_three() -> Self {
        let stage = Self::new();
        stage.service("inventory", "42304");
        stage.service("order-book", "42303");
        stage.service("front", "42302");
        stage.adds(&["FROM=../inventory", "IMAGE=inventory:1"]);
        stage.adds(&[
            "FROM=../order-book",
            "CALLS=inventory",
            "IMAGE=order-book:1",
        ]);
        stage.adds(&["FROM=../front", "CALLS=order-book", "IMAGE=front:1"]);
        stage.commit();
        stage
    }

    /// A checkout of a service beside the system.
    pub fn service(&self, name: &str, port: &str) -> PathBuf {
        let answers = Answers::new(name).with("port", port);
        Generator::oldest().generate(self.parent.path(), &answers)
    }

    /// Puts this program, by that name, before what is installed.
    pub fn has_program(&self, name: &str, program: &Path) {
        symlink(program, self.parent.path().join("bin").join(name)).unwrap();
    }

    pub fn commit(&self) {
        git(&self.system, &["add", "--all"]);
        git(&self.system, &["commit", "--quiet", "--message", "So far"]);
    }

    /// A command in the system.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let programs = self.parent.path().join("bin");
        let path = env::var("PATH").unwrap();
        let real = |program: &str| {
            env::split_paths(&path)
                .map(|directory| directory.join(program))
                .find(|file| file.exists())
                .unwrap_or_default()
        };
        command
            .current_dir(&self.system)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("DOCKER", real("docker"))
            .env("KUBECTL", real("kubectl"))
            .env("CARGO", real("cargo"))
            .env("RECORD", self.calls_file())
            .env("TMPDIR", self.parent.path())
            .env_remove("CI");
        command
    }

    fn calls_file(&self) -> PathBuf {
        self.parent.path().join("calls")
    }

    /// What was asked of a cluster so far, each call with what it was given on stdin.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.calls_file()).unwrap_or_default();
        let calls = calls.replace("\n| ", "\t");
        calls.lines().map(String::from).collect()
    }

    /// Runs `script` with what the scripts of the system share.
    pub fn shell(&self, script: &str) {
        let script = format!(". ci/common\n. ci/describe\nmkdir -p .cache\n{script}");
        run(self.command("bash").args(["-c", &script]));
    }

    pub fn make(&self, arguments: &[&str]) -> Output {
        output(self.command("make").args(arguments))
    }

    /// `make add`, which must succeed.
    pub fn adds(&self, arguments: &[&str]) -> String {
        run(self.command("make").arg("add").args(arguments))
    }

    /// Runs make with `arguments`, which must fail with a sentence that begins so, and change nothing.
    #[track_caller]
    pub fn refuses(&self, arguments: &[&str], sentence: &str) {
        let output = self.make(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{output:?}");
        let said = stderr.lines().find(|line| line.starts_with(sentence));
        assert!(said.is_some(), "no {sentence:?} in:\n{stderr}");
        let changed = git(&self.system, &["status", "--porcelain"]);
        assert_eq!(changed, "", "{arguments:?} left something behind");
    }

    /// Compose, by the files of all services; it asks no engine for anything.
    pub fn compose(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("ci/compose");
        command.args(arguments);
        command
    }

    pub fn write(&self, file: &str, text: &str) {
        fs::write(self.system.join(file), text).unwrap();
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.system.join(file)).unwrap()
    }
}

/// Generates a system.
pub fn generate(directory: &Path, answers: &Answers) -> PathBuf {
    generator().generate(directory, answers)
}

/// Generates systems.
pub fn generator() -> Generator {
    Generator::oldest().from(["--path", root().to_str().unwrap(), "system"])
}
