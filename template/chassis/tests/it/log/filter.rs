//! How much is logged of whom: levels by name, and directives as in `RUST_LOG`.

use chassis::testing::Child;

use crate::support::{certificates::Certificates, echo, program, running, start};

/// Starts the program with `RUST_LOG`, and waits until it is running.
fn with_variable(directives: &str, flags: &[&str]) -> Child {
    let mut child = Child::spawn(program().env("RUST_LOG", directives).args(flags));
    child.wait_for("Running");
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn directives_reach_libraries_by_a_flag_and_by_rust_log() {
    let h2 = "h2::codec=trace,hyper=off";
    for mut service in [running(&["--log-filter", h2]), with_variable(h2, &[])] {
        echo(&service.address(), "").await.unwrap();
        service.wait_for(" TRACE h2::codec::");
        service.signal("INT");
        let (_, log) = service.wait();
        assert!(
            !log.iter().any(|line| line.contains(" DEBUG RPC ")),
            "{log:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn directives_reach_rustls_which_logs_in_another_way() {
    let certificates = Certificates::new();
    let flags = ["--log-filter", "rustls=debug", "--log-format", "json"];
    let mut service = certificates.service(&flags);
    certificates.echo(&service.address(), None).await.unwrap();
    let line = service.wait_for("\"rustls::");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "DEBUG");
    assert!(
        line["target"].as_str().unwrap().starts_with("rustls::"),
        "{line}"
    );

    let service = certificates.service(&["--loglevel", "0"]);
    certificates.echo(&service.address(), None).await.unwrap();
    service.signal("INT");
    let (_, log) = service.wait();
    assert!(!log.iter().any(|line| line.contains("rustls")), "{log:#?}");
}

#[test]
fn a_wrong_directive_is_one_sentence() {
    let (status, log) = start(&["--log-filter", "info,h2=loud"]).wait();
    assert_eq!(status.code(), Some(2));
    let [line] = &log[..] else { panic!("{log:#?}") };
    let expected = "'--log-filter <DIRECTIVES>': \"h2=loud\" is neither a level (off, error, \
                    warn, info, debug, trace) nor as in h2=debug";
    assert!(line.contains(expected), "{line}");
}

#[test]
fn a_wrong_rust_log_is_left_aside_since_it_may_be_meant_for_others() {
    let mut service = with_variable("info[span]=debug", &[]);
    service.wait_for("WARN  RUST_LOG is left aside: \"info[span]=debug\" is neither");
    // Nor does it matter where the flag is given.
    let service = with_variable("info[span]=debug", &["--log-filter", "info"]);
    service.signal("INT");
    let (_, log) = service.wait();
    assert!(
        !log.iter().any(|line| line.contains("RUST_LOG")),
        "{log:#?}"
    );
}

#[test]
fn a_level_has_a_name_too() {
    for (level, states) in [("state", 2), ("Error", 0), ("quiet", 0), ("warning", 2)] {
        let flags = [
            "--loglevel",
            level,
            "--log-filter",
            "scripted=info",
            "--dry-run",
        ];
        let (status, log) = start(&flags).wait();
        assert_eq!(status.code(), Some(0), "{level}");
        let found = log.iter().filter(|line| line.contains("STATE"));
        assert_eq!(found.count(), states / 2, "{level}: {log:#?}");
    }
    let (status, log) = start(&["--loglevel", "loud"]).wait();
    assert_eq!(status.code(), Some(2));
    let expected = "a number from 0 to 5, or debug, info, warning, state, error, quiet";
    assert!(log[0].contains(expected), "{log:#?}");
}

#[test]
fn the_reason_comes_before_the_state_error() {
    let (status, log) = start(&["--usetls"]).wait();
    assert_eq!(status.code(), Some(1));
    let [.., reason, state] = &log[..] else {
        panic!("{log:#?}")
    };
    assert!(
        reason.contains(" ERROR --usetls needs --certfile"),
        "{log:#?}"
    );
    assert!(state.ends_with(" STATE Error"), "{log:#?}");

    let (_, log) = start(&["--usetls", "--log-format", "json"]).wait();
    let state: serde_json::Value = serde_json::from_str(log.last().unwrap()).unwrap();
    assert_eq!(
        (&state["level"], &state["state"]),
        (&"ERROR".into(), &"Error".into())
    );
}
