//! Random answers from nasty alphabets: each is refused by a sentence, or gives a service that holds
//! against [`inspect`].

use std::{
    env, fs, iter,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    command::run,
    generator::Generator,
    inspect::inspect,
    process::Service,
    repository::root,
    sample::{Sample, demo},
};

/// How many, where CASES says nothing: as many as two idle cores do in half a minute.
const CASES: usize = 150;

/// Pieces of text that mean something to something that a text passes through.
const NASTY: [&str; 48] = [
    "\"",
    "'",
    "`",
    "\\",
    "$",
    "$(",
    "${",
    "#",
    "%",
    "%%",
    "{{",
    "}}",
    "{%",
    "%}",
    "{{port}}",
    "{% raw %}",
    "{{ crate_name }}",
    "{#",
    "&",
    "&amp;",
    "<",
    ">",
    "<b>",
    "|",
    "*",
    "_",
    "~~",
    "[",
    "](",
    ")",
    "!",
    ":",
    ";",
    "@",
    "/",
    "//",
    "/*",
    "*/",
    "=",
    "+",
    "-",
    "1.",
    "é",
    "ß",
    "🦀",
    "שלום",
    "e\u{301}",
    "\u{202e}",
];

/// Control characters, refused wherever they stand.
const CONTROL: [&str; 8] = [
    "\n",
    "\r",
    "\t",
    "\0",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{9b}",
    "\u{2029}",
];

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(&NASTY[..]).prop_map(String::from),
        4 => "[A-Za-z0-9]{1,8}",
        2 => Just(" ".to_owned()),
        1 => any::<char>().prop_filter("shown", |letter| !letter.is_control()).prop_map(String::from),
    ];
    let line = prop::collection::vec(piece, 1..20).prop_map(|pieces| pieces.concat());
    prop_oneof![
        20 => line,
        1 => (text_or_nothing(), prop::sample::select(&CONTROL[..])).prop_map(|(text, control)| text + control + "x"),
        1 => Just("ä{{\"\\".repeat(75)),
        1 => text_or_nothing(),
    ]
}

fn text_or_nothing() -> impl Strategy<Value = String> {
    "[ a-z]{0,5}"
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => "[a-z][a-z0-9]{0,9}(-[a-z0-9]{1,9}){0,3}",
        2 => "[a-z]{1,3}-service",
        2 => "[a-z]{60,66}",
        1 => "[a-zA-Z0-9_. /-]{0,12}",
        1 => prop::sample::select(vec!["tokio", "self", "demo", "test", "x-", "a--b", "é"])
            .prop_map(String::from),
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => (1..=u16::MAX).prop_map(|port| port.to_string()),
        1 => any::<i64>().prop_map(|port| port.to_string()),
        1 => "[0-9+. xe-]{0,6}",
    ]
}

fn package() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => "[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,4}){0,2}(\\.[a-z][a-z0-9]{0,5}){0,6}\\.v[1-9]((alpha|beta)[1-9]?)?",
        1 => "[a-z.]{0,4}(type|self|fn|message|string|package)\\.v1",
        1 => "[a-zA-Z0-9_.]{0,12}",
    ]
}

fn registry() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => "[a-z][a-z0-9]{0,5}([.-][a-z0-9]{1,4}){0,2}(:[1-9][0-9]{0,3})?(/[a-z0-9]{1,6}([._-][a-z0-9]{1,3})?){0,3}",
        1 => "[a-zA-Z0-9_.:/@-]{0,12}",
    ]
}

fn license() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => prop::sample::select(vec!["MIT", "Apache-2.0", "proprietary"]).prop_map(String::from),
        1 => "[A-Za-z-]{0,10}",
    ]
}

fn answers() -> impl Strategy<Value = Answers> {
    let values = (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(port()),
        prop::option::of(package()),
        prop::option::of(registry()),
        prop::option::of(license()),
    );
    (name(), values).prop_map(
        |(name, (author, description, port, package, registry, license))| {
            let given = [
                ("author", author),
                ("description", description),
                ("port", port),
                ("proto_package", package),
                ("registry", registry),
                ("license", license),
            ];
            given.into_iter().fold(
                Answers::new(name),
                |answers, (question, answer)| match answer {
                    Some(answer) => answers.with(question, answer),
                    None => answers,
                },
            )
        },
    )
}

/// Whether `answers` gave a service; panics where it is neither that nor a proper refusal.
fn generated_or_refused(generator: &Generator, answers: &Answers) -> bool {
    let directory = TempDir::new().unwrap();
    let outcome = generator.run(directory.path(), answers);
    let transcript = &outcome.transcript;
    if outcome.succeeded {
        inspect(&directory.path().join(&answers.name), answers);
        return true;
    }
    let refusal = outcome
        .refusal()
        .unwrap_or_else(|| panic!("no sentence: {transcript}"));
    let is_sentence = refusal.ends_with(['.', '?']) && refusal.len() > 40;
    assert!(is_sentence, "no sentence: {refusal}");
    let left = fs::read_dir(directory.path()).unwrap().count();
    let says_so = outcome.stderr.contains("remove the empty directory");
    assert_eq!(left > 0, says_so, "{transcript}");
    false
}

/// A copy of what cargo-generate needs: of this checkout it would copy everything, each time.
fn template_alone() -> TempDir {
    let directory = TempDir::new().unwrap();
    run(Command::new("cp")
        .arg("-R")
        .args(["cargo-generate.toml", "hooks", "template"])
        .arg(directory.path())
        .current_dir(root()));
    directory
}

#[test]
fn any_answer_gives_a_service_or_a_sentence() {
    let cases = env::var("CASES").map_or(CASES, |cases| cases.parse().expect("CASES is a number"));
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let generated = AtomicUsize::new(0);
    let template = template_alone();
    let source = ["--path", template.path().to_str().unwrap(), "template"];
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let config = Config {
                    cases: u32::try_from(cases.div_ceil(workers)).unwrap(),
                    failure_persistence: None,
                    max_shrink_iters: 40,
                    ..Config::default()
                };
                let generator = Generator::oldest().from(source);
                let outcome = TestRunner::new(config).run(&answers(), |answers| {
                    if generated_or_refused(&generator, &answers) {
                        generated.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                });
                if let Err(error) = outcome {
                    panic!("{error}");
                }
            });
        }
    });
    let generated = generated.into_inner();
    println!("{generated} of {cases} random answers gave a service, the others a sentence");
    assert!(
        generated > cases / 3,
        "only {generated} of {cases} gave a service"
    );
    assert!(generated < cases, "none was refused");
}

/// A few of them, the same in every run, are built and run: the checks without a compiler miss
/// nothing that matters.
#[test]
fn some_of_them_are_built_and_run() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let generator = Generator::oldest();
    let accepted = iter::repeat_with(|| answers().new_tree(&mut runner).unwrap().current())
        .filter(|answers| generated_or_refused(&generator, answers));
    for answers in accepted.take(2) {
        let sample = Sample::new(answers);
        let demo_client = sample.debug_binary(&format!("{}-demo", sample.answers.name));
        let service = Service::start(&sample.debug_binary(&sample.answers.name), &[]);
        let said = demo(&demo_client, service.port(), &["--ip", "127.0.0.1"]);
        assert!(
            said.contains("Got response message:\"Hello, world!\""),
            "{said}"
        );
        let (status, log) = service.stop();
        assert!(status.success(), "{status}\n{log}");
    }
}
