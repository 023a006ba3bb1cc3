//! The image, running: in a container, in two of them that are connected, in a pod.

use std::fs;

use tempfile::TempDir;

use super::{
    packed::{Engine, NAME, Packed, packed},
    stage::{waits_for, waits_until},
};
use crate::support::process::free_port;

#[track_caller]
fn says_hello(packed: &Packed, port: u16) {
    let said = packed.tries(&["demo", &format!("ARGS=--ip 127.0.0.1 --port {port}")]);
    assert!(
        said.contains("Got response message:\"Hello, world!\""),
        "{said}"
    );
}

/// `make mtest` and `make itest`, with nothing left of the container and its network.
fn passes_its_tests(engine: Engine) {
    let packed = packed();
    packed.archive(engine);
    let engine_is = format!("ENGINE={engine}");

    let said = packed.makes(&["mtest", &engine_is]);
    let within = format!("Testing the binary within {}\n", packed.image());
    assert!(said.contains(&within), "{said}");

    let said = packed.tries(&["itest", &engine_is]);
    for line in ["test result: ok. ", "Stopping it\n", " is in order\n"] {
        assert!(said.contains(line), "{said}");
    }
    let left = [
        packed.ask(
            engine,
            &["ps", "--all", "--quiet", "--filter", "name=itest-"],
        ),
        packed.ask(
            engine,
            &["network", "ls", "--quiet", "--filter", "name=itest-"],
        ),
    ];
    assert_eq!(left, ["", ""]);
}

#[test]
#[cfg_attr(not(docker), ignore = "needs docker")]
fn the_tests_pass_in_docker() {
    passes_its_tests(Engine::Docker);
}

#[test]
#[cfg_attr(not(podman), ignore = "needs podman, and root")]
fn the_tests_pass_in_podman() {
    passes_its_tests(Engine::Podman);
}

/// Two of the service; stopped when dropped.
struct Compose<'a> {
    packed: &'a Packed,
    engine: Engine,
    port: u16,
}

impl<'a> Compose<'a> {
    fn up(packed: &'a Packed, engine: Engine) -> Self {
        let compose = Self {
            packed,
            engine,
            port: free_port(),
        };
        compose.does("up --detach");
        compose
    }

    fn does(&self, arguments: &str) {
        self.packed.makes(&[
            "compose",
            &format!("ENGINE={}", self.engine),
            &format!("PORT={}", self.port),
            &format!("ARGS={arguments}"),
        ]);
    }

    fn container(&self, service: &str) -> String {
        let project = format!("label=com.docker.compose.project={NAME}");
        let service = format!("label=com.docker.compose.service={service}");
        let list = [
            "ps", "--all", "--quiet", "--filter", &project, "--filter", &service,
        ];
        self.packed.ask(self.engine, &list).trim().into()
    }

    fn log(&self, service: &str) -> String {
        let log = self
            .packed
            .engine(self.engine, &["logs", &self.container(service)]);
        String::from_utf8(log.stderr).unwrap()
    }

    fn inspect(&self, service: &str, format: &str) -> String {
        let container = self.container(service);
        let inspect = ["inspect", "--format", format, &container];
        self.packed.ask(self.engine, &inspect).trim().into()
    }

    /// The one passes on to the other what it is asked, and both end well.
    fn serves_and_stops(&self) {
        waits_for(|| {
            let logs = ["front", "back"].map(|service| self.log(service));
            let connected = logs[0].contains("Successfully connected to back:");
            if connected {
                Ok(())
            } else {
                Err(logs.concat())
            }
        });
        says_hello(self.packed, self.port);

        self.does("stop");
        for service in ["front", "back"] {
            assert_eq!(
                self.inspect(service, "{{.HostConfig.ReadonlyRootfs}}"),
                "true"
            );
            assert_eq!(self.inspect(service, "{{.State.ExitCode}}"), "0");
        }
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        self.does("down");
    }
}

#[test]
#[cfg_attr(not(compose), ignore = "needs docker and docker compose")]
fn compose_starts_two_that_are_connected() {
    packed().archive(Engine::Docker);
    let compose = Compose::up(packed(), Engine::Docker);
    // In any order; the one is healthy once the other answers.
    let health = |service| compose.inspect(service, "{{.State.Health.Status}}");
    waits_until(|| health("front") == "healthy" && health("back") == "healthy");
    compose.serves_and_stops();
}

/// Without their health, of which podman needs systemd to hear.
#[test]
#[cfg_attr(
    not(all(podman, podman_compose)),
    ignore = "needs podman-compose with netavark, and root"
)]
fn podman_compose_starts_two_that_are_connected() {
    packed().archive(Engine::Podman);
    Compose::up(packed(), Engine::Podman).serves_and_stops();
}

/// A pod that podman runs; removed when dropped.
struct Pod<'a> {
    packed: &'a Packed,
    manifests: String,
}

impl Drop for Pod<'_> {
    fn drop(&mut self) {
        // It may not have come so far.
        let down = ["play", "kube", "--down", &self.manifests];
        self.packed.engine(Engine::Podman, &down);
    }
}

#[test]
#[cfg_attr(
    not(all(podman, kubectl)),
    ignore = "needs podman, and root, and kubectl"
)]
fn podman_runs_the_rendered_pod() {
    let packed = packed();
    packed.archive(Engine::Podman);
    let image = format!("localhost/{}", packed.image());
    let port = free_port();
    // Nobody but us is to reach it.
    let publish = |manifests: String, container_port: &str, host_port: u16| {
        let inside = format!("containerPort: {container_port}\n");
        assert!(manifests.contains(&inside), "{manifests}");
        let indent = " ".repeat(10);
        let outside = format!("{inside}{indent}hostIP: 127.0.0.1\n{indent}hostPort: {host_port}\n");
        manifests.replace(&inside, &outside)
    };
    let manifests = packed.render("itest", &image);
    let manifests = publish(manifests, "42302", port);
    let manifests = publish(manifests, "9090", free_port());
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("pod.yaml");
    fs::write(&file, manifests).unwrap();

    let file = file.to_str().unwrap().to_owned();
    let pod = Pod {
        packed,
        manifests: file,
    };
    packed.ask(Engine::Podman, &["play", "kube", &pod.manifests]);
    let container = format!("{NAME}-pod-0-{NAME}");
    let binary = format!("/{NAME}");
    let healthy = ["exec", &container, &binary, "--healthcheck"];
    waits_until(|| packed.engine(Engine::Podman, &healthy).status.success());
    says_hello(packed, port);
    let inspect = |format| packed.ask(Engine::Podman, &["inspect", "--format", format, &container]);
    assert_eq!(inspect("{{.HostConfig.ReadonlyRootfs}}"), "true\n");
    assert_eq!(inspect("{{.Config.User}}"), "65532:65532\n");
    assert_eq!(inspect("{{.EffectiveCaps}}"), "[]\n");

    packed.ask(Engine::Podman, &["stop", "--time", "30", &container]);
    assert_eq!(inspect("{{.State.ExitCode}}"), "0\n");
}
