//! What `make render` writes, read by those that it is for.

use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

use super::stage::Stage;
use crate::{
    containers::manifests::fit_the_schemas,
    support::{command::run, repository::compose_plugin},
};

fn all<'a>(objects: &'a [Yaml], kind: &'a str) -> impl Iterator<Item = &'a Yaml> {
    objects
        .iter()
        .filter(move |object| object["kind"].as_str() == Some(kind))
}

/// Every overlay, with images by digest as they are once published.
#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn kubernetes_knows_the_manifests() {
    let stage = Stage::published();
    let overlays = ["base", "overlays/itest", "overlays/production"].map(|overlay| {
        let overlay = format!("deploy/{overlay}");
        run(stage.command("kubectl").args(["kustomize", &overlay]))
    });
    for text in &overlays {
        let objects = YamlLoader::load_from_str(text).unwrap();
        for kind in ["Deployment", "HorizontalPodAutoscaler", "NetworkPolicy"] {
            assert_eq!(all(&objects, kind).count(), 3, "{text}");
        }
        let leads = "ORDER_BOOK_CLIENT_IP: inventory-headless";
        assert!(text.contains(leads), "{text}");
    }
    fit_the_schemas(&overlays);
}

/// The plugin, and the program that it has replaced: whichever is here.
#[test]
#[cfg_attr(not(compose), ignore = "needs docker and docker compose")]
fn compose_knows_the_files() {
    let stage = Stage::of_three();
    let disk = "services:\n  front-1:\n    tmpfs: [\"/log:size=64k\"]\n";
    stage.write("services/front/compose.override.yml", disk);
    let installed = compose_plugin().map(|plugin| ("DOCKER_CONFIG", plugin));
    for (plugin, version) in [
        ("real", ["docker", "compose", "version"]),
        ("none", ["docker-compose", "version", "--short"]),
    ] {
        let is_here = Command::new(version[0])
            .args(&version[1..])
            .envs(installed.clone())
            .output()
            .is_ok_and(|output| output.status.success());
        if is_here {
            let mut config = stage.compose(&["config"]);
            let config = run(config.env("PLUGIN", plugin).envs(installed.clone()));
            is_complete(&YamlLoader::load_from_str(&config).unwrap()[0]);
        }
    }
}

fn is_complete(config: &Yaml) {
    let services = config["services"].as_hash().unwrap();
    assert_eq!(services.len(), 6, "{services:?}");
    let front = &config["services"]["front-1"];
    assert_eq!(front["tmpfs"][0].as_str(), Some("/log:size=64k"));
    let aliases = &front["networks"]["system"]["aliases"];
    assert_eq!(aliases[0].as_str(), Some("front"));
    let waits = front["depends_on"].as_hash().unwrap();
    assert_eq!(waits.len(), 2, "{waits:?}");
}

/// Where both are here, and nobody types another command for it.
#[test]
fn the_plugin_is_taken_before_what_it_has_replaced() {
    let stage = Stage::of_three();
    run(stage.compose(&["ps"]).env("PLUGIN", "recorded"));
    let files = "--file compose.yml --file services/inventory/compose.yml \
        --file services/order-book/compose.yml --file services/front/compose.yml";
    let typed = format!("docker compose --project-name shop {files} ps");
    assert_eq!(stage.calls(), [typed]);
}
