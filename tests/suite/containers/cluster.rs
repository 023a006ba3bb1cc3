//! `make itest KUBE_CONTEXT=…`, with stand-ins for kubectl and the other programs that it calls:
//! what they are asked, in which order, and what is left behind.

use rustix::process::Signal;

use super::stage::Stage;

/// The first words of each call, its context and namespace left out. What concerns the
/// namespace itself has none.
fn steps(calls: &[String]) -> Vec<String> {
    calls
        .iter()
        .map(|call| {
            let words = call.split(['\t', ' ']);
            if call.starts_with("kubectl --context cluster --namespace ") {
                words.skip(5).take(1).collect()
            } else if call.starts_with("kubectl ") {
                words.skip(3).take(1).collect()
            } else {
                words.take(2).collect::<Vec<_>>().join(" ")
            }
        })
        .collect()
}

/// The namespace of a call to kubectl, which must name it and the context first of all, or
/// make or delete it.
#[track_caller]
fn namespace(call: &str) -> &str {
    let rest = call
        .strip_prefix("kubectl --context cluster ")
        .unwrap_or_else(|| panic!("no context: {call}"));
    let named = ["--namespace ", "delete namespace "];
    let named = named.iter().find_map(|words| rest.strip_prefix(words));
    let made = || rest.split_once("\t  name: ").map(|(_, name)| name);
    let rest = named.or_else(made);
    let rest = rest.unwrap_or_else(|| panic!("no namespace: {call}"));
    rest.split([' ', '\t']).next().unwrap()
}

/// Every call to kubectl concerns the same namespace, and the last one deletes it.
#[track_caller]
fn assert_one_namespace_gone(calls: &[String]) -> String {
    let kubectl: Vec<_> = calls
        .iter()
        .filter(|call| call.starts_with("kubectl "))
        .collect();
    let own = namespace(kubectl[0]).to_owned();
    assert!(
        kubectl.iter().all(|call| namespace(call) == own),
        "{calls:#?}"
    );
    let last =
        format!("kubectl --context cluster delete namespace {own} --ignore-not-found --wait=false");
    assert_eq!(calls.last(), Some(&last), "{calls:#?}");
    own
}

const CONTEXT: &str = "KUBE_CONTEXT=cluster";
const BUILD: [&str; 5] = [
    "cargo build",
    "docker build",
    "docker save",
    "docker tag",
    "docker push",
];

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn a_run_goes_from_the_image_to_the_tests_and_cleans_up() {
    let stage = Stage::new();
    let output = stage.run(&[CONTEXT], &[]);
    assert!(output.status.success(), "{output:?}");

    let calls = stage.calls();
    let expected = [
        "create",
        "apply",
        "rollout",
        "port-forward",
        "cargo test",
        "delete",
    ];
    assert_eq!(steps(&calls)[..5], BUILD);
    assert_eq!(steps(&calls)[5..], expected);
    let namespace = assert_one_namespace_gone(&calls);
    assert!(
        namespace.starts_with("order-book-itest-uncommitted-"),
        "{namespace}"
    );

    let image = "localhost:5000/order-book:uncommitted";
    assert_eq!(calls[4], format!("docker push {image}"));
    let created = &calls[5];
    assert!(
        created.contains(&format!("\t  name: {namespace}\t")),
        "{created}"
    );
    assert!(
        created.contains("\t    app.kubernetes.io/name: order-book\t"),
        "{created}"
    );
    let applied = &calls[6];
    // By the digest that it has in this registry.
    let tested = format!("localhost:5000/order-book@sha256:{:064}", 2);
    assert!(applied.contains(&format!("image: {tested}\t")), "{applied}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("{tested} is in order\n")), "{said}");
    assert!(!applied.contains("namespace: "), "{applied}");
    assert!(calls[7].ends_with("rollout status deployment/order-book --timeout=120s"));
    assert!(calls[8].ends_with("port-forward service/order-book :grpc"));
    let tests = "cargo test --locked --test it contract::\tITEST_ADDR=127.0.0.1:40123";
    assert_eq!(calls[9], tests);
}

/// Logs and events are printed, then the namespace goes, and make fails.
#[track_caller]
fn fails_at(step: &str, before: &[&str]) {
    let stage = Stage::new();
    let output = stage.run(&[CONTEXT], &[("FAIL", step)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let calls = stage.calls();
    let after = ["get", "describe", "logs", "delete"];
    assert_eq!(steps(&calls)[5..], [before, &after].concat(), "{output:?}");
    assert_one_namespace_gone(&calls);
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn a_failed_test_is_explained_and_cleaned_up() {
    let before = ["create", "apply", "rollout", "port-forward", "cargo test"];
    fails_at("test", &before);
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn a_rollout_that_takes_too_long_is_explained_and_cleaned_up() {
    fails_at("rollout", &["create", "apply", "rollout"]);
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn a_port_that_is_not_forwarded_is_explained_and_cleaned_up() {
    fails_at(
        "port-forward",
        &["create", "apply", "rollout", "port-forward"],
    );
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn an_image_that_cannot_be_pushed_leaves_the_cluster_alone() {
    let stage = Stage::new();
    let output = stage.run(&[CONTEXT], &[("FAIL", "push")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(steps(&stage.calls()), BUILD);
}

/// Interrupted while `step` hangs, it cleans up without a word on what happened.
#[track_caller]
fn is_interrupted_by(signal: Signal, step: &str) {
    let stage = Stage::new();
    stage.interrupt(&[CONTEXT], signal, step);
    let calls = stage.calls();
    assert!(!steps(&calls).contains(&"logs".into()), "{calls:#?}");
    assert_one_namespace_gone(&calls);
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn ctrl_c_during_the_rollout_cleans_up() {
    is_interrupted_by(Signal::INT, "rollout");
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn sigterm_during_the_tests_cleans_up() {
    is_interrupted_by(Signal::TERM, "test");
}

#[test]
fn no_context_no_cluster() {
    let stage = Stage::new();
    let output = stage.run(&["KUBE_CONTEXT="], &[]);
    assert!(!output.status.success());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("KUBE_CONTEXT is empty: name a context"),
        "{stderr}"
    );
    assert!(stage.calls().is_empty(), "{:?}", stage.calls());
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn runs_of_the_same_commit_have_namespaces_of_their_own() {
    let [first, second] = [(); 2].map(|()| {
        let stage = Stage::new();
        stage.run(&[CONTEXT], &[]);
        assert_one_namespace_gone(&stage.calls())
    });
    assert_ne!(first, second);
}

/// The image gets into the cluster with `call`, and goes by the name that it has there.
#[track_caller]
fn is_loaded_by(context: &str, load: &str, call: &str) {
    let stage = Stage::new();
    let output = stage.run(&[&format!("KUBE_CONTEXT={context}"), load], &[]);
    assert!(output.status.success(), "{output:?}");
    let calls = stage.calls();
    assert_eq!(calls[3], call);
    assert!(
        calls[5].contains("image: order-book:uncommitted\t"),
        "{}",
        calls[5]
    );
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn the_image_can_be_loaded_without_a_registry() {
    is_loaded_by(
        "kind-test",
        "IMAGE_LOAD=kind",
        "kind load image-archive deploy/order-book.tar --name test",
    );
    is_loaded_by(
        "minikube",
        "IMAGE_LOAD=minikube",
        "minikube --profile minikube image load deploy/order-book.tar",
    );
    is_loaded_by(
        "kubeadm",
        "IMAGE_LOAD=ctr",
        "ctr --namespace k8s.io images import deploy/order-book.tar",
    );
}

#[test]
fn an_unknown_way_to_load_the_image_is_refused() {
    let stage = Stage::new();
    let output = stage.run(&[CONTEXT, "IMAGE_LOAD=scp"], &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let sentence = "IMAGE_LOAD=scp: choose push, kind, minikube or ctr";
    assert!(stderr.contains(sentence), "{stderr}");
    assert!(!stage.calls().iter().any(|call| call.starts_with("kubectl")));
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn the_longest_name_makes_a_namespace() {
    let stage = Stage::named(&"a".repeat(63));
    let output = stage.run(&[CONTEXT], &[]);
    assert!(output.status.success(), "{output:?}");
    let namespace = assert_one_namespace_gone(&stage.calls());
    assert_eq!(namespace.len(), 63, "{namespace}");
}

/// The commands in deploy/README.md, from nothing to a running service, call `expected`.
#[track_caller]
fn commands_lead_there(tool: &str, expected: &[&str]) {
    let stage = Stage::new();
    let readme = stage.read("deploy/README.md");
    let (_, script) = readme.split_once(&format!("{tool}:\n\n```sh\n")).unwrap();
    let (script, _) = script.split_once("```").unwrap();
    assert_eq!(script.lines().count(), 3, "{script}");
    let output = stage.shell(script);
    assert!(output.status.success(), "{output:?}");

    let calls = stage.calls();
    let own: Vec<_> = calls
        .iter()
        .filter(|call| !call.starts_with("cargo "))
        .collect();
    assert_eq!(own.len(), expected.len(), "{calls:#?}");
    for (call, expected) in own.iter().zip(expected) {
        assert!(call.starts_with(expected), "{call}");
    }
    let applied = own.last().unwrap();
    assert!(
        applied.contains("image: order-book:uncommitted\t"),
        "{applied}"
    );
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn three_commands_lead_from_nothing_to_a_running_service() {
    let (build, save) = (
        "docker build ",
        "docker save --output deploy/order-book.tar ",
    );
    commands_lead_there(
        "[minikube](https://minikube.sigs.k8s.io)",
        &[
            "minikube start",
            build,
            save,
            "minikube image load deploy/order-book.tar",
            "kubectl --context minikube apply -f -",
        ],
    );
    commands_lead_there(
        "[kind](https://kind.sigs.k8s.io)",
        &[
            "kind create cluster",
            build,
            save,
            "kind load image-archive deploy/order-book.tar",
            "kubectl --context kind-kind apply -f -",
        ],
    );
    let import = "ctr --namespace k8s.io images import deploy/order-book.tar";
    commands_lead_there(
        "that `kubeadm init` has made a cluster",
        &[
            build,
            save,
            &format!("sudo {import}"),
            import,
            "kubectl apply -f -",
        ],
    );
}
