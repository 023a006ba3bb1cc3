//! The first hour of a new user: every command in the two READMEs is typed, one after the other, and
//! shows what they show, from the first line to an RPC that was changed and answers.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::{
    sources::Repository,
    support::{
        command::{as_typed, output, run},
        generator::Generator,
        process::free_port,
        repository::{oldest, read, root, target_directory},
        sample::{QUICK_RELEASE, Turn},
    },
    terminal::Person,
};

/// How long anything may take: a first build, too, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(10);

/// What a page asks its reader to do.
enum Step {
    /// A command, and what it shows; `…` stands for any lines.
    Type { command: String, shows: String },
    /// A line, and what comes in its place.
    Change { old: String, new: String },
}

/// The blocks `console` and `diff` of a page.
fn steps(page: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in page.split("\n```").skip(1).step_by(2) {
        let (kind, text) = block.split_once('\n').unwrap_or((block, ""));
        match kind {
            "console" => {
                for entry in format!("\n{text}").split("\n$ ").skip(1) {
                    let (command, shows) = entry.split_once('\n').unwrap_or((entry, ""));
                    steps.push(Step::Type {
                        command: command.into(),
                        shows: shows.into(),
                    });
                }
            }
            "diff" => {
                let line = |sign| text.lines().find_map(|line| line.strip_prefix(sign));
                steps.push(Step::Change {
                    old: line('-').unwrap().into(),
                    new: line('+').unwrap().into(),
                });
            }
            _ => {}
        }
    }
    steps
}

/// Whether `said` is what a page shows, but for times, ports and what `…` stands for.
fn is_shown(said: &str, shows: &str) -> bool {
    let lines = |text: &str| -> Vec<_> {
        let lines = text.trim_end().lines().map(str::trim_end);
        lines.map(without_chance).collect()
    };
    let (said, shows) = (lines(said), lines(shows));
    matches(&said, &shows)
}

fn matches(said: &[String], shows: &[String]) -> bool {
    match shows.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == "…" => {
            (0..=said.len()).any(|at| matches(&said[at..], rest))
        }
        Some((line, rest)) => said.first() == Some(line) && matches(&said[1..], rest),
    }
}

/// The line without the time that it begins with, without ports, and without how many calls there were in what
/// time; how many of them were lost is no chance.
fn without_chance(line: &str) -> String {
    if let Some((state, outcome)) = line.split_once(" calls ") {
        let state = state.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let outcome = outcome.split("   p50").next().unwrap_or_default();
        return format!("{} calls {}", state.trim_end(), outcome.trim_start());
    }
    let line = match line.split_once("Z ") {
        Some((time, rest)) if time.starts_with("20") && time.contains('T') => rest,
        _ => line,
    };
    let digits = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
    let words = line.split(' ').map(|word| match word.rsplit_once(':') {
        Some((host, port)) if port.len() > 3 && digits(port) => format!("{host}:PORT"),
        _ if word.len() > 3 && digits(word) => "PORT".into(),
        _ => word.into(),
    });
    words.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_shown(command: &str, said: &str, shows: &str) {
    assert!(
        is_shown(said, shows),
        "$ {command}\n{said}\n\ninstead of:\n{shows}"
    );
}

/// A terminal in a directory.
struct Terminal {
    directory: PathBuf,
    port: u16,
    turn: Turn,
    served: Option<Served>,
}

/// `make run`, until Ctrl-C.
struct Served {
    child: Child,
    lines: Receiver<String>,
}

impl Terminal {
    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec 2>&1; {line}")])
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", target_directory())
            .envs(QUICK_RELEASE)
            // One that is free, whoever else serves here at the same time.
            .env("ORDER_BOOK_PORT", self.port.to_string())
            .env_remove("RUSTFLAGS");
        command
    }

    fn follows(&mut self, page: &str) {
        for step in steps(page) {
            match step {
                Step::Type { command, shows } if command == "make run" => {
                    self.served = None;
                    self.serves(&command, &shows);
                }
                Step::Type { command, shows } => {
                    let said = run(&mut self.command(&command));
                    assert_shown(&command, &said, &shows);
                }
                Step::Change { old, new } => {
                    let file = self.directory.join("src/service.rs");
                    let text = fs::read_to_string(&file).unwrap();
                    assert!(text.contains(&old), "{old:?} is not in {}", file.display());
                    fs::write(&file, text.replace(&old, &new)).unwrap();
                }
            }
        }
    }

    /// Starts what goes on until it is stopped, and waits for the last line that the page shows.
    fn serves(&mut self, command: &str, shows: &str) {
        let mut child = as_typed(&mut self.command(command))
            .process_group(0)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Nobody listens any more once it is stopped.
                let _ = sender.send(line);
            }
        });
        self.served = Some(Served { child, lines });
        let lines = &self.served.as_ref().unwrap().lines;
        let last = without_chance(shows.trim_end().lines().last().unwrap());
        let mut said = String::new();
        loop {
            let line = lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("$ {command}\n{said}\nno {last:?}: {error}"));
            said += &(line.clone() + "\n");
            if without_chance(&line) == last {
                break;
            }
        }
        assert_shown(command, &said, shows);
    }
}

/// Ctrl-C, and the end.
impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
    }
}

/// `cargo generate`, taken from this checkout as if it lay elsewhere, in an empty directory.
fn generates(directory: &Path, command: &str, shows: &str) {
    let repository = Repository::with_tag("v1");
    let url = repository.url();
    let arguments = command.replace("<URL of this repository>", &url);
    let arguments = arguments.strip_prefix("cargo generate ").unwrap();
    let generator = Generator::at(oldest()).from(arguments.split(' '));
    let mut command = generator.command(directory);
    if arguments.contains("--silent") {
        run(&mut command);
        return;
    }
    command.env_remove("CARGO_TARGET_DIR");
    let screen = Person::types_command(command, "dumb")
        .plays(shows)
        .replace(directory.to_str().unwrap(), "/home/ada");
    assert_eq!(screen.trim_end(), shows.trim_end());
}

#[test]
fn the_readmes_lead_from_the_first_line_to_a_changed_rpc_that_answers() {
    let home = TempDir::new().unwrap();
    let mut terminal = Terminal {
        directory: root().into(),
        port: free_port(),
        turn: Turn::wait(),
        served: None,
    };
    let mut generated = None;
    for step in steps(&read("README.md")) {
        match step {
            Step::Type { command, shows } if command.starts_with("cargo generate") => {
                generates(home.path(), &command, &shows);
                generated = Some(home.path().join("order-book"));
            }
            // It takes docker, and minutes.
            Step::Type { command, .. } if command == DEMO_SYSTEM => {}
            Step::Type { command, shows } => {
                let said = run(&mut terminal.command(&command));
                assert_shown(&command, &said, &shows);
            }
            Step::Change { .. } => panic!("README.md changes something before there is a service"),
        }
    }
    terminal.directory = generated.expect("README.md generates a service");
    terminal.turn.receive(&terminal.directory, "order-book");
    let page = fs::read_to_string(terminal.directory.join("README.md")).unwrap();
    terminal.follows(&page);
    assert!(terminal.served.is_some(), "the service's README runs it");

    let flags = run(&mut terminal.command("make run ARGS=--help"));
    assert!(flags.contains("--port <"), "{flags}");
    let tests = output(&mut terminal.command("make utest"));
    let said = String::from_utf8_lossy(&tests.stdout);
    assert!(!tests.status.success(), "{said}");
    assert!(said.contains("\n    service::tests::"), "{said}");
    let todo = run(&mut terminal.command("grep -rl TODO api/proto api/src src"));
    assert_eq!(todo.lines().count(), 5, "{todo}");
}

/// What a page names in passing, and the file of the tests or of CI that tries it, with which words.
const NAMED: &[(&str, &str, &str)] = &[
    ("make", "tests/suite/pages.rs", "help(place, &[])"),
    ("make demo", "README.md", "\n$ make demo\n"),
    ("make run ARGS=--help", "tests/suite/walk.rs", "make run"),
    ("make utest", "tests/suite/walk.rs", "make utest"),
    ("make doc", "tests/suite/samples.rs", "&[\"doc\"]"),
    ("rg TODO", "tests/suite/walk.rs", "TODO"),
    (
        "cargo install --locked cargo-generate",
        ".ci/install-cargo-generate",
        "cargo install",
    ),
    (
        "cargo generate --path . system",
        "tests/suite/system/generation.rs",
        "Answers::new(\"shop\")",
    ),
    (
        "make add",
        "tests/suite/system/stage.rs",
        "FROM=../inventory",
    ),
];

/// What takes docker and many minutes, which `make test-system` has, or an idle machine.
const NOT_IN_CI: [&str; 4] = [
    "make bench",
    "make demo-system",
    "make up test",
    "make upgrade",
];

#[test]
fn what_the_readmes_name_in_passing_is_tried_somewhere() {
    for page in ["README.md", "template/README.md"] {
        for command in named(&read(page)) {
            let tried = NAMED.iter().any(|(name, ..)| *name == command);
            let excused = NOT_IN_CI.contains(&&*command);
            assert!(tried != excused, "{page}: nobody tries `{command}`");
        }
    }
    for (command, file, words) in NAMED {
        assert!(read(file).contains(words), "{file} doesn't try `{command}`");
    }
}

/// The commands that a page has within its sentences.
fn named(page: &str) -> Vec<String> {
    let sentences = page.split("\n```").step_by(2).collect::<String>();
    let code = sentences.split('`').skip(1).step_by(2);
    code.map(|code| code.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|code| ["make", "cargo", "rg"].contains(&code.split(' ').next().unwrap_or("")))
        .collect()
}

const DEMO_SYSTEM: &str = "make demo-system";

/// The same of a system.
#[test]
#[ignore = "takes minutes: make test-system"]
fn a_system_comes_about_as_the_readme_shows() {
    let shows = steps(&read("README.md"))
        .into_iter()
        .find_map(|step| match step {
            Step::Type { command, shows } if command == DEMO_SYSTEM => Some(shows),
            _ => None,
        });
    // As a terminal shows it, with what is being built.
    let everything = format!("{DEMO_SYSTEM} 2>&1");
    let said = run(Command::new("sh")
        .args(["-c", &everything])
        .current_dir(root()));
    assert_shown(DEMO_SYSTEM, &said, &shows.expect("README.md shows it"));
}

/// The page about generating, likewise.
#[test]
fn the_questions_are_asked_as_the_page_about_them_shows() {
    let home = TempDir::new().unwrap();
    for step in steps(&read("docs/generating.md")) {
        if let Step::Type { command, shows } = step {
            generates(home.path(), &command, &shows);
        }
    }
    for name in ["order-book", "inventory"] {
        assert!(home.path().join(name).join("README.md").exists(), "{name}");
    }
}
