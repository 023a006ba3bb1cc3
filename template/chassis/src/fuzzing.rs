//! What is read of strangers, for a fuzzer: each function here takes any bytes, and
//! panics where what becomes of them is not as it has to be. No build has them but one
//! for fuzzing, and that of the unit tests.

#![allow(clippy::missing_panics_doc)]

use hyper::{HeaderMap, header::HeaderValue};

use crate::{
    context::{REQUEST_ID, TRACEPARENT, TRACESTATE, timeout},
    telemetry::ids,
};
pub use crate::{
    server::fuzzing::{frames, greeting, messages, refusal, request},
    tls::fuzzing::{certificate, pem},
};

/// What a caller says of its deadline: read, and passed on.
pub fn grpc_timeout(data: &[u8]) {
    let Some(time) = timeout::parse(data) else {
        return;
    };
    let passed_on = timeout::parse(timeout::header(time).as_bytes()).unwrap();
    // Eight digits hold it but for a millionth.
    let lost = time
        .checked_sub(passed_on)
        .expect("it never becomes longer");
    assert!(lost <= time / 1_000_000);
}

/// What a caller says of its request id and its trace, in a line each.
pub fn ids(data: &[u8]) {
    let names = [TRACEPARENT, REQUEST_ID, TRACESTATE, TRACESTATE];
    let mut headers = HeaderMap::new();
    for (name, value) in names.into_iter().zip(data.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let (trace, _) = ids::of(&headers, None);
    let id = trace.request_id().as_bytes();
    assert!(id.iter().all(u8::is_ascii_graphic) && (1..=128).contains(&id.len()));

    // What is passed on is what the next service understands.
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (TRACEPARENT, Some(trace.traceparent())),
        (REQUEST_ID, Some(trace.request_id())),
        (TRACESTATE, trace.tracestate.as_ref()),
    ] {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
    }
    let (next, _) = ids::of(&headers, None);
    let trace_id = |traceparent: &[u8]| traceparent[..36].to_vec();
    assert_eq!(next.request_id(), trace.request_id());
    assert_eq!(
        trace_id(next.traceparent().as_bytes()),
        trace_id(trace.traceparent().as_bytes())
    );
    assert_eq!(next.tracestate, trace.tracestate);
}

#[cfg(test)]
mod mutation;

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        panic::{AssertUnwindSafe, catch_unwind},
        path::{Path, PathBuf},
        time::{Duration, Instant, SystemTime},
    };

    use super::mutation::Mutation;

    /// One of them, by the name of its directory in the corpus.
    type Target = (&'static str, fn(&[u8]));

    const TARGETS: [Target; 9] = [
        ("certificate", super::certificate),
        ("frames", super::frames),
        ("greeting", super::greeting),
        ("grpc_timeout", super::grpc_timeout),
        ("ids", super::ids),
        ("messages", super::messages),
        ("pem", super::pem),
        ("refusal", super::refusal),
        ("request", super::request),
    ];

    /// Where there is a directory for each of them.
    fn corpus() -> PathBuf {
        env::var_os("CORPUS").expect("CORPUS=<directory>").into()
    }

    /// What is in one: each file, and what that holds.
    fn inputs(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let files = fs::read_dir(directory).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", directory.display());
        let read = |file: PathBuf| {
            let input = fs::read(&file).unwrap();
            (file, input)
        };
        files.into_iter().map(read).collect()
    }

    #[test]
    #[ignore = "wants CORPUS, the directory of what a fuzzer has found"]
    fn what_a_fuzzer_has_found_is_taken_well() {
        let corpus = corpus();
        let kept = fs::read_dir(&corpus).unwrap();
        let mut kept: Vec<_> = kept.map(|it| it.unwrap().file_name()).collect();
        kept.sort();
        assert_eq!(kept, TARGETS.map(|(target, _)| target));
        for (target, run) in TARGETS {
            for (file, input) in inputs(&corpus.join(target)) {
                // Seen only where it fails.
                println!("{}", file.display());
                run(&input);
            }
        }
    }

    /// All of the targets share FUZZ_SECONDS. Coverage guides nobody here: that takes
    /// `make fuzz-chassis`, and what is found there is in the corpus from then on.
    #[test]
    #[ignore = "wants CORPUS, and FUZZ_SECONDS"]
    fn what_resembles_that_is_taken_well() {
        let seconds = env::var("FUZZ_SECONDS").expect("FUZZ_SECONDS=60");
        let seconds = Duration::from_secs(seconds.parse().unwrap());
        let each = seconds / u32::try_from(TARGETS.len()).unwrap();
        let seed = match env::var("FUZZ_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs(),
        };
        for (target, run) in TARGETS {
            let directory = corpus().join(target);
            let kept = inputs(&directory).into_iter();
            let inputs: Vec<_> = kept.map(|(_, input)| input).collect();
            let mut mutation = Mutation::new(seed);
            let (end, mut runs) = (Instant::now() + each, 0);
            while Instant::now() < end {
                let input = mutation.of(&inputs);
                runs += 1;
                if catch_unwind(AssertUnwindSafe(|| run(&input))).is_err() {
                    let path = directory.join(format!("found-{seed}-{runs}"));
                    fs::write(&path, input).unwrap();
                    panic!("{target} fails: its input is {} now", path.display());
                }
            }
            println!("{target}: {runs} inputs, FUZZ_SEED={seed}");
        }
    }

    #[test]
    fn anything_that_is_short_is_taken_well() {
        for (target, run) in TARGETS {
            println!("{target}");
            run(b"");
            for byte in 0..=u8::MAX {
                run(&[byte]);
            }
        }
    }
}
