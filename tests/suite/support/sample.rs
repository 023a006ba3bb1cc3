//! Generated services that are built. All share one target directory, so that their dependencies
//! are compiled once, and take turns in it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

use super::{answers::Answers, command::run, generator::Generator, repository::build_directory};

/// A service in a directory of its own.
pub struct Sample {
    pub answers: Answers,
    pub directory: PathBuf,
    _parent: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Sample {
    /// Generates it, when it is its turn.
    pub fn new(answers: Answers) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // Whoever failed left nothing behind that the next one needs.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let parent = TempDir::new().unwrap();
        let directory = Generator::oldest().generate(parent.path(), &answers);
        Self {
            answers,
            directory,
            _parent: parent,
            _turn: turn,
        }
    }

    /// Runs `program` in it.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(Command::new(program)
            .args(arguments)
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", target())
            .env_remove("RUSTFLAGS"))
    }

    /// The release binary that `make all` leaves.
    pub fn binary(&self) -> PathBuf {
        self.directory.join("deploy").join(&self.answers.name)
    }

    /// Builds `name`, the service or its demo client, as `cargo run` would.
    pub fn debug_binary(&self, name: &str) -> PathBuf {
        self.run("cargo", &["build", "--quiet", "--locked", "--bin", name]);
        target().join("debug").join(name)
    }
}

fn target() -> PathBuf {
    build_directory("samples")
}

/// What the demo client of `sample` says to the service at `port`.
pub fn demo(demo: &Path, port: u16, arguments: &[&str]) -> String {
    run(Command::new(demo)
        .args(["--port", &port.to_string()])
        .args(arguments))
}
