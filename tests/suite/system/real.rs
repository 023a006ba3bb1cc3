//! A system of three real services, two of each, as its README leads to it.

use std::{
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Child, Command, Output},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

use super::{shop::shop, stage::generate};
use crate::{
    containers::packed::{Engine, at_the_end, in_service},
    support::{
        answers::Answers,
        command::{output, run, transcript},
        repository::{git, root},
        sample::QUICK_RELEASE,
    },
};

/// A name that no container of the machine's owner has.
const NAME: &str = "sample-shop";

/// Its services, whom they call, and their ports, beyond those that the machine gives to clients.
const SERVICES: [(&str, &str, u16); 3] = [
    ("inventory", "", 21304),
    ("orders", "inventory", 21303),
    ("front", "orders", 21302),
];

/// The system, green, with nothing changed since its first commit.
pub struct Real {
    pub directory: PathBuf,
    /// What `make add`, `make up` and `make test` have said.
    pub said: String,
    engine: Engine,
    /// What its make targets are told.
    environment: Vec<(&'static str, OsString)>,
    _cleaner: Option<Child>,
}

/// It, for one test alone.
pub fn real() -> MutexGuard<'static, Real> {
    static REAL: LazyLock<Mutex<Real>> = LazyLock::new(|| Mutex::new(Real::new()));
    let real = REAL.lock().unwrap_or_else(PoisonError::into_inner);
    // Whatever another test has left.
    git(&real.directory, &["reset", "--quiet", "--hard"]);
    git(&real.directory, &["clean", "--quiet", "--force", "-d"]);
    real.makes(&["up"]);
    real
}

impl Real {
    fn new() -> Self {
        let real = Self::generate(NAME, Engine::Docker, Vec::new());
        let images = format!("docker images --quiet '{NAME}/*' | xargs docker rmi --force");
        let clean = format!("make down; {images}; rm -rf \"${{PWD%/*}}\"");
        let cleaner = at_the_end(&clean, &real.directory);
        let mut real = Self {
            _cleaner: Some(cleaner),
            ..real
        };
        real.begins(0, |_| None);
        real
    }

    /// An empty one.
    pub fn generate(
        name: &str,
        engine: Engine,
        environment: Vec<(&'static str, OsString)>,
    ) -> Self {
        let parent = TempDir::new().unwrap();
        // A static is never dropped.
        let directory = generate(&parent.keep(), &Answers::new(name));
        git(&directory, &["init", "--quiet"]);
        Self {
            directory,
            said: String::new(),
            engine,
            environment,
            _cleaner: None,
        }
    }

    /// Adds all services, that far beyond their ports, of images that are there or are built; starts and
    /// tests them.
    pub fn begins(&mut self, beyond: u16, image: impl Fn(&str) -> Option<String>) {
        for (name, calls, port) in SERVICES {
            let from = format!("FROM={}", shop().join(name).display());
            let calls = format!("CALLS={calls}");
            let port = format!("PORT={}", port + beyond);
            let image = image(name).map(|image| format!("IMAGE={image}"));
            let told = ["add", &from, &calls, &port].into_iter();
            let told: Vec<_> = told.chain(image.as_deref()).collect();
            self.said += &self.makes(&told);
        }
        let calls = root().join("tests/suite/system/calls.rs");
        fs::copy(calls, self.directory.join("tests/src/calls.rs")).unwrap();
        self.said += &self.makes(&["up", "test"]);
        self.commits("Green");
    }

    pub fn commits(&self, message: &str) {
        git(&self.directory, &["add", "--all"]);
        git(
            &self.directory,
            &["commit", "--quiet", "--message", message],
        );
    }

    fn command(&self, program: &str) -> Command {
        let mut command = in_service(&self.directory, program);
        command
            .env("ENGINE", self.engine.to_string())
            .envs(self.environment.iter().cloned())
            .envs(QUICK_RELEASE);
        command
    }

    /// Runs make, however that ends; shows what it says, since it takes minutes.
    pub fn make(&self, arguments: &[&str]) -> Output {
        let mut command = self.command("make");
        let output = output(command.args(arguments));
        println!("{}", transcript(&command, &output));
        output
    }

    /// Runs make, which must succeed, and returns what it said.
    pub fn makes(&self, arguments: &[&str]) -> String {
        let output = self.make(arguments);
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs make, which must fail, and returns what it said.
    pub fn fails(&self, arguments: &[&str]) -> String {
        let output = self.make(arguments);
        assert!(!output.status.success());
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// A release of a service, as `TO=` wants it.
    pub fn release(name: &str, tag: &str) -> String {
        format!("{}#{tag}", shop().join(name).display())
    }

    /// Each instance runs what is locked, and nothing has changed since the first commit.
    #[track_caller]
    pub fn is_as_before(&self) {
        let changed = git(&self.directory, &["status", "--porcelain"]);
        assert_eq!(changed, "");
        let status = self.makes(&["status"]);
        assert_eq!(status.matches(" ready\n").count(), 6, "{status}");
    }

    /// What `versions.lock` names as the image of a service.
    pub fn image(&self, service: &str) -> String {
        let lock = fs::read_to_string(self.directory.join("versions.lock")).unwrap();
        let line = lock
            .lines()
            .find(|line| line.starts_with(&format!("{service} ")));
        line.unwrap().split(' ').nth(2).unwrap().into()
    }

    /// Calls the engine, which must succeed, and returns what it printed.
    pub fn ask(&self, arguments: &[&str]) -> String {
        run(self.command(&self.engine.to_string()).args(arguments))
    }

    /// Runs a script, which must succeed.
    pub fn sh(&self, script: &str) -> String {
        run(self.command("sh").args(["-c", script]))
    }
}
