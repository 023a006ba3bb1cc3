//! The services that systems are made of: those of `chain/`, each in a repository of its own, as their
//! teams would have them. They share a chassis that is released in a fourth one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

use crate::{
    chain::{SERVICES, Service},
    support::{
        command::run,
        repository::{build_directory, git, renew, root},
    },
};

/// A release of a service: what differs from the one before, as text to be replaced in a file.
#[derive(Debug)]
struct Release {
    service: &'static str,
    tag: &'static str,
    edits: &'static [(&'static str, &'static str, &'static str)],
}

/// Each is made from v0.1.0.
const RELEASES: &[Release] = &[
    Release {
        service: "inventory",
        tag: "v0.2.0",
        edits: &[("src/service.rs", "STOCK: u32 = 100", "STOCK: u32 = 200")],
    },
    Release {
        service: "inventory",
        tag: "v0.2.1-does-not-start",
        edits: &[(
            "src/main.rs",
            "fn main() -> ExitCode {",
            "fn main() -> ExitCode {\n    if std::env::args().len() == 1 {\n        eprintln!(\"the ledger of the inventory is locked\");\n        return ExitCode::FAILURE;\n    }",
        )],
    },
    Release {
        service: "inventory",
        tag: "v0.2.2-is-never-ready",
        edits: &[(
            "src/app.rs",
            "        Ok(rpc::rpcs(",
            "        std::future::pending::<()>().await;\n        Ok(rpc::rpcs(",
        )],
    },
    Release {
        service: "inventory",
        tag: "v0.2.3-answers-wrongly",
        edits: &[(
            "src/service.rs",
            "let units = STOCK - taken.borrow_and_update().get(&sku).unwrap_or(&0);",
            "let units = STOCK - taken.borrow_and_update().get(&sku).unwrap_or(&STOCK);",
        )],
    },
    Release {
        service: "inventory",
        tag: "v0.3.0-breaks-its-contract",
        edits: &[
            (
                "api/proto/inventory/v1/inventory.proto",
                "rpc Reserve(",
                "rpc Take(",
            ),
            ("api/src/lib.rs", ".reserve(request)", ".take(request)"),
            ("src/rpc.rs", "async fn reserve(", "async fn take("),
            (
                "src/rpc.rs",
                "let response = rpc.reserve(",
                "let response = rpc.take(",
            ),
        ],
    },
    // It can do more, and its client makes use of that.
    Release {
        service: "inventory",
        tag: "v0.4.0",
        edits: &[
            (
                "api/proto/inventory/v1/inventory.proto",
                "  // Tells what there is",
                "  // The same, by its new name.\n  rpc Take(ReserveRequest) returns (ReserveResponse);\n\n  // Tells what there is",
            ),
            ("api/src/lib.rs", ".reserve(request)", ".take(request)"),
            (
                "src/rpc.rs",
                "    async fn reserve(",
                "    async fn take(\n        &self,\n        request: Request<ReserveRequest>,\n    ) -> Result<Response<ReserveResponse>, Status> {\n        self.reserve(request).await\n    }\n\n    async fn reserve(",
            ),
        ],
    },
    Release {
        service: "orders",
        tag: "v0.2.0",
        edits: &[OLD_CLIENT, OLD_CLIENT],
    },
];

/// Twice in a manifest: among the dependencies, and with a mock among those of the tests.
const OLD_CLIENT: (&str, &str, &str) = (
    "Cargo.toml",
    "/inventory\", tag = \"v0.1.0\"",
    "/inventory\", tag = \"v0.4.0\"",
);

/// The repositories, each under its service's name below one directory, with all its releases.
pub fn shop() -> &'static Path {
    static SHOP: LazyLock<PathBuf> = LazyLock::new(|| {
        let directory = build_directory("system");
        let chassis = directory.join("chassis");
        renew(&chassis, &root().join("template/chassis"));
        git(&chassis, &["tag", "v0.1.0"]);
        let chassis = format!("file://{}#v0.1.0", chassis.display());
        for service in SERVICES.iter().rev() {
            release_all(service, &directory, &chassis);
        }
        directory
    });
    &SHOP
}

fn release_all(service: &Service, directory: &Path, chassis: &str) {
    let parent = TempDir::new().unwrap();
    let next = service.calls.map(|next| {
        let next = directory.join(next);
        format!("git = \"file://{}\", tag = \"v0.1.0\"", next.display())
    });
    let made = service.make_with(parent.path(), chassis, &next.unwrap_or_default());
    complete_lock_file(&made);
    let repository = directory.join(service.name);
    renew(&repository, &made);
    git(&repository, &["tag", "v0.1.0"]);
    for release in RELEASES
        .iter()
        .filter(|release| release.service == service.name)
    {
        release.make(&repository);
    }
}

impl Release {
    fn make(&self, repository: &Path) {
        let tag = self.tag;
        git(repository, &["checkout", "--quiet", "--detach", "v0.1.0"]);
        let edit = |file: &str, old: &str, new: &str| {
            let path = repository.join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(old), "{tag}: {file} has no {old}");
            fs::write(path, text.replacen(old, new, 1)).unwrap();
        };
        for (file, old, new) in self.edits {
            edit(file, old, new);
        }
        let name = format!("name = \"{}\"\nversion = \"", self.service);
        let version = format!("{name}{}", &tag[1..]);
        edit("Cargo.toml", &format!("{name}0.1.0"), &version);
        complete_lock_file(repository);
        git(
            repository,
            &["commit", "--quiet", "--all", "--message", tag],
        );
        git(repository, &["tag", tag]);
        git(repository, &["checkout", "--quiet", "main"]);
    }
}

fn complete_lock_file(service: &Path) {
    run(Command::new("cargo")
        .args(["metadata", "--quiet", "--format-version", "1"])
        .current_dir(service));
}

#[test]
#[ignore = "lays out the repositories"]
fn the_shop_is_there() {
    println!("{}", shop().display());
}
