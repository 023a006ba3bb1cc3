//! The image: what is in it, and that it is the same however it is built.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

use super::packed::{Engine, NAME, in_service, packed};
use crate::support::{
    answers::{Answers, example},
    command::run,
    generator::Generator,
    repository::{python, root},
};

#[test]
fn the_dockerfile_is_sound() {
    let Some(python) = python() else { return };
    let parent = TempDir::new().unwrap();
    let service = Generator::oldest().generate(parent.path(), &example("order-book"));
    run(Command::new(python.with_file_name("hadolint"))
        .arg("deploy/Dockerfile")
        .current_dir(service));
}

/// A file in the archive of an image, as text.
fn extract(archive: &Path, file: &str) -> String {
    run(Command::new("tar")
        .args(["--extract", "--to-stdout", "--file"])
        .args([archive, Path::new(file)]))
}

/// JSON is YAML, nearly.
fn json(text: &str) -> Yaml {
    YamlLoader::load_from_str(text).unwrap().remove(0)
}

/// What an archive says of its image.
struct Saved {
    config: Yaml,
    /// Its only layer, as `tar --list --verbose` has it.
    files: String,
}

impl Saved {
    fn read(archive: &Path) -> Self {
        let manifest = &json(&extract(archive, "manifest.json"))[0];
        let config = json(&extract(archive, manifest["Config"].as_str().unwrap()));
        let layers = manifest["Layers"].as_vec().unwrap();
        assert_eq!(layers.len(), 1);
        let directory = TempDir::new().unwrap();
        run(Command::new("tar")
            .args(["--extract", "--file"])
            .arg(archive)
            .arg(layers[0].as_str().unwrap())
            .current_dir(&directory));
        let files = run(Command::new("tar")
            .args([
                "--list",
                "--verbose",
                "--numeric-owner",
                "--full-time",
                "--utc",
                "--file",
            ])
            .arg(layers[0].as_str().unwrap())
            .current_dir(&directory));
        Self { config, files }
    }

    /// The digest of the layer.
    fn layer(&self) -> &str {
        self.config["rootfs"]["diff_ids"][0].as_str().unwrap()
    }
}

/// The binary and nothing else, its owner, its mode, the date of the commit; and what it says of itself.
fn is_as_it_should_be(engine: Engine) {
    let packed = packed();
    let archive = packed.archive(engine);
    let image = Saved::read(archive);
    let size = fs::metadata(packed.binary()).unwrap().len();
    let listed: Vec<_> = image.files.split_whitespace().collect();
    let size = size.to_string();
    let expected = ["-rwxr-xr-x", "0/0", &size, "2026-01-01", "12:00:00", NAME];
    assert_eq!(listed, expected, "{engine}");
    let saved = fs::metadata(archive).unwrap().len();
    assert!(saved < 8_000_000, "{saved} bytes");

    let config = &image.config["config"];
    assert_eq!(config["User"].as_str(), Some("65532:65532"));
    let program = format!("/{NAME}");
    assert_eq!(config["Entrypoint"][0].as_str(), Some(&*program));
    let check = &config["Healthcheck"]["Test"];
    let check: Vec<_> = check
        .as_vec()
        .unwrap()
        .iter()
        .filter_map(Yaml::as_str)
        .collect();
    assert_eq!(check, ["CMD", &program, "--healthcheck"]);
    let image = packed.image();
    let (_, tag) = image.split_once(':').unwrap();
    for (label, expected) in [
        ("title", NAME),
        ("description", "The packed-sample service"),
        ("authors", crate::support::generator::AUTHOR),
        ("version", "0.1.0"),
        ("licenses", "MIT"),
        ("created", "2026-01-01T12:00:00Z"),
        ("revision", tag),
    ] {
        let found = config["Labels"][&*format!("org.opencontainers.image.{label}")]
            .as_str()
            .unwrap_or_default();
        assert!(
            found == expected || label == "revision" && found.len() == 40 && found.starts_with(tag),
            "{label}: {found}"
        );
    }
}

#[test]
#[cfg_attr(not(docker), ignore = "needs docker")]
fn docker_packs_the_binary_and_nothing_else() {
    is_as_it_should_be(Engine::Docker);
}

#[test]
#[cfg_attr(not(podman), ignore = "needs podman, and root")]
fn podman_packs_the_binary_and_nothing_else() {
    is_as_it_should_be(Engine::Podman);
}

#[test]
#[cfg_attr(not(buildah), ignore = "needs buildah, and root")]
fn buildah_packs_the_binary_and_nothing_else() {
    is_as_it_should_be(Engine::Buildah);
}

#[test]
#[cfg_attr(
    not(all(docker, podman, buildah)),
    ignore = "needs docker, podman and buildah, and root"
)]
fn every_engine_packs_the_same_files() {
    let [docker, podman, buildah] = [Engine::Docker, Engine::Podman, Engine::Buildah]
        .map(|engine| Saved::read(packed().archive(engine)));
    assert_eq!(docker.files, podman.files);
    assert_eq!(podman.layer(), buildah.layer());
}

/// Makes an image of this machine's own shell; with a service given, of what builds it, too.
fn import(engine: Engine, directory: &Path, image: &str, service: Option<&Path>) {
    let script = r#""$0" ${3:+"$3"} | "$1" import \
        --change "ENV PATH=/rust/bin:/usr/bin:/bin" --change "ENV CARGO_HOME=/cargo" \
        --change "ENV CARGO_NET_OFFLINE=true" - "$2""#;
    run(in_service(directory, "bash")
        .args(["-euo", "pipefail", "-c", script])
        .arg(root().join("tests/suite/containers/builder"))
        .args([&engine.to_string(), image])
        .args(service));
}

/// Elsewhere: in another directory, with another target directory and another home of cargo, from a
/// clone, within an image that holds this machine's Rust.
#[test]
#[cfg_attr(not(docker), ignore = "needs docker")]
fn built_elsewhere_the_binary_and_the_layer_are_the_same() {
    let packed = packed();
    let here = Saved::read(packed.archive(Engine::Docker));
    let builder = format!("{NAME}:builder");
    import(
        Engine::Docker,
        &packed.directory,
        &builder,
        Some(&packed.directory),
    );

    let parent = TempDir::new().unwrap();
    let clone = parent.path().join(NAME);
    run(Command::new("git")
        .args(["clone", "--quiet"])
        .args([&packed.directory, &clone]));
    // Else docker would take the layer that it has.
    let dockerfile = clone.join("deploy/Dockerfile");
    let text = fs::read_to_string(&dockerfile).unwrap();
    let text = text.replace("FROM scratch\n", "FROM scratch\nENV BUILT=elsewhere\n");
    fs::write(dockerfile, text).unwrap();
    run(in_service(&clone, "make").args([
        "docker",
        "BUILD=container",
        &format!("BUILDER={builder}"),
    ]));

    let binary = clone.join("deploy").join(NAME);
    assert!(fs::read(packed.binary()).unwrap() == fs::read(&binary).unwrap());
    let there = Saved::read(&binary.with_extension("tar"));
    assert_eq!(
        there.config["config"]["Env"][1].as_str(),
        Some("BUILT=elsewhere")
    );
    assert_eq!(here.layer(), there.layer());
    // There is more in this tree than the commit.
    packed.ask(
        Engine::Docker,
        &["image", "inspect", &format!("{}-dirty", packed.image())],
    );
}

/// With a build that only tells where it runs.
#[test]
#[cfg_attr(
    not(all(podman, buildah)),
    ignore = "needs podman and buildah, and root"
)]
fn podman_and_buildah_build_in_a_container_too() {
    let parent = TempDir::new().unwrap();
    let name = "built-elsewhere";
    let service = Generator::oldest().generate(parent.path(), &Answers::new(name));
    let build = "#!/bin/sh\nmkdir -p deploy && echo \"$PWD $CARGO_TARGET_DIR\" >\"$1\"\n";
    fs::write(service.join("ci/build"), build).unwrap();
    import(Engine::Podman, &service, name, None);
    for engine in [Engine::Podman, Engine::Buildah] {
        let engine = format!("ENGINE={engine}");
        let builder = format!("BUILDER=localhost/{name}");
        run(in_service(&service, "make").args(["all", "BUILD=container", &engine, &builder]));
        let binary = service.join("deploy").join(name);
        assert_eq!(fs::read_to_string(&binary).unwrap(), "/src /build\n");
        fs::remove_file(binary).unwrap();
    }
    assert_eq!(
        run(in_service(&service, "buildah").args(["containers", "--quiet"])),
        ""
    );
}

#[test]
fn the_tag_tells_the_commit_and_what_is_not_in_it() {
    let parent = TempDir::new().unwrap();
    let service = Generator::oldest().generate(parent.path(), &Answers::new("order-book"));
    let tag = || run(Command::new("ci/tag").current_dir(&service));
    let git = |arguments: &[&str]| {
        run(Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@example.org"])
            .args(arguments)
            .current_dir(&service))
    };
    assert_eq!(tag(), "uncommitted\n");
    git(&["init", "--quiet"]);
    assert_eq!(tag(), "uncommitted\n");
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "The first"]);
    let commit = git(&["rev-parse", "--short", "HEAD"]);
    assert_eq!(tag(), commit);
    // What is built is nothing that a commit would hold.
    fs::write(service.join("deploy/order-book"), "").unwrap();
    assert_eq!(tag(), commit);
    for file in ["README.md", "new"] {
        fs::write(service.join(file), "").unwrap();
        assert_eq!(tag(), format!("{}-dirty\n", commit.trim()), "{file}");
        git(&["stash", "--quiet", "--include-untracked"]);
    }
    assert_eq!(tag(), commit);
}

#[test]
#[ignore = "compiles cargo-cyclonedx"]
fn the_bill_of_materials_names_what_is_linked() {
    let packed = packed();
    // Built beside the service, so out of turn.
    run(in_service(&packed.directory, "make").args(["prepare", "ONLY=cargo-cyclonedx"]));
    packed.makes(&["sbom"]);
    let file = packed.binary().with_extension("cdx.json");
    let text = fs::read_to_string(&file).unwrap();
    if let Some(python) = python() {
        let check = "import sys; from cyclonedx.schema import SchemaVersion; \
             from cyclonedx.validation.json import JsonStrictValidator; \
             error = JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read()); \
             sys.exit(str(error) if error else 0)";
        run(Command::new(python)
            .args(["-c", check])
            .stdin(fs::File::open(&file).unwrap()));
    }
    let bill = json(&text);
    assert_eq!(bill["metadata"]["component"]["name"].as_str(), Some(NAME));
    assert_eq!(
        bill["metadata"]["timestamp"].as_str(),
        Some("2026-01-01T12:00:00.000000000Z")
    );
    let scope = |name: &str| {
        let components = bill["components"].as_vec().unwrap();
        let component = components
            .iter()
            .find(|one| one["name"].as_str() == Some(name));
        component.and_then(|component| component["scope"].as_str())
    };
    assert_eq!(scope("tonic"), Some("required"));
    assert_eq!(scope("protox"), Some("excluded"));
    // A test's.
    assert_eq!(scope("criterion"), None);
    let place = packed.directory.to_str().unwrap();
    assert!(!text.contains(place), "{text}");
}

/// What is saved, and removed from `engine`, comes back by loading, and then goes for good.
fn loads_and_cleans_up(engine: Engine) {
    let parent = TempDir::new().unwrap();
    let name = format!("loaded-by-{engine}");
    let service = Generator::oldest().generate(parent.path(), &Answers::new(&name));
    let binary = service.join("deploy").join(&name);
    fs::write(&binary, "not to be run").unwrap();
    let archive = format!("deploy/{name}.tar");
    let image = format!("{name}:1");
    let engine = engine.to_string();
    let ask =
        |program: &str, arguments: &[&str]| run(in_service(&service, program).args(arguments));
    let there_is = || ask(&engine, &["images"]).contains(&name);

    ask(
        "ci/docker",
        &[&engine, &image, &format!("deploy/{name}"), &archive],
    );
    assert!(there_is());
    ask(&engine, &["rmi", &image]);
    assert!(!there_is());
    ask("make", &["dockerload", &format!("ENGINE={engine}")]);
    assert!(there_is());
    ask("make", &["dockerclean", &format!("ENGINE={engine}")]);
    assert!(!there_is());
    assert!(!service.join(archive).exists());
}

#[test]
#[cfg_attr(not(docker), ignore = "needs docker")]
fn docker_loads_and_cleans_up() {
    loads_and_cleans_up(Engine::Docker);
}

#[test]
#[cfg_attr(not(podman), ignore = "needs podman, and root")]
fn podman_loads_and_cleans_up() {
    loads_and_cleans_up(Engine::Podman);
}

#[test]
#[cfg_attr(not(buildah), ignore = "needs buildah, and root")]
fn buildah_loads_and_cleans_up() {
    loads_and_cleans_up(Engine::Buildah);
}
