//! Three services of three contracts, each of which calls the next through that one's api package, in a
//! workspace where all share a chassis: what a caller brings along goes through all of them.
//!
//! `chain/` holds what their teams wrote, and `chain/caller/` the tests of all three together; the rest
//! of them is as it was generated.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::support::{
    answers::Answers,
    generator::Generator,
    repository::{files, root},
    sample::Turn,
};

const WORKSPACE: &str = "[workspace]\nresolver = \"3\"\nmembers = [\"caller\"]\n";

/// Whoever calls `front`, and looks into all three.
const CALLER: &str = r#"
[package]
name = "caller"
edition = "2024"

[features]
otel = ["chassis/otel", "dep:opentelemetry-proto"]

[dependencies]
chassis = { path = "../front/chassis", features = ["testing"] }
front-api = { path = "../front/api" }
hyper = { version = "1", features = ["client", "http2"] }
hyper-util = { version = "0.1", features = ["tokio"] }
opentelemetry-proto = { version = "0.33", default-features = false, features = ["gen-tonic", "trace"], optional = true }
tokio = { version = "1", features = ["macros", "net", "rt-multi-thread", "sync", "time"] }
tonic = { version = "0.14", default-features = false }
tower = { version = "0.5", default-features = false, features = ["util"] }
"#;

/// A service of the chain.
pub struct Service {
    pub name: &'static str,
    /// The next one.
    pub calls: Option<&'static str>,
    port: &'static str,
    chassis: &'static str,
    dependencies: &'static str,
}

/// All of them, callers first.
pub const SERVICES: [Service; 3] = [
    Service {
        name: "front",
        calls: Some("orders"),
        port: "42302",
        chassis: "own",
        dependencies: "",
    },
    Service {
        name: "orders",
        calls: Some("inventory"),
        port: "42303",
        chassis: "../front/chassis",
        dependencies: "",
    },
    Service {
        name: "inventory",
        calls: None,
        port: "42304",
        chassis: "../front/chassis",
        dependencies: "humantime = \"2.4\"\n",
    },
];

impl Service {
    /// Generates it in a workspace of all three, and puts in what its team wrote.
    fn make(&self, workspace: &Path) {
        let next = self.calls.map(|next| format!("path = \"../{next}/api\""));
        self.make_with(workspace, self.chassis, &next.unwrap_or_default());
    }

    /// The same with a chassis, and the api of the next service, from elsewhere.
    pub fn make_with(&self, workspace: &Path, chassis: &str, next: &str) -> PathBuf {
        let answers = Answers::new(self.name)
            .with("port", self.port)
            .with("chassis", chassis);
        let directory = Generator::oldest().generate(workspace, &answers);
        // All that says hello is written anew, or goes.
        for example in ["benches", "src/bin", "tests"] {
            fs::remove_dir_all(directory.join(example)).unwrap();
        }
        put(self.name, &directory);
        let manifest = directory.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        fs::write(manifest, self.manifest(&text, next)).unwrap();
        directory
    }

    /// Its manifest, with what it depends on, and without what only the example needs.
    fn manifest(&self, generated: &str, source: &str) -> String {
        let name = self.name;
        let api = format!("{name}-api = {{ path = \"api\" }}\n");
        let mock = format!("{name}-api = {{ path = \"api\", features = [\"mock\"] }}\n");
        let [next, next_mock] = match self.calls {
            Some(next) => ["", ", features = [\"mock\"]"]
                .map(|rest| format!("{next}-api = {{ {source}{rest} }}\n")),
            None => [String::new(), String::new()],
        };
        let streams = "futures-util = { version = \"0.3\", default-features = false }\n";
        let dependencies = format!("{api}{next}{streams}{}", self.dependencies);
        let demo = format!("[[bin]]\nname = \"{name}-demo\"\npath = \"src/bin/demo.rs\"\n\n");
        let bench = "[[bench]]\nname = \"rpc\"\nharness = false\n\n";
        let edits = [
            (&*demo, ""),
            (bench, ""),
            (
                "[\"macros\", \"rt\"]",
                "[\"macros\", \"rt\", \"sync\", \"time\"]",
            ),
            (&api, &dependencies),
            (&mock, &(mock.clone() + &next_mock)),
        ];
        let edited = edits
            .into_iter()
            .fold(generated.into(), |text: String, (old, new)| {
                assert_eq!(text.matches(old).count(), 1, "{name} has:\n{old}");
                text.replace(old, new)
            });
        let lines = edited.split_inclusive('\n').filter(|line| {
            let package = line.split(" = ").next().unwrap();
            !["criterion", "prost", "tonic-health"].contains(&package)
        });
        lines.collect()
    }
}

/// Copies all that `chain/` has of a package to `directory`.
fn put(package: &str, directory: &Path) {
    let written = root().join("tests/suite/chain").join(package);
    for file in files(&written) {
        let copy = directory.join(&file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(written.join(file), copy).unwrap();
    }
}

/// The workspace of the three, and of who calls them.
fn workspace() -> (TempDir, PathBuf) {
    let parent = TempDir::new().unwrap();
    let directory = parent.path().join("shop");
    let caller = directory.join("caller");
    fs::create_dir_all(&caller).unwrap();
    fs::write(directory.join("Cargo.toml"), WORKSPACE).unwrap();
    fs::write(caller.join("Cargo.toml"), CALLER).unwrap();
    put("caller", &caller);
    for service in SERVICES {
        service.make(&directory);
    }
    // The versions that are here, rather than the newest.
    let alone = Generator::oldest().generate(parent.path(), &Answers::new("front"));
    fs::copy(alone.join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    (parent, directory)
}

/// All steps are about the same packages, since for others cargo would build these once more.
#[test]
fn ids_deadlines_and_spans_go_through_three_services() {
    let (_parent, directory) = workspace();
    let turn = Turn::wait();
    let sh = |command: &str| turn.run(&directory, "sh", &["-c", command]);
    // It completes Cargo.lock, too.
    sh(
        "cargo clean --quiet --package caller --package front --package front-api \
        --package orders --package orders-api --package inventory --package inventory-api",
    );
    let all = "--locked --quiet --workspace --exclude chassis";

    sh("cargo fmt --check --package front --package orders --package inventory --package caller");
    sh(&format!("cargo clippy {all} --all-targets -- -D warnings"));
    sh(&format!("cargo build {all} --bins --test it"));
    // The three by themselves: with mocks of those that they call.
    sh(&format!("cargo test {all} --lib"));
    sh(&format!("cargo test {all} --doc"));
    let together = "BINARIES=$CARGO_TARGET_DIR/debug cargo test";
    let tested = sh(&format!("{together} {all} --test it"));
    assert!(tested.contains("test result: ok. 4 passed"), "{tested}");

    let all = &format!("{all} --features otel");
    sh(&format!("cargo build {all} --bins --test it"));
    let tested = sh(&format!("{together} {all} --test it"));
    assert!(tested.contains("test result: ok. 5 passed"), "{tested}");
}
