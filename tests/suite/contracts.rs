//! Contracts as they are in real life, compiled by the api package of a generated service; and a
//! caller that this template has not made.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    process::Service,
    repository::{files, read, root},
    sample::Sample,
};

/// A caller of the service `called`, whose api lies at PATH.
const CALLER: &str = r#"
[package]
name = "caller"
edition = "2024"

[dependencies]
called-api = { path = "PATH" }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
tonic = { version = "0.14", default-features = false, features = ["channel"] }

[dev-dependencies]
called-api = { path = "PATH", features = ["mock"] }
"#;

/// A file in `tests/suite/contracts/`.
fn fixture(file: impl AsRef<Path>) -> String {
    read(Path::new("tests/suite/contracts").join(file))
}

/// Writes a file, and the directories above it.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Packages that import each other and google's, names that Rust or tonic has, options, comments:
/// all of them in one service, as the compiler takes them one by one.
#[test]
fn any_contract_builds_lints_and_documents() {
    let sample = Sample::new(Answers::new("contracts"));
    let api = sample.directory.join("api");
    for file in files(&root().join("tests/suite/contracts/proto")) {
        let contract = fixture(Path::new("proto").join(&file));
        write(&api.join("proto").join(&file), &contract);
    }
    write(&api.join("tests/stubs.rs"), &fixture("stubs.rs"));
    let sh = |command: &str| sample.run("sh", &["-c", command]);

    sh("cargo clippy --locked --quiet -p contracts-api --all-targets -- -D warnings");
    let said = sh("cargo test --locked --quiet -p contracts-api");
    assert!(said.contains("test result: ok. 3 passed"), "{said}");
    // The example of the crate alone, none of the comments.
    assert!(said.contains("running 1 test\n"), "{said}");
    sh("RUSTDOCFLAGS='-D warnings' cargo doc --locked --quiet -p contracts-api --no-deps");
    sh("cargo build --locked --quiet");
}

/// What cargo says is the one line, beside its own.
#[test]
fn a_contract_that_does_not_compile_is_refused_in_one_sentence() {
    let sample = Sample::new(Answers::new("refused"));
    let contract = sample.directory.join("api/proto/later/v1/later.proto");
    let sub = sample.directory.join("api/proto/later/v1/sub.proto");
    let build = "cargo build --locked --quiet -p refused-api";
    let refuses = |text: &str| {
        write(&contract, text);
        let refused = format!("if {build} 2>&1; then exit 1; fi");
        sample.run("sh", &["-c", &refused])
    };
    let told = |problem: &str| {
        format!(
            "error: refused-api@0.1.0: proto/later/v1/later.proto:{problem}\n\
             error: build script logged errors\n"
        )
    };

    sample.run("sh", &["-c", build]);
    assert_eq!(
        refuses("// Later.\nedition = \"2023\";\npackage later.v1;\n"),
        told(
            "2:1: editions can't be compiled yet, so write `syntax = \"proto3\";` instead, and \
             `optional` before each field whose absence means something"
        )
    );
    assert_eq!(
        refuses("syntax = \"proto3\";\nmessage Later {\n  Missing at = 1;\n}\n"),
        told("3:3: name 'Missing' is not defined")
    );
    assert_eq!(
        refuses("syntax = \"proto3\";\npackage later.v1;\npackage sooner.v1;\n"),
        told(" multiple package names specified")
    );
    assert_eq!(
        refuses("\u{feff}syntax = \"proto3\";\npackage later.v1;\n"),
        told(" begins with a byte order mark, so save it without one")
    );
    let clash = "enum Colour {\n  RED = 0;\n  COLOUR_RED = 1;\n}\n";
    assert_eq!(
        refuses(&format!("syntax = \"proto3\";\npackage later.v1;\n{clash}")),
        "error: refused-api@0.1.0: proto/: Generated enum variant names overlap: `Red` variant \
         name to be used both by `RED` and `COLOUR_RED` ProtoBuf enum values\n\
         error: build script logged errors\n"
    );
    // What two names become in Rust, of all kinds that there are.
    for (text, place, both) in [
        (
            "message URL {}\nmessage Url {}\n",
            "4:1",
            "message `Url` and message `URL` are both `Url`",
        ),
        (
            "message Price {}\nenum price { FREE = 0; }\n",
            "4:1",
            "enum `price` and message `Price` are both `Price`",
        ),
        (
            "message Sub { message In {} }\n",
            "3:1",
            "message `Sub` and package `later.v1.sub` are both `sub`",
        ),
        (
            "message LaterClient { message In {} }\nservice Later {}\n",
            "4:1",
            "service `Later` and message `LaterClient` are both `later_client`",
        ),
        (
            "message M {\n  oneof a_b { string c = 1; }\n  string aB = 2;\n}\n",
            "4:3",
            "oneof `a_b` and field `aB` are both `a_b`",
        ),
    ] {
        write(
            &sub,
            "syntax = \"proto3\";\npackage later.v1.sub;\nmessage In {}\n",
        );
        let header = "syntax = \"proto3\";\npackage later.v1;\n";
        assert_eq!(
            refuses(&format!("{header}{text}")),
            told(&format!("{place}: {both} in Rust, so rename one of them"))
        );
    }
    fs::remove_file(sub).unwrap();
    fs::remove_file(contract).unwrap();
    sample.run("sh", &["-c", build]);
}

/// tonic's channel is enough, and whoever calls takes nothing of a server along.
#[test]
fn a_stranger_calls_the_service_with_tonic_alone() {
    let sample = Sample::new(Answers::new("called"));
    let caller = TempDir::new().unwrap();
    let manifest = caller.path().join("Cargo.toml");
    let api = sample.directory.join("api");
    write(&manifest, &CALLER.replace("PATH", api.to_str().unwrap()));
    write(&caller.path().join("src/main.rs"), &fixture("caller.rs"));
    // The same versions: they are compiled already.
    fs::copy(
        sample.directory.join("Cargo.lock"),
        caller.path().join("Cargo.lock"),
    )
    .unwrap();
    let cargo = |command: &str, arguments: &[&str]| {
        let manifest = ["--manifest-path", manifest.to_str().unwrap()];
        let arguments = [&[command], &manifest[..], arguments].concat();
        sample.run("cargo", &arguments)
    };

    let service = Service::start(&sample.debug_binary("called"), &[]);
    let address = format!("http://127.0.0.1:{}", service.port());
    let said = cargo("run", &["--quiet", "--", &address]);
    assert_eq!(said, "by tonic\nthrough an interceptor\nby stub\n");
    cargo("test", &["--quiet"]);

    let linked = ["--edges=normal", "--prefix=none", "--format={p} {f}"];
    let linked = cargo("tree", &linked);
    for line in linked.lines() {
        let (package, features) = line.split_once(" v").unwrap();
        assert!(package != "chassis", "{linked}");
        let is_transport = ["tonic", "hyper", "hyper-util"].contains(&package);
        assert!(!is_transport || !features.contains("server"), "{linked}");
    }
}
