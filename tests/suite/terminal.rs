//! The questions as a person sees them, in a pseudo-terminal.

use std::{fs, path::Path, process::Command};

use rexpect::session::{PtySession, spawn_command};
use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    generator::Generator,
    inspect::inspect,
    repository::{oldest, root},
};

/// Someone at a terminal who has typed `cargo generate`.
pub struct Person {
    screen: PtySession,
    /// What has been seen up to the last question.
    seen: String,
}

impl Person {
    fn generates_in(directory: &Path, generator: &Generator, arguments: &[&str]) -> Self {
        let mut command = generator.command(directory);
        command.args(["--vcs", "none"]).args(arguments);
        Self::types_command(command, "xterm-256color")
    }

    /// At a `terminal` of this kind: a `dumb` one shows nothing that moves.
    pub fn types_command(mut command: Command, terminal: &str) -> Self {
        command
            .env("TERM", terminal)
            .env("NO_COLOR", "1")
            .env("LANG", "C.UTF-8");
        let screen = spawn_command(command, Some(60_000)).unwrap();
        Self {
            screen,
            seen: String::new(),
        }
    }

    /// Answers each question as the `recording` of a screen shows it, and returns the screen that
    /// comes of it.
    pub fn plays(mut self, recording: &str) -> String {
        for line in recording.lines() {
            if line.ends_with("· MIT") {
                self.chooses(LICENSE, "");
            } else if let Some((_, line)) = line.split_once("🤷   ") {
                let (question, answer) = line.rsplit_once(": ").unwrap();
                self.is_asked(question, "", answer);
            }
        }
        self.sees_the_end()
    }

    fn sees(&mut self, text: &str) {
        match self.screen.exp_string(text) {
            Ok(before) => self.seen += &(before + text),
            Err(error) => panic!("no {text:?} after:\n{}\n{error}", self.seen),
        }
    }

    fn types(&mut self, line: &str) {
        self.screen.send_line(line).unwrap();
    }

    /// Sees `question` with the answer that Enter stands for, and types another one, or none.
    fn is_asked(&mut self, question: &str, default: &str, answer: &str) {
        self.sees(question);
        if !default.is_empty() {
            self.sees(&format!("[{default}]"));
        }
        self.types(answer);
    }

    /// Sees `question` with its choices, and takes the one that the cursor is on after `keys`.
    fn chooses(&mut self, question: &str, keys: &str) {
        self.sees(question);
        self.sees("proprietary");
        self.types(keys);
    }

    /// Sees the service made, and returns what the screen shows then.
    fn sees_the_end(mut self) -> String {
        self.sees("New project created");
        self.seen += &self.screen.exp_eof().unwrap();
        shown(&self.seen)
    }
}

/// What is left on a screen after all that moved the cursor up or down, or erased a line.
fn shown(output: &str) -> String {
    // The terminal's bytes come as one character each.
    let bytes = output
        .chars()
        .map(|byte| u8::try_from(byte).unwrap())
        .collect();
    let output = String::from_utf8(bytes).unwrap();
    let mut lines = vec![String::new()];
    let mut at = 0;
    let mut rest = &*output;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        match letter {
            '\r' => {}
            '\n' => {
                at += 1;
                lines.resize(lines.len().max(at + 1), String::new());
            }
            '\u{1b}' => {
                let end = rest
                    .find(|letter: char| letter.is_ascii_alphabetic())
                    .unwrap();
                let count = || rest[1..end].parse::<usize>().unwrap();
                match &rest[end..=end] {
                    "A" => at = at.saturating_sub(count()),
                    "B" => at += count(),
                    "K" => lines[at].clear(),
                    // The cursor, hidden and shown.
                    "l" | "h" => {}
                    _ => panic!("an unknown sequence: {:?}", &rest[..=end]),
                }
                rest = &rest[end + 1..];
            }
            letter => lines[at].push(letter),
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

const NAME: &str = "Name of the service, as in: order-book";
const AUTHOR: &str = "Author";
const DESCRIPTION: &str = "What the service does, in one sentence";
const PORT: &str = "Port of the gRPC server";
const PACKAGE: &str = "Protobuf package, ending in a version";
const REGISTRY: &str = "Image registry and path";
const LICENSE: &str = "Licence";
const UP: &str = "\u{1b}[A";
const DOWN: &str = "\u{1b}[B";

/// Whom git knows has no need to type it.
const ME: &str = crate::support::generator::AUTHOR;

#[test]
fn a_wrong_answer_is_asked_for_again_at_once() {
    wrong_answers_are_asked_for_again(oldest());
}

#[test]
fn enter_is_an_answer_to_every_question_but_the_name() {
    enter_takes_every_default(oldest());
}

pub fn wrong_answers_are_asked_for_again(cargo_generate: &Path) {
    let directory = TempDir::new().unwrap();
    let generator = Generator::at(cargo_generate);
    let mut person = Person::generates_in(directory.path(), &generator, &[]);
    person.is_asked(NAME, "", "Order Book");
    person.sees("\"Order Book\" can't be the service's name");
    person.is_asked(NAME, "", "order-book");
    person.is_asked(AUTHOR, ME, "Zoë \"Z\" Müller <zoe@example.org>");
    person.is_asked(
        DESCRIPTION,
        "The order-book service",
        "Keeps the open orders.",
    );
    person.is_asked(PORT, "42302", "423020");
    person.sees("\"423020\" is not a port: give a whole number from 1 to 65535");
    person.is_asked(PORT, "42302", "http");
    person.sees("\"http\" is not a port");
    person.is_asked(PORT, "42302", "50051");
    person.is_asked(PACKAGE, "order_book.v1", "orders");
    person.sees("\"orders\" is not a protobuf package: end it in a version");
    person.is_asked(PACKAGE, "order_book.v1", "orders.v2");
    person.is_asked(REGISTRY, "localhost:5000", "");
    person.chooses(LICENSE, UP);
    let screen = person.sees_the_end();
    // Whatever was shown of each file comes before.
    let (_, end) = screen.split_once("What to do next:\n").unwrap();
    let next = ["    cd ", "/order-book\n    make run\n    make test\n"];
    assert!(next.iter().all(|text| end.contains(text)), "{screen}");
    assert!(end.lines().count() <= 8, "{screen}");

    let answers = Answers::new("order-book")
        .with("author", "Zoë \"Z\" Müller <zoe@example.org>")
        .with("description", "Keeps the open orders.")
        .with("port", "50051")
        .with("proto_package", "orders.v2")
        .with("license", "Apache-2.0");
    inspect(&directory.path().join("order-book"), &answers);
}

pub fn enter_takes_every_default(cargo_generate: &Path) {
    let directory = TempDir::new().unwrap();
    let generator = Generator::at(cargo_generate);
    let mut person = Person::generates_in(directory.path(), &generator, &[]);
    person.is_asked(NAME, "", "greeter");
    for question in [AUTHOR, DESCRIPTION, PORT, PACKAGE, REGISTRY] {
        person.is_asked(question, "", "");
    }
    person.chooses(LICENSE, "");
    person.sees_the_end();
    inspect(&directory.path().join("greeter"), &Answers::new("greeter"));
}

/// A service or a system: cargo-generate itself asks who says neither.
#[test]
fn who_names_no_sub_template_chooses_one() {
    let service: &[&str] = &[AUTHOR, DESCRIPTION, PORT, PACKAGE, REGISTRY];
    let system: &[&str] = &[AUTHOR, REGISTRY];
    for (keys, name, questions, made) in [
        ("", NAME, service, "api"),
        (
            DOWN,
            "Name of the system, as in: shop",
            system,
            "versions.lock",
        ),
    ] {
        let directory = TempDir::new().unwrap();
        let generator = Generator::oldest().from(["--path", root().to_str().unwrap()]);
        let mut person = Person::generates_in(directory.path(), &generator, &[]);
        person.sees("Which sub-template should be expanded?");
        person.sees("system");
        person.types(keys);
        person.is_asked(name, "", "greeter");
        for question in questions {
            person.is_asked(question, "", "");
        }
        person.chooses(LICENSE, "");
        person.sees_the_end();
        assert!(directory.path().join("greeter").join(made).exists());
    }
    let directory = TempDir::new().unwrap();
    let scripted = Generator::oldest().from(["--path", root().to_str().unwrap()]);
    let service = scripted.generate(directory.path(), &Answers::new("greeter"));
    inspect(&service, &Answers::new("greeter"));
}

/// At whichever question.
#[test]
fn who_stops_leaves_nothing_behind() {
    let questions = [NAME, AUTHOR, DESCRIPTION, PORT, PACKAGE, REGISTRY, LICENSE];
    for last in 0..questions.len() {
        let directory = TempDir::new().unwrap();
        let generator = Generator::oldest();
        let mut person = Person::generates_in(directory.path(), &generator, &[]);
        for question in &questions[..last] {
            let answer = if *question == NAME { "greeter" } else { "" };
            person.is_asked(question, "", answer);
        }
        person.sees(questions[last]);
        person.screen.send_control('c').unwrap();
        person.screen.exp_eof().unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

/// Each line is the answer to one question, as if it had been typed: cargo-generate reads key by key up
/// to Enter, and drops what terminals put around a paste, so that no hook can tell the two apart.
#[test]
fn several_lines_may_be_pasted_at_once() {
    let directory = TempDir::new().unwrap();
    let mut person = Person::generates_in(directory.path(), &Generator::oldest(), &[]);
    person.sees(NAME);
    person.types("greeter\nAda\nGreets.\nport 50051\n50051\n\nghcr.io/acme\n");
    person.sees("\"port 50051\" is not a port");
    person.sees_the_end();
    let answers = Answers::new("greeter")
        .with("author", "Ada")
        .with("description", "Greets.")
        .with("port", "50051")
        .with("registry", "ghcr.io/acme");
    inspect(&directory.path().join("greeter"), &answers);
}

/// Nobody can tell the hook that asks what was given beforehand; it is heeded all the same.
#[test]
fn what_is_given_beforehand_holds() {
    let directory = TempDir::new().unwrap();
    let given = ["-d", "port=50051", "-d", "license=mit"];
    let mut person = Person::generates_in(directory.path(), &Generator::oldest(), &given);
    person.is_asked(NAME, "", "greeter");
    for question in [AUTHOR, DESCRIPTION, PORT, PACKAGE, REGISTRY] {
        person.is_asked(question, "", "");
    }
    person.chooses(LICENSE, "");
    person.sees(
        "`port` was given beforehand, by -d, a values file or the environment: it is \"50051\", \
         not \"42302\".",
    );
    person.sees_the_end();
    let answers = Answers::new("greeter").with("port", "50051");
    inspect(&directory.path().join("greeter"), &answers);
}

/// Who gives the name may be a script: at a terminal, too, it is told what was taken for it.
#[test]
fn with_a_name_nothing_is_asked() {
    let directory = TempDir::new().unwrap();
    let given = ["--name", "greeter", "-d", "port=50051"];
    let mut person = Person::generates_in(directory.path(), &Generator::oldest(), &given);
    person.sees(&format!(
        "By default: author = {ME:?}, description = \"The greeter service\", proto_package = \
         \"greeter.v1\", registry = \"localhost:5000\", license = \"MIT\". Without --name, each is \
         asked for."
    ));
    let screen = person.sees_the_end();
    assert!(!screen.contains(AUTHOR), "{screen}");
    let answers = Answers::new("greeter").with("port", "50051");
    inspect(&directory.path().join("greeter"), &answers);
}

/// How a service asks on behalf of its template, when that has a new question.
#[test]
fn what_is_missing_is_asked_for_on_request() {
    let directory = TempDir::new().unwrap();
    let given = ["--name", "greeter", "-d", "ask=missing", "-d", "port=50051"];
    let mut person = Person::generates_in(directory.path(), &Generator::oldest(), &given);
    person.is_asked(AUTHOR, ME, "");
    person.is_asked(DESCRIPTION, "The greeter service", "");
    person.is_asked(PACKAGE, "greeter.v1", "greeter");
    person.sees("\"greeter\" is not a protobuf package: end it in a version");
    person.is_asked(PACKAGE, "greeter.v1", "");
    person.is_asked(REGISTRY, "localhost:5000", "");
    person.chooses(LICENSE, "");
    person.sees_the_end();
    let answers = Answers::new("greeter").with("port", "50051");
    inspect(&directory.path().join("greeter"), &answers);
}
