//! The questions as a person sees them, in a pseudo-terminal.

use std::{fs, path::Path};

use rexpect::session::{PtySession, spawn_command};
use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    generator::Generator,
    inspect::inspect,
    repository::{oldest, read},
};

/// Someone at a terminal who has typed `cargo generate`.
struct Person {
    screen: PtySession,
    /// What has been seen up to the last question.
    seen: String,
}

impl Person {
    fn generates_in(directory: &Path, generator: &Generator) -> Self {
        let mut command = generator.command(directory);
        command
            .args(["--vcs", "none"])
            .env("TERM", "dumb")
            .env("NO_COLOR", "1")
            .env("LANG", "C.UTF-8");
        let screen = spawn_command(command, Some(20_000)).unwrap();
        Self {
            screen,
            seen: String::new(),
        }
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

    fn is_asked(&mut self, question: &str, answer: &str) {
        self.sees(question);
        self.types(answer);
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
                match &rest[..=end] {
                    "[1A" => at = at.saturating_sub(1),
                    "[1B" => at += 1,
                    "[2K" => lines[at].clear(),
                    other => panic!("an unknown sequence: {other:?}"),
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
const AUTHOR: &str = "Author, as in: Ada Lovelace <ada@example.org>";
const DESCRIPTION: &str = "What the service does, in one sentence";
const PORT: &str = "Port of the gRPC server";
const PACKAGE: &str = "Protobuf package, ending in a version";
const REGISTRY: &str = "Image registry and path";
const LICENSE: &str = "Licence: MIT, Apache-2.0 or proprietary";

#[test]
fn a_wrong_answer_is_asked_for_again() {
    questions_are_asked_again(oldest());
}

#[test]
fn enter_is_an_answer_to_every_question_but_the_name() {
    enter_takes_every_default(oldest());
}

pub fn questions_are_asked_again(cargo_generate: &Path) {
    let directory = TempDir::new().unwrap();
    let generator = Generator::at(cargo_generate);
    let mut person = Person::generates_in(directory.path(), &generator);
    person.is_asked(NAME, "Order Book");
    person.sees("\"Order Book\" can't be the service's name");
    person.is_asked(NAME, "order-book");
    person.is_asked(AUTHOR, "Zoë \"Z\" Müller <zoe@example.org>");
    person.is_asked(DESCRIPTION, "Keeps the open orders.");
    person.is_asked(PORT, "423020");
    person.is_asked(PACKAGE, "orders");
    person.is_asked(REGISTRY, "");
    person.is_asked(LICENSE, "Apache-2.0");
    person.sees("\"423020\" is not a port: give a whole number from 1 to 65535");
    person.is_asked("port", "http");
    person.sees("\"http\" is not a port");
    person.is_asked("port", "50051");
    person.sees("\"orders\" is not a protobuf package: end it in a version");
    person.is_asked("proto_package", "orders.v2");
    let screen = person.sees_the_end();
    assert!(screen.contains("New project created"), "{screen}");

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
    let mut person = Person::generates_in(directory.path(), &generator);
    person.is_asked(NAME, "greeter");
    for question in [AUTHOR, DESCRIPTION, PORT, PACKAGE, REGISTRY, LICENSE] {
        person.is_asked(question, "");
    }
    person.sees_the_end();
    inspect(&directory.path().join("greeter"), &Answers::new("greeter"));
}

#[test]
fn who_stops_at_a_question_has_been_told_what_to_remove() {
    let directory = TempDir::new().unwrap();
    let generator = Generator::oldest();
    let mut person = Person::generates_in(directory.path(), &generator);
    person.is_asked(NAME, "greeter");
    let greeter = directory.path().join("greeter");
    let advice = format!("The service goes to {}.", greeter.display());
    person.sees(&advice);
    person.sees("If you stop before the end, remove that directory.");
    person.sees(AUTHOR);
    person.screen.send_control('c').unwrap();
    person.screen.exp_eof().unwrap();
    assert_eq!(fs::read_dir(&greeter).unwrap().count(), 0);
}

/// The screen in README.md is no drawing.
#[test]
fn the_readme_shows_the_screen() {
    let directory = TempDir::new().unwrap();
    let mut person = Person::generates_in(directory.path(), &Generator::oldest());
    person.is_asked(NAME, "Order Book");
    person.is_asked(NAME, "order-book");
    person.is_asked(AUTHOR, "Ada Lovelace <ada@example.org>");
    person.is_asked(DESCRIPTION, "Keeps the open orders of a market.");
    person.is_asked(PORT, "423020");
    for question in [PACKAGE, REGISTRY, LICENSE] {
        person.is_asked(question, "");
    }
    person.sees("is not a port");
    person.is_asked("port", "42302");
    let screen = person
        .sees_the_end()
        .replace(directory.path().to_str().unwrap(), "/home/ada");
    let readme = read("README.md");
    assert!(
        readme.contains(screen.trim()),
        "README.md does not show:\n{screen}"
    );
}
