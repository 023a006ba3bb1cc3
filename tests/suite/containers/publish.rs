//! `make dockerpublish`, to a registry of the tests' own.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::packed::{Engine, NAME, packed};
use crate::support::process::Killed;

/// A registry on a port of its own; ended when dropped.
pub struct Registry {
    _process: Killed,
    pub address: String,
    directory: TempDir,
}

impl Registry {
    pub fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let config = format!(
            "version: 0.1\n\
             storage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n",
            directory.path().display()
        );
        let file = directory.path().join("config.yml");
        fs::write(&file, config).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = log
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, address) = line.split_once("listening on ")?;
                Some(address.split('"').next()?.to_owned())
            })
            .expect("it tells where it listens");
        // Read on, so that it can write on.
        std::thread::spawn(|| log.for_each(drop));
        Self {
            _process: Killed(process),
            address,
            directory,
        }
    }
}

/// What `make dockerpublish` pushes is what the registry has under the tag of the commit, and
/// what it says last is its digest.
fn publishes(engine: Engine) {
    let packed = packed();
    packed.archive(engine);
    let registry = Registry::start();
    let said = packed.makes(&[
        "dockerpublish",
        &format!("ENGINE={engine}"),
        &format!("REGISTRY={}", registry.address),
    ]);
    let image = packed.image();
    let (_, tag) = image.split_once(':').unwrap();
    let tag = format!("docker/registry/v2/repositories/{NAME}/_manifests/tags/{tag}/current/link");
    let digest = fs::read_to_string(registry.directory.path().join(tag)).unwrap();
    assert!(digest.starts_with("sha256:"), "{digest}");
    let named = format!("{}/{NAME}@{digest}", registry.address);
    assert_eq!(said.lines().last(), Some(&*named), "{said}");
    let name = format!("{}/{image}", registry.address);
    packed.ask(engine, &["rmi", &name]);
}

#[test]
#[cfg_attr(
    not(all(docker, registry)),
    ignore = "needs docker and docker-registry"
)]
fn docker_publishes() {
    publishes(Engine::Docker);
}

#[test]
#[cfg_attr(
    not(all(podman, registry)),
    ignore = "needs podman, and root, and docker-registry"
)]
fn podman_publishes() {
    publishes(Engine::Podman);
}

#[test]
#[cfg_attr(
    not(all(buildah, registry)),
    ignore = "needs buildah, and root, and docker-registry"
)]
fn buildah_publishes() {
    publishes(Engine::Buildah);
}
