//! `make deploy` and `make itest`, with a stand-in for kubectl: what a cluster is asked, and what is refused
//! before it is asked anything.

use std::fs;

use super::stage::Stage;
use crate::support::command::output;

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn what_was_tested_is_deployed_by_its_digests() {
    let stage = Stage::published();
    let output = stage.make(&["deploy", "KUBE_CONTEXT=cluster"]);
    assert!(output.status.success(), "{output:?}");
    let calls = stage.calls();
    let begins = "kubectl --context cluster --namespace shop ";
    assert!(
        calls.iter().all(|call| call.starts_with(begins)),
        "{calls:#?}"
    );
    let images: Vec<_> = calls[0]
        .split('\t')
        .filter_map(|line| line.trim_start().strip_prefix("image: "))
        .collect();
    let digest = format!("sha256:{:064}", 7);
    let expected = ["front", "inventory", "order-book"];
    assert_eq!(
        images,
        expected.map(|name| format!("registry.example.org/{name}@{digest}"))
    );
    // Each after those that it calls.
    let rolled_out: Vec<_> = calls[1..]
        .iter()
        .map(|call| call.split("rollout status deployment/").nth(1).unwrap())
        .map(|rest| rest.split(' ').next().unwrap())
        .collect();
    assert_eq!(rolled_out, ["inventory", "order-book", "front"]);
}

/// Fails with this sentence, and leaves the cluster alone.
#[track_caller]
fn is_refused(stage: &Stage, arguments: &[&str], sentence: &str) {
    let output = stage.make(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && stderr.contains(sentence),
        "{stderr}"
    );
    assert_eq!(stage.calls(), Vec::<String>::new());
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn what_was_not_tested_or_not_published_is_not_deployed() {
    let deploy = ["deploy", "KUBE_CONTEXT=cluster"];
    let stage = Stage::published();
    is_refused(&stage, &["deploy"], "KUBE_CONTEXT is empty");
    is_refused(&stage, &["itest"], "KUBE_CONTEXT is empty");
    let nowhere = ["deploy", "KUBE_CONTEXT=cluster", "OVERLAY=moon"];
    is_refused(
        &stage,
        &nowhere,
        "OVERLAY=moon: choose one of itest production",
    );

    let tagged =
        "images:\n  - name: registry.example.org/front\n    newTag: latest\n    digest: \"\"\n";
    let overlay = stage
        .system
        .join("deploy/overlays/production/kustomization.yaml");
    let text = fs::read_to_string(&overlay).unwrap();
    fs::write(&overlay, text + tagged).unwrap();
    is_refused(
        &stage,
        &deploy,
        "have changed since they were tested together: make up test.",
    );
    stage.shell("note_tested");
    is_refused(&stage, &deploy, "names images by tags");

    let unpublished = Stage::of_three();
    is_refused(
        &unpublished,
        &deploy,
        "was not tested together yet: make up test.",
    );
    unpublished.shell("note_tested");
    is_refused(
        &unpublished,
        &deploy,
        "inventory 0.1.0 is in no registry yet",
    );
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn the_tests_run_in_a_namespace_that_is_gone_afterwards() {
    let stage = Stage::published();
    let output = stage.make(&["itest", "KUBE_CONTEXT=cluster"]);
    assert!(output.status.success(), "{output:?}");
    let calls = stage.calls();
    let created = calls[0].split("\t  name: ").nth(1).unwrap();
    let namespace = created.split('\t').next().unwrap();
    assert!(namespace.starts_with("shop-itest-"), "{namespace}");
    let applied = &calls[1];
    assert!(applied.starts_with(&format!(
        "kubectl --context cluster --namespace {namespace} apply "
    )));
    assert!(
        applied.contains("\t  ORDER_BOOK_LOGLEVEL: debug\t"),
        "{applied}"
    );
    assert!(applied.contains("\t  minReplicas: 1\t"), "{applied}");
    let tests = calls
        .iter()
        .find(|call| call.starts_with("cargo test "))
        .unwrap();
    let addresses =
        ["inventory", "order-book", "front"].map(|name| format!("{name}=127.0.0.1:40123"));
    assert_eq!(
        *tests,
        format!("cargo test SYSTEM_ADDRESSES={}", addresses.join(" "))
    );
    let last = format!(
        "kubectl --context cluster delete namespace {namespace} --ignore-not-found --wait=false"
    );
    assert_eq!(calls.last(), Some(&last));
}

#[test]
#[cfg_attr(not(kubectl), ignore = "needs kubectl")]
fn what_fails_in_a_cluster_is_explained_and_cleaned_up() {
    for step in ["rollout", "test"] {
        let stage = Stage::published();
        let mut command = stage.command("make");
        command
            .args(["itest", "KUBE_CONTEXT=cluster"])
            .env("FAIL", step);
        assert!(!output(&mut command).status.success());
        let calls = stage.calls();
        for word in [" get events ", " describe pods", " logs --selector "] {
            assert!(
                calls.iter().any(|call| call.contains(word)),
                "no {word}: {calls:#?}"
            );
        }
        assert!(
            calls.last().unwrap().contains(" delete namespace "),
            "{calls:#?}"
        );
    }
}
