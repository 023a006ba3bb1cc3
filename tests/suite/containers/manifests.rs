//! What kustomize makes of the manifests, and what no schema can tell about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::{
    answers::{Answers, examples},
    command::run,
    generator::Generator,
    repository::{python, read},
};

const OVERLAYS: [&str; 3] = ["dev", "itest", "production"];

/// What one overlay is rendered to.
struct Overlay {
    text: String,
    objects: Vec<Yaml>,
}

impl Overlay {
    fn render(service: &Path, name: &str) -> Self {
        let directory = service.join("deploy/k8s/overlays").join(name);
        let text = run(Command::new("kubectl").arg("kustomize").arg(directory));
        let objects = YamlLoader::load_from_str(&text).unwrap();
        Self { text, objects }
    }

    fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Yaml> {
        self.objects
            .iter()
            .filter(move |document| document["kind"].as_str() == Some(kind))
    }

    /// The only object of that kind.
    #[track_caller]
    fn one<'a>(&'a self, kind: &'a str) -> &'a Yaml {
        let all: Vec<_> = self.all(kind).collect();
        assert_eq!(all.len(), 1, "{kind}");
        all[0]
    }

    fn deployment(&self) -> &Yaml {
        &self.one("Deployment")["spec"]
    }

    fn container(&self) -> &Yaml {
        let containers = &self.deployment()["template"]["spec"]["containers"];
        assert_eq!(containers.as_vec().map(Vec::len), Some(1));
        &containers[0]
    }

    /// The variables that the container gets.
    fn variables(&self) -> BTreeMap<String, String> {
        texts(&self.one("ConfigMap")["data"])
    }

    /// Kind and name of everything, without the hash of what is in a `ConfigMap`.
    fn names(&self) -> BTreeSet<(String, String)> {
        let names = self.objects.iter().map(|document| {
            let kind = text(&document["kind"]);
            let name = text(&document["metadata"]["name"]);
            match &*kind {
                "ConfigMap" => (kind, name.rsplit_once('-').unwrap().0.into()),
                _ => (kind, name),
            }
        });
        names.collect()
    }
}

#[track_caller]
fn text(value: &Yaml) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value:?}"))
        .into()
}

#[track_caller]
fn texts(map: &Yaml) -> BTreeMap<String, String> {
    let map = map.as_hash().unwrap_or_else(|| panic!("no map: {map:?}"));
    map.iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

/// Services with the shortest and longest name, and with ports that are in the way.
fn services() -> Vec<Answers> {
    let mut services = examples();
    services.push(Answers::new("a").with("port", "1"));
    for (letter, port) in [("x", "9090"), ("y", "9089"), ("z", "65535")] {
        services.push(Answers::new(letter.repeat(63)).with("port", port));
    }
    services
}

/// Looks at every overlay of every service. They are rendered once, for all tests.
fn each(mut look: impl FnMut(&Answers, &Overlay)) {
    for (answers, overlays, _) in &*RENDERED {
        for overlay in overlays {
            look(answers, overlay);
        }
    }
}

static RENDERED: LazyLock<Vec<(Answers, Vec<Overlay>, String)>> = LazyLock::new(|| {
    let directory = TempDir::new().unwrap();
    let generator = Generator::oldest();
    let render = |answers: Answers| {
        let service = generator.generate(directory.path(), &answers);
        let overlays = OVERLAYS.map(|name| Overlay::render(&service, name));
        let mongo = fs::read_to_string(service.join("deploy/k8s/mongo.yml")).unwrap();
        (answers, overlays.into(), mongo)
    };
    services().into_iter().map(render).collect()
});

/// Kubernetes' own, of the oldest version that the manifests are for.
pub fn fit_the_schemas<'a>(manifests: impl IntoIterator<Item = &'a String>) {
    let Some(python) = python() else { return };
    let validate = python.with_file_name("kubernetes-validate");
    let directory = TempDir::new().unwrap();
    let mut files = Vec::new();
    for text in manifests {
        let file = directory.path().join(files.len().to_string());
        fs::write(&file, text).unwrap();
        files.push(file);
    }
    run(Command::new(validate)
        .args(["--strict", "-k", "1.32"])
        .args(files));
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn everything_fits_the_schemas() {
    let all = RENDERED.iter().flat_map(|(_, overlays, mongo)| {
        let overlays = overlays.iter().map(|overlay| &overlay.text);
        overlays.chain([mongo])
    });
    fit_the_schemas(all);
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn selectors_match_the_labels_of_the_pods() {
    each(|_, overlay| {
        let deployment = overlay.deployment();
        let labels = texts(&deployment["template"]["metadata"]["labels"]);
        assert!(!labels.is_empty());
        let mut selectors = vec![
            &deployment["selector"]["matchLabels"],
            &overlay.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
            &overlay.one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        ];
        selectors.extend(
            overlay
                .all("Service")
                .map(|service| &service["spec"]["selector"]),
        );
        let spread = deployment["template"]["spec"]["topologySpreadConstraints"].as_vec();
        selectors.extend(
            spread
                .unwrap()
                .iter()
                .map(|rule| &rule["labelSelector"]["matchLabels"]),
        );
        assert_eq!(selectors.len(), 7);
        for selector in selectors {
            assert_eq!(texts(selector), labels);
        }
        let target = &overlay.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"];
        assert_eq!(target["kind"].as_str(), Some("Deployment"));
        assert_eq!(
            target["name"],
            overlay.one("Deployment")["metadata"]["name"]
        );
        // It rules, so nobody else says how many.
        assert!(deployment["replicas"].is_badvalue());
    });
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn ports_are_those_of_the_service_and_go_by_their_names() {
    each(|answers, overlay| {
        let port: i64 = answers.get("port").parse().unwrap();
        let container = overlay.container();
        let ports: BTreeMap<_, _> = container["ports"]
            .as_vec()
            .unwrap()
            .iter()
            .map(|port| (text(&port["name"]), port["containerPort"].as_i64().unwrap()))
            .collect();
        assert_eq!(ports.len(), 2);
        assert_eq!(ports["grpc"], port);
        // Neither the service's own, nor the one of an upstream.
        assert!(![port, port + 1].contains(&ports["admin"]), "{ports:?}");

        let prefix = answers.name.to_uppercase().replace('-', "_");
        let variables = overlay.variables();
        assert_eq!(
            variables[&format!("{prefix}_PORT")],
            ports["grpc"].to_string()
        );
        assert_eq!(
            variables[&format!("{prefix}_ADMIN_PORT")],
            ports["admin"].to_string()
        );
        let config = &container["envFrom"][0]["configMapRef"]["name"];
        assert_eq!(config, &overlay.one("ConfigMap")["metadata"]["name"]);

        let services: Vec<_> = overlay.all("Service").collect();
        assert_eq!(services.len(), 2);
        for service in services {
            assert!(text(&service["metadata"]["name"]).len() <= 63);
            assert_eq!(service["spec"]["ports"][0]["port"].as_i64(), Some(port));
            assert_eq!(
                service["spec"]["ports"][0]["targetPort"].as_str(),
                Some("grpc")
            );
            let families = service["spec"]["ipFamilyPolicy"].as_str();
            assert_eq!(families, Some("PreferDualStack"));
        }
        for rule in overlay.one("NetworkPolicy")["spec"]["ingress"]
            .as_vec()
            .unwrap()
        {
            assert!(ports.contains_key(&text(&rule["ports"][0]["port"])));
        }
    });
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn metrics_are_for_prometheus_alone() {
    each(|_, overlay| {
        let rules = overlay.one("NetworkPolicy")["spec"]["ingress"].as_vec();
        let of_admin = rules
            .unwrap()
            .iter()
            .filter(|rule| rule["ports"][0]["port"].as_str() == Some("admin"));
        let peers: Vec<_> = of_admin
            .flat_map(|rule| rule["from"].as_vec().unwrap())
            .collect();
        let [peer] = peers[..] else {
            panic!("{peers:?}")
        };
        // Both in one peer, so that both have to hold.
        let labels = |selector: &str| texts(&peer[selector]["matchLabels"]);
        let namespace = [("kubernetes.io/metadata.name".into(), "monitoring".into())];
        assert_eq!(labels("namespaceSelector"), namespace.into());
        let pod = [("app.kubernetes.io/name".into(), "prometheus".into())];
        assert_eq!(labels("podSelector"), pod.into());
    });
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn pods_start_whether_their_upstream_is_there_or_not() {
    each(|answers, overlay| {
        let prefix = answers.name.to_uppercase().replace('-', "_");
        let wait = &overlay.variables()[&format!("{prefix}_CLIENT_WAIT")];
        assert_eq!(wait, "true");
    });
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn production_names_its_image_by_digest_and_takes_no_other() {
    let directory = TempDir::new().unwrap();
    let answers = Answers::new("order-book");
    let service = Generator::oldest().generate(directory.path(), &answers);
    let image = |overlay: &Overlay| text(&overlay.container()["image"]);
    // As long as nobody has said which, there is none that a tag could stand for.
    let none = format!("/order-book@sha256:{}", "0".repeat(64));
    let production = Overlay::render(&service, "production");
    assert!(
        image(&production).ends_with(&none),
        "{}",
        image(&production)
    );

    let render = |overlay: &str, image: &str| {
        let mut command = Command::new("ci/render");
        let command = command.current_dir(&service).args([overlay, image]);
        command.output().unwrap()
    };
    let tested = format!("registry.example/order-book@sha256:{}", "a1".repeat(32));
    for (overlay, given) in [
        ("production", &*tested),
        ("dev", &tested),
        ("dev", "order-book:x"),
    ] {
        let output = render(overlay, given);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let objects = YamlLoader::load_from_str(&text).unwrap();
        assert_eq!(image(&Overlay { text, objects }), given);
    }
    let output = render("production", "registry.example/order-book:1.2.3");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("production names its image by digest, and "),
        "{said}"
    );
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn probes_ask_the_admin_port() {
    each(|_, overlay| {
        for (probe, path) in [
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ] {
            let probe = overlay.container()[probe].as_hash().unwrap();
            let handlers: Vec<_> = probe
                .iter()
                .filter(|(key, _)| ["httpGet", "grpc", "tcpSocket", "exec"].contains(&&*text(key)))
                .map(|(_, handler)| (text(&handler["path"]), text(&handler["port"])))
                .collect();
            assert_eq!(handlers, [(path.into(), "admin".into())]);
        }
    });
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn there_is_time_for_the_drain() {
    let limits = read("template/chassis/src/server/limits.rs");
    let seconds = |field: &str| -> i64 {
        let (before, _) = limits.split_once(field).unwrap();
        let (_, default) = before.rsplit_once("default_value = \"").unwrap();
        default.split_once("s\"").unwrap().0.parse().unwrap()
    };
    let drain = seconds("pub drain_delay: ") + seconds("pub drain_timeout: ");
    assert!(drain > 0);
    each(|_, overlay| {
        let grace = &overlay.deployment()["template"]["spec"]["terminationGracePeriodSeconds"];
        // 5 s for everything that is not the drain.
        assert!(grace.as_i64().unwrap() >= drain + 5);
    });
}

/// What the profile "restricted" of Pod Security asks for, and more.
#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn pods_may_do_nothing_but_serve() {
    each(|answers, overlay| {
        let pod = &overlay.deployment()["template"]["spec"];
        let security = &pod["securityContext"];
        assert_eq!(security["runAsNonRoot"].as_bool(), Some(true));
        assert_eq!(security["runAsUser"].as_i64(), Some(65532));
        assert_eq!(
            security["seccompProfile"]["type"].as_str(),
            Some("RuntimeDefault")
        );
        let sysctl = &security["sysctls"][0]["name"];
        let privileged = answers.get("port").len() < 4;
        let expected = privileged.then_some("net.ipv4.ip_unprivileged_port_start");
        assert_eq!(sysctl.as_str(), expected);
        let container = overlay.container();
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"].as_bool(), Some(false));
        assert_eq!(security["readOnlyRootFilesystem"].as_bool(), Some(true));
        assert_eq!(security["capabilities"]["drop"][0].as_str(), Some("ALL"));
        for amount in ["requests", "limits"] {
            for resource in ["cpu", "memory"] {
                assert!(!container["resources"][amount][resource].is_badvalue());
            }
        }
        assert_eq!(pod["automountServiceAccountToken"].as_bool(), Some(false));
        let account = overlay.one("ServiceAccount");
        assert_eq!(
            account["automountServiceAccountToken"].as_bool(),
            Some(false)
        );
        assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
        // Else the Service called order-book sets ORDER_BOOK_PORT, a flag, to its URL.
        assert_eq!(pod["enableServiceLinks"].as_bool(), Some(false));
    });
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn overlays_agree_on_names() {
    let mut names = BTreeMap::new();
    each(|answers, overlay| {
        assert_eq!(overlay.objects.len(), 8);
        for document in &overlay.objects {
            assert!(document["metadata"]["namespace"].is_badvalue());
        }
        let first = names
            .entry(answers.name.clone())
            .or_insert_with(|| overlay.names());
        assert_eq!(*first, overlay.names());
    });
    assert_eq!(names.len(), services().len());
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn production_serves_tls_with_the_files_of_a_secret() {
    let directory = TempDir::new().unwrap();
    let service = Generator::oldest().generate(directory.path(), &Answers::new("order-book"));
    let overlay = Overlay::render(&service, "production");
    let variables = overlay.variables();
    assert_eq!(variables["ORDER_BOOK_USETLS"], "true");
    let volume = &overlay.deployment()["template"]["spec"]["volumes"][0];
    assert_eq!(
        volume["secret"]["secretName"].as_str(),
        Some("order-book-tls")
    );
    let mount = &overlay.container()["volumeMounts"][0];
    assert_eq!(mount["name"], volume["name"]);
    let place = text(&mount["mountPath"]);
    assert_eq!(variables["ORDER_BOOK_CERTFILE"], format!("{place}/tls.crt"));
    assert_eq!(
        variables["ORDER_BOOK_PRIVKEYFILE"],
        format!("{place}/tls.key")
    );
    // Nothing but files: no secret in the environment, where a crash report would show it.
    assert!(overlay.container()["env"].is_badvalue());
    assert_eq!(overlay.all("Secret").count(), 0);
}
