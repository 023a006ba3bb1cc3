//! Every rule, by answers it accepts and answers it refuses, with the sentence it says.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    generator::{Generator, Outcome},
    inspect::inspect,
};

const NAME: &str = "order-book";

/// A service named `name` is refused with `sentence`, and nothing is left behind.
#[track_caller]
fn refuses_name(name: &str, reason: &str) {
    let directory = TempDir::new().unwrap();
    let outcome = Generator::oldest().run(directory.path(), &Answers::new(name));
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    let sentence = format!("{name:?} can't be the service's name: {reason}");
    assert_eq!(
        outcome.refusal(),
        Some(&*sentence),
        "{}",
        outcome.transcript
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

/// `answer` is refused with `sentence`, and what is left behind is named.
#[track_caller]
fn refuses(question: &str, answer: &str, sentence: &str) {
    let directory = TempDir::new().unwrap();
    let answers = Answers::new(NAME).with(question, answer);
    let outcome = Generator::oldest().run(directory.path(), &answers);
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert_eq!(outcome.refusal(), Some(sentence), "{}", outcome.transcript);
    assert_says_what_to_remove(&outcome, &directory.path().join(NAME));
}

#[track_caller]
fn assert_says_what_to_remove(outcome: &Outcome, leftover: &Path) {
    let advice = format!(
        "Nothing was generated. Before you try again, remove the empty directory {}",
        leftover.display()
    );
    assert!(outcome.stderr.contains(&advice), "{}", outcome.transcript);
    assert_eq!(fs::read_dir(leftover).unwrap().count(), 0);
}

/// `answers` give a service that shows them where they belong.
#[track_caller]
fn accepts(answers: &Answers) {
    let directory = TempDir::new().unwrap();
    inspect(
        &Generator::oldest().generate(directory.path(), answers),
        answers,
    );
}

#[track_caller]
fn accepts_each<'a>(question: &str, accepted: impl IntoIterator<Item = &'a str>) {
    for answer in accepted {
        accepts(&Answers::new(NAME).with(question, answer));
    }
}

#[test]
fn names_are_dns_labels_in_kebab_case() {
    for (name, better) in [
        ("", "order-book"),
        ("1abc", "order-book"),
        ("-abc", "abc"),
        ("abc-", "abc"),
        ("a--b", "a-b"),
        ("a/b", "a-b"),
        ("../x", "x"),
        ("a b", "a-b"),
        ("order_book", "order-book"),
        ("OrderBook", "order-book"),
        ("Bücher", "order-book"),
        ("x\ny", "x-y"),
        ("match!", "order-book"),
    ] {
        let reason = "give lower-case words of letters and digits that begin with a letter, joined \
                      by single hyphens, as in";
        refuses_name(name, &format!("{reason} {better}."));
    }
    refuses_name(
        &"a".repeat(64),
        "it has 64 characters, and a DNS label takes 63.",
    );
    for name in [
        "a",
        "a1-b2-3c",
        "order-service",
        "a-b-c-d-e",
        &"a".repeat(63),
    ] {
        accepts(&Answers::new(name));
    }
}

#[test]
fn names_are_free() {
    for keyword in ["self", "match", "gen", "try", "struct"] {
        let advice = format!("Add a word, as in {keyword}-service.");
        refuses_name(keyword, &format!("it is a keyword of Rust. {advice}"));
    }
    for (name, owner) in [
        ("demo", "a part of the service itself"),
        ("server", "a part of the service itself"),
        ("k8s", "a part of the service itself"),
        ("core", "a standard crate of Rust"),
        ("test", "a standard crate of Rust"),
        ("proc-macro", "a standard crate of Rust"),
        ("str", "a type of Rust"),
        ("clippy", "a tool of Rust"),
        ("deps", "a directory of cargo"),
        ("kubernetes", "a host that every cluster or machine knows"),
        ("con", "a device of Windows"),
        ("yes", "a word of YAML"),
        ("tonic", "a crate that the service depends on"),
        ("tokio", "a crate that the service depends on"),
        ("hyper-util", "a crate that the service depends on"),
    ] {
        let advice = format!("Add a word, as in {name}-service.");
        refuses_name(name, &format!("{owner} has it already. {advice}"));
    }
    for name in ["self-test", "tokio-service"] {
        accepts(&Answers::new(name));
    }
}

#[test]
fn a_port_is_a_number_that_fits() {
    for port in [
        "",
        "0",
        "65536",
        "99999999999999999999",
        "-1",
        "+80",
        "080",
        "0x50",
        "80.0",
        "http",
        "4 2",
        "８０",
        "80; rm -rf /",
    ] {
        let rule = "give a whole number from 1 to 65535, without sign or leading zeros.";
        refuses("port", port, &format!("{port:?} is not a port: {rule}"));
    }
    accepts_each("port", ["1", "8080", "65534", "65535", " 80 "]);
}

#[test]
fn texts_are_one_line_of_anything() {
    let alike = [
        "O'Brien \"Bob\" \\ Müller",
        "$HOME $(x) ${y} #1 100% `id` {{port}} {% raw %} {{",
        "*a* _b_ [c](d) <e> &amp; ~f~ |g| ![h] $i$ h2o_x_y",
        "# not a heading",
        "- not a list",
        "1. not a list",
        "12) not a list either",
        "=====",
        "---",
        "🦀 👩‍👩‍👧 محمد עברית 漢字 e\u{301} \u{200f}\u{2067}rtl\u{2069}",
        "true",
        &"ß".repeat(300),
    ];
    for text in alike {
        accepts(
            &Answers::new(NAME)
                .with("author", text)
                .with("description", text),
        );
    }
    accepts_each(
        "author",
        [
            "Ada <ada@example.org>",
            "<ada@example.org>",
            "a <b",
            "x > y",
            "Ada <>",
        ],
    );
}

#[test]
fn texts_hold_no_line_breaks_and_no_control_characters() {
    for question in ["author", "description"] {
        for text in [
            "a\nb",
            "a\rb",
            "a\tb",
            "a\0b",
            "\u{1b}[31mred",
            "a\u{7f}b",
            "a\u{85}b",
            "a\u{2028}b",
        ] {
            refuses(
                question,
                text,
                &format!(
                    "The {question} {text:?} holds a line break or another control character: give \
                     plain text on one line."
                ),
            );
        }
    }
    refuses(
        "author",
        " ",
        "The author is empty: give a name, with an e-mail address in <> if you like.",
    );
    refuses(
        "description",
        "",
        "The description is empty: give one sentence on what the service does.",
    );
}

#[test]
fn a_protobuf_package_is_what_protoc_and_rust_take() {
    let wrong = |package: &str, reason: &str| {
        refuses(
            "proto_package",
            package,
            &format!("{package:?} is not a protobuf package{reason}"),
        );
    };
    for package in [
        "", ".", "a..v1", "a.v1.", "Acme.v1", "1a.v1", "a-b.v1", "a.b_.v1", "_a.v1", "a__b.v1",
        "ä.v1", "a b.v1", "a.v1; rm",
    ] {
        wrong(
            package,
            ": give dotted lower-case words that begin with a letter, as in acme.billing.v1.",
        );
    }
    for package in [
        "orders",
        "v1",
        "orders.v",
        "orders.v0",
        "orders.v01",
        "orders.1",
        "v1.orders",
        "orders.v1gamma2",
        "orders.v1beta0",
    ] {
        if package == "orders.1" {
            continue;
        }
        wrong(
            package,
            ": end it in a version, as in acme.billing.v1 or acme.billing.v1beta2.",
        );
    }
    for (package, keyword) in [
        ("type.v1", "type"),
        ("self.v1", "self"),
        ("a.async.v1", "async"),
    ] {
        wrong(
            package,
            &format!(" that Rust takes: `{keyword}` is a keyword of Rust."),
        );
    }
    for owner in ["google", "grpc"] {
        wrong(
            &format!("{owner}.health.v1"),
            &format!(" of your own: `{owner}` belongs to protobuf and gRPC themselves."),
        );
    }
    wrong("a.b.c.d.e.f.g.h.v1", ": give at most eight words.");
    wrong(&("a".repeat(200) + ".v1"), ": give at most 200 characters.");
    accepts_each(
        "proto_package",
        [
            "a.v1",
            "acme.billing.v12",
            "acme.v1alpha",
            "acme.v1beta2",
            "a.b.c.d.e.f.g.v1",
            "message.service.rpc.v1",
            "string.bool.v1",
            "health_check.v1",
            "a1.b2_3c.v1",
        ],
    );
}

#[test]
fn a_registry_is_the_beginning_of_an_image_reference() {
    for registry in [
        "",
        "/",
        "ghcr.io/",
        "/acme",
        "a//b",
        "GHCR.io/acme",
        "ghcr.io/Acme",
        "http://ghcr.io",
        "ghcr.io:0/acme",
        "ghcr.io:port/acme",
        "a:1:2",
        "a/b:1",
        "a b",
        "a/$x",
        "-a",
        "a-",
        "ä",
        "a@sha256",
        &"a".repeat(161),
    ] {
        refuses(
            "registry",
            registry,
            &format!(
                "{registry:?} is not an image registry: give host[:port][/path] in lower case, as \
                 in localhost:5000 or ghcr.io/acme."
            ),
        );
    }
    accepts_each(
        "registry",
        [
            "acme",
            "ghcr.io/acme",
            "localhost:65535/a/b_c/d-e.f",
            "10.0.0.1:5000",
        ],
    );
}

#[test]
fn a_licence_is_one_of_three() {
    for license in ["", "GPL-3.0", "MIT OR Apache-2.0"] {
        let choice = "is not a licence to choose from: give MIT, Apache-2.0 or proprietary.";
        refuses("license", license, &format!("{license:?} {choice}"));
    }
    accepts_each("license", ["MIT", "Apache-2.0", "proprietary"]);
    for (spelt, license) in [("mit", "MIT"), ("APACHE-2.0", "Apache-2.0")] {
        let directory = TempDir::new().unwrap();
        let answers = Answers::new(NAME).with("license", spelt);
        let service = Generator::oldest().generate(directory.path(), &answers);
        inspect(&service, &answers.with("license", license));
    }
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let directory = TempDir::new().unwrap();
    let answers = Answers::new(NAME)
        .with("prot", "5")
        .with("auhtor", "Ada")
        .with("port", "0")
        .with("license", "GPL");
    let outcome = Generator::oldest().run(directory.path(), &answers);
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    let (_, refusal) = outcome.stderr.split_once("Runtime error: ").unwrap();
    let beginnings = [
        "There is no question `auhtor`. Did you mean `author`?",
        "There is no question `prot`. Did you mean `port`?",
        "\"0\" is not a port: ",
        "\"GPL\" is not a licence to choose from: ",
        "Nothing was generated. ",
    ];
    for (line, beginning) in refusal.lines().zip(beginnings) {
        assert!(line.trim().starts_with(beginning), "{refusal}");
    }
    assert_says_what_to_remove(&outcome, &directory.path().join(NAME));
}

#[test]
fn a_mistyped_question_names_the_one_that_was_meant() {
    for (key, question) in [
        ("prot", "port"),
        ("pot", "port"),
        ("portt", "port"),
        ("PORT", "port"),
        ("Author", "author"),
        ("auther", "author"),
        ("desc", "description"),
        ("descripton", "description"),
        ("licence", "license"),
        ("proto-package", "proto_package"),
        ("protoPackage", "proto_package"),
        ("package", "proto_package"),
        ("image_registry", "registry"),
        ("client_port", "port"),
        ("env_prefix", "--name"),
        ("name", "--name"),
        ("project_name", "--name"),
    ] {
        refuses(
            key,
            "5",
            &format!("There is no question `{key}`. Did you mean `{question}`?"),
        );
    }
}
