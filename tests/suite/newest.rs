//! The newest cargo-generate does what the oldest does. It takes minutes to install, so these tests
//! are run by `make cross-version` only.

use tempfile::TempDir;

use crate::{
    sources::{contents, every_source_gives_the_same},
    support::{
        answers::{Answers, examples},
        generator::Generator,
        repository::newest,
    },
};

#[test]
#[ignore = "make cross-version"]
fn samples_are_the_same_bytes() {
    for answers in examples() {
        let [old, new] = [Generator::oldest(), Generator::at(newest())].map(|generator| {
            let directory = TempDir::new().unwrap();
            contents(&generator.generate(directory.path(), &answers))
        });
        assert!(old == new, "{} differs between the versions", answers.name);
    }
}

#[test]
#[ignore = "make cross-version"]
fn path_tag_and_favourite_give_the_same_bytes() {
    every_source_gives_the_same(newest());
}

#[test]
#[ignore = "make cross-version"]
fn refusals_are_the_same_sentences() {
    for answers in [
        Answers::new("OrderBook"),
        Answers::new("tonic"),
        Answers::new("order-book").with("port", "0"),
        Answers::new("order-book").with("prot", "1"),
        Answers::new("order-book").with("author", "a\nb"),
        Answers::new("order-book").with("proto_package", "type.v1"),
        Answers::new("order-book").with("registry", "GHCR.io"),
        Answers::new("order-book").with("license", "GPL"),
    ] {
        let [old, new] = [Generator::oldest(), Generator::at(newest())].map(|generator| {
            let directory = TempDir::new().unwrap();
            let outcome = generator.run(directory.path(), &answers);
            outcome.refusal().map(String::from)
        });
        assert!(old.is_some(), "{answers:?} is refused");
        assert_eq!(old, new);
    }
}

#[test]
#[ignore = "make cross-version"]
fn a_terminal_asks_the_same() {
    crate::terminal::wrong_answers_are_asked_for_again(newest());
    crate::terminal::enter_takes_every_default(newest());
}
