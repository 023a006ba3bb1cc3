//! A service with stand-ins for the programs that its scripts call, which record what they are asked.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use tempfile::TempDir;

use crate::support::{answers::Answers, command::output, generator::Generator, repository::root};

/// A service, and a PATH that begins with stand-ins.
pub struct Stage {
    directory: TempDir,
    service: PathBuf,
}

impl Stage {
    pub fn new() -> Self {
        Self::named("order-book")
    }

    pub fn named(name: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let programs = directory.path().join("bin");
        fs::create_dir(&programs).unwrap();
        for program in [
            "kubectl", "cargo", "docker", "podman", "buildah", "kind", "minikube", "ctr", "sudo",
        ] {
            let stand_in = root().join("tests/suite/containers/stand-in");
            symlink(stand_in, programs.join(program)).unwrap();
        }
        let service = Generator::oldest().generate(directory.path(), &Answers::new(name));
        Self { directory, service }
    }

    fn command(&self, program: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let programs = self.directory.path().join("bin");
        let real = |program: &str| {
            std::env::split_paths(&path)
                .map(|directory| directory.join(program))
                .find(|file| file.exists())
                .unwrap_or_default()
        };
        let mut command = Command::new(program);
        command
            .current_dir(&self.service)
            .env("PATH", format!("{}:{path}", programs.display()))
            // As strict as there, wherever the tests run.
            .env("CI", "true")
            .env("CALLS", self.calls_file())
            .env("KUBECTL", real("kubectl"))
            .env("CARGO", real("cargo"))
            .env("CARGO_TARGET_DIR", self.directory.path().join("target"))
            .env("TMPDIR", self.directory.path());
        command
    }

    /// `make itest`, with these arguments.
    pub fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = self.command("make");
        let arguments = ["itest"].iter().chain(arguments);
        output(command.args(arguments).envs(environment.iter().copied()))
    }

    /// A shell that is given `script`.
    pub fn shell(&self, script: &str) -> Output {
        output(self.command("sh").args(["-euc", script]))
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.service.join(file)).unwrap()
    }

    fn calls_file(&self) -> PathBuf {
        self.directory.path().join("calls")
    }

    /// The calls so far, each with what it was given on stdin, without those that only read.
    pub fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.calls_file()).unwrap_or_default();
        calls
            .replace("\n| ", "\t")
            .lines()
            .map(String::from)
            .collect()
    }

    /// Sends `signal` to make and all below it while `step` hangs, as Ctrl-C in a terminal would,
    /// and waits until all of them are gone.
    #[track_caller]
    pub fn interrupt(&self, arguments: &[&str], signal: Signal, step: &str) {
        let mut command = self.command("env");
        // Tests that run in the background of a script ignore Ctrl-C, and so would what they start.
        if cfg!(target_os = "linux") {
            command.arg("--default-signal=INT");
        }
        let make = command
            .args(["make", "itest"])
            .args(arguments)
            .env("HANG", step)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let hanging = self.calls_file().with_extension("hangs");
        waits_until(|| fs::read_to_string(&hanging).is_ok_and(|pid| pid.ends_with('\n')));
        let make = Group(make);
        kill_process_group(make.pid(), signal).unwrap();
        assert!(!make.wait());
        let pid = fs::read_to_string(&hanging)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let pid = Pid::from_raw(pid).unwrap();
        waits_until(|| test_kill_process(pid).is_err());
    }
}

/// A process group; killed when dropped.
struct Group(Child);

impl Group {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Whether it ended well.
    fn wait(mut self) -> bool {
        waits_until(|| self.0.try_wait().unwrap().is_some());
        self.0.wait().unwrap().success()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It may be gone.
        let _ = kill_process_group(self.pid(), Signal::KILL);
    }
}

#[track_caller]
pub fn waits_until(mut holds: impl FnMut() -> bool) {
    waits_for(|| holds().then_some(()).ok_or_else(String::new));
}

/// Looks until it sees what is to come, and tells what it saw instead.
#[track_caller]
pub fn waits_for(mut look: impl FnMut() -> Result<(), String>) {
    let end = Instant::now() + Duration::from_mins(1);
    while let Err(saw) = look() {
        assert!(Instant::now() < end, "it never came true: {saw}");
        sleep(Duration::from_millis(10));
    }
}
