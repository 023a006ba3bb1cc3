//! The same system under podman, by each podman-compose that is here: the one that is installed, Debian's 1.0
//! for instance, and the newest.

use std::{fs, os::unix::fs::symlink};

use tempfile::TempDir;

use super::{
    real::{Real, real},
    story::{line_of, number_before},
};
use crate::{containers::packed::Engine, support::repository::python};

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
fn is_run_by(podman_compose: Option<&TempDir>) {
    if !cfg!(all(podman, podman_compose)) {
        println!("skipped: it takes podman with netavark, podman-compose, and root");
        return;
    }
    let programs = podman_compose.map(|it| it.path().to_owned());
    let mut podman = Stopped(Real::generate("podman-shop", Engine::Podman, programs));
    // They are built already.
    let docker = real();
    let images = ["inventory", "orders", "front"].map(|name| docker.image(name));
    podman
        .0
        .sh(&format!("docker save {} | podman load", images.join(" ")));
    podman.0.begins(1000, |name| Some(docker.image(name)));
    drop(docker);

    let podman = &podman.0;
    assert!(podman.said.contains("Tested together: "), "{}", podman.said);
    let to = format!("TO={}", Real::release("inventory", "v0.2.0"));
    let said = podman.makes(&["upgrade", "NAME=inventory", &to, "LOAD=2000"]);
    let all = line_of("in all ", &said);
    assert_eq!(number_before("lost", all), 0, "{said}");
    podman.commits("Upgraded");
    let faults = ["soak", "FAULTS=stop kill pause cut", "FAULT_SECONDS=2"];
    let said = podman.makes(&faults);
    assert!(said.contains("\nfront: cut, repaired "), "{said}");
    podman.is_as_before();
    podman.makes(&["down"]);
    let left = podman.ask(&["ps", "--all", "--quiet", "--filter", "name=podman-shop"]);
    assert_eq!(left, "");
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn the_podman_compose_that_is_installed_runs_a_system() {
    is_run_by(None);
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
    is_run_by(Some(&programs));
}
