//! `make itest ENGINE=docker`, with stand-ins: how the container is confined, and that it and its
//! network are gone afterwards, whatever happened.

use rustix::process::Signal;

use super::stage::Stage;

const ENGINE: &str = "ENGINE=docker";
const IMAGE: &str = "order-book:uncommitted";

/// The calls to docker from the first network on, with "RUN" for the name of the run.
fn calls(stage: &Stage) -> Vec<String> {
    let calls = stage.calls();
    let mut own = calls
        .iter()
        .skip_while(|call| !call.starts_with("docker network create "))
        .peekable();
    let run = own.peek().unwrap().rsplit(' ').next().unwrap().to_owned();
    own.map(|call| call.replace(&run, "RUN")).collect()
}

const CONFINED: &str = "docker run --detach --name RUN --network RUN --publish 127.0.0.1::42302 \
    --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --pids-limit 64 \
    order-book:uncommitted";
const READY: &str = "docker exec RUN /order-book --healthcheck";
const TESTS: &str = "cargo test --locked --test it contract::\tITEST_ADDR=127.0.0.1:40123";
const STOP: &str = "docker stop --time 30 RUN";
const CODE: &str = "docker inspect --format {{.State.ExitCode}} RUN";
const GONE: [&str; 2] = ["docker rm --force --volumes RUN", "docker network rm RUN"];

#[test]
fn a_run_is_confined_and_stopped_in_time() {
    let stage = Stage::new();
    let output = stage.run(&[ENGINE], &[]);
    assert!(output.status.success(), "{output:?}");
    let expected = [
        "docker network create RUN",
        CONFINED,
        READY,
        "docker port RUN 42302/tcp",
        TESTS,
        STOP,
        CODE,
    ];
    assert_eq!(calls(&stage), [&expected[..], &GONE].concat());
}

/// The log is printed, then container and network go, and make fails with `sentence`.
#[track_caller]
fn fails_at(step: &str, last: &str, sentence: &str) {
    let stage = Stage::new();
    let output = stage.run(&[ENGINE], &[("FAIL", step)]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(sentence), "{stderr}");
    let calls = calls(&stage);
    let end = [&[last, "docker logs RUN"][..], &GONE].concat();
    assert_eq!(calls[calls.len() - 4..], end);
}

#[test]
fn a_container_that_ends_is_not_waited_for() {
    let running = "docker inspect --format {{.State.Running}} RUN";
    fails_at(
        "start",
        running,
        &format!("{IMAGE} ended, or was not ready"),
    );
}

#[test]
fn a_failed_test_is_a_failure() {
    fails_at("test", TESTS, "test fails, as the test wants it");
}

#[test]
fn another_exit_code_than_0_is_a_failure() {
    fails_at(
        "stop",
        CODE,
        &format!("{IMAGE} ended with exit code 137, not 0"),
    );
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let stage = Stage::new();
        stage.interrupt(&[ENGINE], signal, "test");
        let calls = calls(&stage);
        assert_eq!(calls[calls.len() - 2..], GONE);
    }
}

#[test]
fn an_engine_that_runs_nothing_is_refused() {
    let stage = Stage::new();
    let output = stage.run(&["ENGINE=buildah"], &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let sentence = "ENGINE=buildah can't run containers: choose docker or podman";
    assert!(stderr.contains(sentence), "{stderr}");
}
