//! cargo-generate, run as its users run it, on this checkout.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{
    answers::Answers,
    command::{output, transcript},
    repository::{files, oldest, root},
};

/// Whom git knows where the tests run.
pub const AUTHOR: &str = "Grace Hopper <grace@example.org>";

/// A cargo-generate, and a home without configuration for it.
pub struct Generator {
    binary: PathBuf,
    home: TempDir,
    source: Vec<String>,
}

/// What a run of cargo-generate came to.
pub struct Outcome {
    pub succeeded: bool,
    /// The command and all that it printed.
    pub transcript: String,
    /// What it printed to stderr.
    pub stderr: String,
}

impl Generator {
    /// The one that most tests use.
    pub fn oldest() -> Self {
        Self::at(oldest())
    }

    pub fn at(binary: &Path) -> Self {
        let source = ["--path", root().to_str().unwrap(), "template"];
        Self {
            binary: binary.into(),
            home: TempDir::new().unwrap(),
            source: source.map(String::from).into(),
        }
    }

    /// Takes the template from elsewhere: these arguments instead of `--path`.
    pub fn from<'a>(mut self, source: impl IntoIterator<Item = &'a str>) -> Self {
        self.source = source.into_iter().map(String::from).collect();
        self
    }

    /// Where this one looks for its configuration.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `cargo generate`, to be run in `directory`, with nothing answered yet.
    pub fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg("generate")
            .args(&self.source)
            .current_dir(directory)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("TMPDIR", env::temp_dir())
            .env("HOME", self.home.path())
            .env("USER", "grace")
            .env("CARGO_NAME", AUTHOR.split(" <").next().unwrap())
            .env("CARGO_EMAIL", "grace@example.org");
        command
    }

    /// Generates in `directory`, asking nothing: the answers come from a values file.
    pub fn run(&self, directory: &Path, answers: &Answers) -> Outcome {
        let values = self.home.path().join("values.toml");
        fs::write(&values, answers.to_values_file()).unwrap();
        let mut command = self.command(directory);
        command
            .arg(format!("--name={}", answers.name))
            .args(["--silent", "--vcs", "none", "--values-file"])
            .arg(values);
        Outcome::of(command)
    }

    /// Generates in `directory`, which must succeed, and returns the service's directory.
    pub fn generate(&self, directory: &Path, answers: &Answers) -> PathBuf {
        let outcome = self.run(directory, answers);
        assert!(outcome.succeeded, "{}", outcome.transcript);
        let service = directory.join(&answers.name);
        date_like_the_template(&service.join("chassis"));
        service
    }
}

/// Gives the files of a generated chassis the dates of those that they are copies of. Cargo goes by
/// dates: services that share a target directory then share the chassis that was built there.
fn date_like_the_template(chassis: &Path) {
    let original = root().join("template/chassis");
    for file in files(&original) {
        let (original, copy) = (original.join(&file), chassis.join(&file));
        if fs::read(&copy).is_ok_and(|copied| copied == fs::read(&original).unwrap()) {
            let modified = fs::metadata(original).unwrap().modified().unwrap();
            let copy = File::options().write(true).open(copy).unwrap();
            copy.set_modified(modified).unwrap();
        }
    }
}

impl Outcome {
    pub fn of(mut command: Command) -> Self {
        let output = output(&mut command);
        Self {
            succeeded: output.status.success(),
            transcript: transcript(&command, &output),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The sentence with which a hook refused to go on.
    pub fn refusal(&self) -> Option<&str> {
        let (_, text) = self.stderr.split_once("Runtime error: ")?;
        text.lines().next()
    }
}
