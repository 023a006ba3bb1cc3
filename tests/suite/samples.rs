//! The samples in `examples/`, treated as their users would treat them.

use std::{fs, process::Command};

use crate::support::{
    answers::example,
    inspect::inspect,
    process::Service,
    sample::{Sample, demo},
};

/// From the first look to the last: lint, tests, the release binary, a call, a stop.
fn is_used(name: &str) -> Sample {
    let sample = Sample::new(example(name));
    inspect(&sample.directory, &sample.answers);
    sample.run("make", &["lint"]);
    sample.run("make", &["test"]);
    sample.run("make", &["all"]);
    sample.run("make", &["doc"]);

    let service = Service::start(&sample.binary(), &[]);
    let said = demo(
        &sample.debug_binary(&format!("{name}-demo")),
        service.port(),
        &["--ip", "127.0.0.1"],
    );
    for line in [
        "Sending message:\"Hello, world!\"",
        "Got response message:\"Hello, world!\"",
        "Closed connection.",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let (status, log) = service.stop();
    assert!(status.success(), "{status}\n{log}");
    assert!(log.trim_end().ends_with("Stopped"), "{log}");

    // What is built lies where git does not look, and nothing else has changed.
    let changed = sample.run("git", &["init", "--quiet"])
        + &sample.run(
            "git",
            &[
                "status",
                "--porcelain",
                "--ignored",
                "--untracked-files=all",
            ],
        );
    let built = changed
        .lines()
        .filter(|line| line.starts_with("!!"))
        .collect::<Vec<_>>();
    assert_eq!(built, [format!("!! deploy/{name}")]);
    assert!(fs::exists(sample.binary()).unwrap());
    help_shows_the_answers(&sample);
    sample
}

/// What an RPC costs is kept, compared, and noticed where it has grown.
fn counts_what_an_rpc_costs(sample: &Sample) {
    let missing = |tool| Command::new(tool).arg("--version").output().is_err();
    if missing("valgrind") || missing("strace") {
        println!("Not counted what an RPC costs: that takes valgrind and strace");
        return;
    }
    let keep = format!("KEEP=1 ci/bench-check deploy/{}", sample.answers.name);
    sample.run("sh", &["-c", &keep]);
    let said = sample.run("make", &["bench-check"]);
    assert!(said.contains("instructions, 50 in flight"), "{said}");
    // As if it had cost next to nothing.
    let kept = format!(
        "\"$CARGO_TARGET_DIR/bench-baseline/{}\"",
        sample.answers.name
    );
    let grown = format!(
        "sed -i '/^instructions/s/: .*/: 1/' {kept} && if make bench-check 2>&1; then exit 1; fi"
    );
    let said = sample.run("sh", &["-c", &grown]);
    assert!(
        said.contains("grown beyond noise: [\"instructions, 1"),
        "{said}"
    );
}

/// Help and version, as they come out of the program.
fn help_shows_the_answers(sample: &Sample) {
    let binary = sample.binary();
    let help = sample.run(binary.to_str().unwrap(), &["--help"]);
    for question in ["author", "description"] {
        let answer = sample.answers.get(question);
        assert!(help.contains(&answer), "no {answer:?} in:\n{help}");
    }
    assert!(
        help.contains(&format!("[default: {}]", sample.answers.get("port"))),
        "{help}"
    );
    let version = sample.run(binary.to_str().unwrap(), &["--version"]);
    assert_eq!(version, format!("{} 0.1.0\n", sample.answers.name));
}

#[test]
fn one_word_and_every_default() {
    counts_what_an_rpc_costs(&is_used("greeter"));
}

#[test]
fn two_words_and_an_answer_to_everything() {
    is_used("order-book");
}

#[test]
fn legal_surprises() {
    is_used("cafe-2go-service");
}
