//! The same system by other engines than docker with the compose that is found first: with the compose plugin,
//! and under podman by each podman-compose that is here, the one that is installed, Debian's 1.0 for instance,
//! and the newest.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    real::{Real, real},
    story::{line_of, number_before},
};
use crate::{
    containers::packed::Engine,
    support::repository::{compose_plugin, python},
};

/// Stopped when dropped.
struct Stopped(Real);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.make(&["down"]);
        // It was made in a directory of its own.
        let _ = fs::remove_dir_all(self.0.directory.parent().unwrap());
    }
}

/// From nothing to green, through an upgrade and what may happen to a service, to nothing again.
fn is_run_by(name: &str, engine: Engine, environment: Vec<(&'static str, OsString)>) {
    let mut system = Stopped(Real::generate(name, engine, environment));
    // They are built already.
    let docker = real();
    if engine == Engine::Podman {
        let images = ["inventory", "orders", "front"].map(|name| docker.image(name));
        system
            .0
            .sh(&format!("docker save {} | podman load", images.join(" ")));
    }
    system.0.begins(1000, |name| Some(docker.image(name)));
    drop(docker);

    let system = &system.0;
    assert!(system.said.contains("Tested together: "), "{}", system.said);
    let to = format!("TO={}", Real::release("inventory", "v0.2.0"));
    let said = system.makes(&["upgrade", "NAME=inventory", &to, "LOAD=2000"]);
    let all = line_of("in all ", &said);
    assert_eq!(number_before("lost", all), 0, "{said}");
    system.commits("Upgraded");
    let faults = ["soak", "FAULTS=stop kill pause cut", "FAULT_SECONDS=2"];
    let said = system.makes(&faults);
    assert!(said.contains("\nfront: cut, repaired "), "{said}");
    system.is_as_before();
    system.makes(&["down"]);
    let left = system.ask(&[
        "ps",
        "--all",
        "--quiet",
        "--filter",
        &format!("name={name}"),
    ]);
    assert_eq!(left, "");
}

/// By the podman-compose in `programs`, or the one that is found first.
fn podman_runs(programs: Option<&Path>) {
    if !cfg!(all(podman, podman_compose)) {
        println!("skipped: it takes podman with netavark, podman-compose, and root");
        return;
    }
    let path = env::var_os("PATH").unwrap();
    let path = programs
        .map(PathBuf::from)
        .into_iter()
        .chain(env::split_paths(&path));
    let path = env::join_paths(path).unwrap();
    is_run_by("podman-shop", Engine::Podman, vec![("PATH", path)]);
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn the_podman_compose_that_is_installed_runs_a_system() {
    podman_runs(None);
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn the_newest_podman_compose_runs_a_system() {
    let Some(python) = python() else { return };
    let programs = TempDir::new().unwrap();
    symlink(
        python.with_file_name("podman-compose"),
        programs.path().join("podman-compose"),
    )
    .unwrap();
    podman_runs(Some(programs.path()));
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn the_compose_plugin_runs_a_system() {
    let Some(plugin) = compose_plugin() else {
        println!("skipped: make tools has installed no compose plugin");
        return;
    };
    let environment = vec![("DOCKER_CONFIG", plugin.into())];
    is_run_by("plugin-shop", Engine::Docker, environment);
}
