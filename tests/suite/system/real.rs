//! A system of three real services, two of each, as its README leads to it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output},
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

use super::{shop::shop, stage::generate};
use crate::{
    containers::packed::at_the_end,
    support::{
        answers::Answers,
        command::{output, run, transcript},
        repository::{build_directory, git, root},
    },
};

/// A name that no container of the machine's owner has.
const NAME: &str = "sample-shop";

/// Its ports, beyond those that the machine gives to clients.
const PORTS: [(&str, &str, &str); 3] = [
    ("inventory", "", "21304"),
    ("orders", "inventory", "21303"),
    ("front", "orders", "21302"),
];

/// The system, green, with nothing changed since its first commit.
pub struct Real {
    pub directory: PathBuf,
    /// What `make add`, `make up` and `make test` have said.
    pub said: String,
    _cleaner: Child,
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
        let parent = TempDir::new().unwrap();
        // A static is never dropped.
        let directory = generate(&parent.keep(), &Answers::new(NAME));
        let images = format!("docker images --quiet '{NAME}/*' | xargs docker rmi --force");
        let clean = format!("make down; {images}; rm -rf \"${{PWD%/*}}\"");
        let mut real = Self {
            _cleaner: at_the_end(&clean, &directory),
            directory,
            said: String::new(),
        };
        git(&real.directory, &["init", "--quiet"]);
        for (name, calls, port) in PORTS {
            let from = format!("FROM={}", shop().join(name).display());
            let [calls, port] = [format!("CALLS={calls}"), format!("PORT={port}")];
            real.said += &real.makes(&["add", &from, &calls, &port]);
        }
        let calls = root().join("tests/suite/system/calls.rs");
        fs::copy(calls, real.directory.join("tests/src/calls.rs")).unwrap();
        real.said += &real.makes(&["up", "test"]);
        git(&real.directory, &["add", "--all"]);
        git(
            &real.directory,
            &["commit", "--quiet", "--message", "Green"],
        );
        real
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", build_directory("samples"))
            // The images are not what is measured; with fat LTO each would take minutes.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env_remove("RUSTFLAGS");
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

    pub fn docker(&self, arguments: &[&str]) -> String {
        run(self.command("docker").args(arguments))
    }
}
