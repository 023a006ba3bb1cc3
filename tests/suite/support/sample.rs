//! Generated services that are built. All share one target directory, which is this repository's, so
//! that their dependencies are compiled once, and take turns in it.
//!
//! What cargo keeps of a package there is named after the package, not after the directory in which
//! it lies: two services of one name would take each other's generated code for theirs.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use tempfile::TempDir;

use super::{
    answers::{Answers, example},
    command::run,
    generator::Generator,
    repository::{build_directory, files, root, target_directory},
};

/// Has cargo build a release without fat LTO, which takes the better part of a minute for each. The
/// service that is packed for containers is built as its users build it.
pub const QUICK_RELEASE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// A service in a directory of its own.
pub struct Sample {
    pub answers: Answers,
    pub directory: PathBuf,
    turn: Turn,
    _parent: TempDir,
}

impl Sample {
    /// Generates it, and waits for its turn.
    pub fn new(answers: Answers) -> Self {
        let parent = TempDir::new().unwrap();
        let directory = Generator::oldest().generate(parent.path(), &answers);
        let turn = Turn::take(&directory, &answers.name);
        Self {
            answers,
            directory,
            turn,
            _parent: parent,
        }
    }

    /// Runs `program` in it.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        self.turn.run(&self.directory, program, arguments)
    }

    /// The release binary that `make all` leaves.
    pub fn binary(&self) -> PathBuf {
        self.directory.join("deploy").join(&self.answers.name)
    }

    /// Builds `name`, the service or its demo client, as `cargo run` would.
    pub fn debug_binary(&self, name: &str) -> PathBuf {
        self.debug_binary_with("", name)
    }

    /// The same, with these features.
    pub fn debug_binary_with(&self, features: &str, name: &str) -> PathBuf {
        let build = ["build", "--quiet", "--locked", "--features", features];
        self.run("cargo", &[&build[..], &["--bin", name]].concat());
        self.turn.target.join("debug").join(name)
    }

    /// Builds `name`, one of the programs that the chassis is tested with.
    pub fn chassis_binary(&self, name: &str) -> PathBuf {
        let package = ["--package", "chassis", "--features", "testing"];
        let build = ["build", "--quiet", "--locked", "--bin", name];
        self.run("cargo", &[&build[..], &package].concat());
        self.turn.target.join("debug").join(name)
    }
}

/// A program of a sample that has had its turn, in a directory of its own: while it runs, others are built.
pub struct Program {
    pub path: PathBuf,
    _directory: TempDir,
}

impl Program {
    /// The service of `answers` with `features`.
    pub fn service(answers: Answers, features: &str) -> Self {
        let name = answers.name.clone();
        Self::copy(&Sample::new(answers).debug_binary_with(features, &name))
    }

    /// One of those that the chassis is tested with.
    pub fn of_chassis(name: &str) -> Self {
        Self::copy(&Sample::new(example("order-book")).chassis_binary(name))
    }

    fn copy(built: &Path) -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(built.file_name().unwrap());
        fs::copy(built, &path).unwrap();
        Self {
            path,
            _directory: directory,
        }
    }
}

/// The target directory, for one service alone until this is dropped.
pub struct Turn {
    target: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits for it, for the service `package` in `directory`, which is new.
    pub fn take(directory: &Path, package: &str) -> Self {
        let turn = Self::wait();
        turn.receive(directory, package);
        turn
    }

    /// Removes what others of the name `package` have left there, but for the chassis.
    pub fn receive(&self, directory: &Path, package: &str) {
        self.forget(directory, &[package, &format!("{package}-api")]);
        let chassis = directory.join("chassis");
        if chassis.exists() {
            date_chassis(&chassis);
        }
    }

    /// Removes what these packages have left there.
    pub fn forget(&self, directory: &Path, packages: &[&str]) {
        let packages = packages.iter().flat_map(|name| ["--package", name]);
        let clean = ["clean", "--quiet", "--locked"].into_iter().chain(packages);
        self.run(directory, "cargo", &clean.collect::<Vec<_>>());
    }

    /// Waits for it, and leaves everything there: for a package that always lies in the same place.
    pub fn wait() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        Self {
            target: target_directory(),
            // Whoever failed left nothing behind that the next one needs.
            _alone: TURN.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Runs `program` in `directory`.
    pub fn run(&self, directory: &Path, program: &str, arguments: &[&str]) -> String {
        run(Command::new(program)
            .args(arguments)
            .current_dir(directory)
            .env("CARGO_TARGET_DIR", &self.target)
            .envs(QUICK_RELEASE)
            .env_remove("RUSTFLAGS"))
    }
}

/// Gives the files of `chassis` the dates that cargo needs, which goes by them, and keeps what it
/// compiles of all chassis in one place. One that is the template's is as old as that, and need not be
/// compiled again. One that is another is new, as is the template's after it.
fn date_chassis(chassis: &Path) {
    let original = root().join("template/chassis");
    let date = |file: &Path| fs::metadata(file).unwrap().modified().unwrap();
    let names = files(chassis);
    let is_same = names == files(&original)
        && names.iter().all(|name| {
            let [copy, original] = [chassis, &original].map(|parent| fs::read(parent.join(name)));
            copy.unwrap() == original.unwrap()
        });
    let since = build_directory("template-chassis");
    if !is_same {
        // Where there was one before it.
        let _ = fs::remove_file(&since);
    } else if !since.exists() {
        fs::write(&since, "").unwrap();
    }
    for name in names {
        let dated = if is_same {
            date(&original.join(&name)).max(date(&since))
        } else {
            SystemTime::now()
        };
        let file = File::options().append(true).open(chassis.join(name));
        file.unwrap().set_modified(dated).unwrap();
    }
}

/// What the demo client of `sample` says to the service at `port`.
pub fn demo(demo: &Path, port: u16, arguments: &[&str]) -> String {
    run(Command::new(demo)
        .args(["--port", &port.to_string()])
        .args(arguments))
}
