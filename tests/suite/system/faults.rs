//! What callers see when something happens to a service: `make soak`.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    real::{Real, real},
    story::{line_of, number_before},
};

const TMPFS: &str =
    "    tmpfs: [\"/log:size=256k,uid=65532\"]\n    environment: {ORDERS_LOGDIR: /log}\n";

/// Gives both of `orders` a small disk for its log.
fn with_a_disk(real: &Real) {
    let text = format!("services:\n  orders-1:\n{TMPFS}  orders-2:\n{TMPFS}");
    fs::write(
        real.directory.join("services/orders/compose.override.yml"),
        text,
    )
    .unwrap();
    real.makes(&["up"]);
}

/// What the load says of `state`: its own line, and those below it.
fn told_of<'a>(state: &str, said: &'a str) -> &'a str {
    let (_, told) = said.split_once(&format!("\n{state} ")).unwrap();
    let end = told.find('\n').map_or(told.len(), |first| {
        let below = told[first..].split_inclusive('\n').skip(1);
        let below = below.take_while(|line| line.starts_with("  "));
        first + 1 + below.map(str::len).sum::<usize>()
    });
    &told[..end.min(told.len())]
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn a_service_that_fails_takes_only_its_callers_along() {
    let real = real();
    with_a_disk(&real);
    let said = real.makes(&["soak"]);
    for service in ["inventory", "orders", "front"] {
        for fault in ["stop", "kill", "pause", "cut"] {
            let state = format!("{service}: {fault} ");
            assert!(
                number_before("lost", line_of(&state, &said)) > 0,
                "{state} did nothing"
            );
            line_of(&format!("{service}: {fault}, repaired "), &said);
        }
        let slow = format!("{service}: slow ");
        let left_out = format!("{service}: slow is left out");
        assert!(said.contains(&slow) || said.contains(&left_out), "{said}");
    }

    // One deadline, whoever does not answer: the first service tells of it, in time, or the call had hung.
    let paused = told_of("inventory: pause", &said);
    let in_time = "front.Checkout: DEADLINE_EXCEEDED: orders: ";
    assert!(paused.contains(in_time), "{paused}");
    assert_eq!(
        number_before("wrong", line_of("inventory: pause ", &said)),
        0
    );

    // A log that can't be written is no reason not to answer.
    for service in ["inventory", "front"] {
        let left_out = format!("{service}: full is left out: it has no disk");
        assert!(said.contains(&left_out), "{said}");
    }
    if !said.contains("orders: full is left out: it takes Linux and root") {
        let full = line_of("orders: full ", &said);
        assert!(number_before("calls", full) > 100, "{full}");
        assert_eq!(number_before("lost", full), 0, "{full}");
    }
}

/// As long as it is told to, and no shorter.
#[test]
#[ignore = "takes minutes: make test-system"]
fn a_soak_goes_on_for_as_long_as_it_is_told() {
    let real = real();
    let began = Instant::now();
    let said = real.makes(&["soak", "FAULTS=stop", "FAULT_SECONDS=1", "SECONDS=60"]);
    assert!(began.elapsed() >= Duration::from_mins(1), "{said}");
    let stops = said
        .lines()
        .filter(|line| line.contains(": stop, repaired "));
    assert!(stops.count() >= 3, "{said}");
    let nothing = real.fails(&["soak", "FAULTS=full"]);
    assert!(
        nothing.contains("None of FAULTS=\"full\" can be done here."),
        "{nothing}"
    );
    for (wrong, sentence) in [
        (
            "FAULTS=flood",
            "FAULTS=flood: choose from stop kill pause cut slow full.",
        ),
        ("SECONDS=1h", "SECONDS=1h: give a whole number."),
    ] {
        let said = real.fails(&["soak", wrong]);
        assert!(said.contains(sentence), "{said}");
    }
    real.is_as_before();
}
