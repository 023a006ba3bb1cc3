//! W3C Trace Context's `traceparent`: read, and continued by a new span.
//!
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tonic::metadata::AsciiMetadataValue;

/// `version "-" trace-id "-" parent-id "-" trace-flags`
const TRACEPARENT_LEN: usize = 55;

pub(crate) type Traceparent = [u8; TRACEPARENT_LEN];

/// The trace id within a `traceparent` that this module made.
pub(crate) fn trace_id(traceparent: &AsciiMetadataValue) -> Option<&str> {
    traceparent.to_str().ok()?.get(3..35)
}

/// What has to be kept of a caller's `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parent<'a> {
    trace_id: &'a [u8],
    sampled: bool,
}

/// <https://www.w3.org/TR/trace-context/#traceparent-header-field-values>
pub(crate) fn parse(value: &[u8]) -> Option<Parent<'_>> {
    let (known, rest) = value.split_at_checked(TRACEPARENT_LEN)?;
    let [version, trace_id, span_id, flags] = [0..2, 3..35, 36..52, 53..55].map(|at| &known[at]);
    let is_hex = |part: &[u8]| {
        part.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    let valid = [2, 35, 52].iter().all(|at| known[*at] == b'-')
        && [version, trace_id, span_id, flags].into_iter().all(is_hex)
        && version != b"ff"
        && !is_zero(trace_id)
        && !is_zero(span_id)
        // Versions to come may add fields, but not change these.
        && (rest.is_empty() || (version != b"00" && rest[0] == b'-'));
    valid.then(|| Parent {
        trace_id,
        sampled: matches!(
            flags[1],
            b'1' | b'3' | b'5' | b'7' | b'9' | b'b' | b'd' | b'f'
        ),
    })
}

/// The `traceparent` of this hop: a new span in the caller's trace, or in a new
/// one. Whether to record a new trace is left to those who export it.
pub(crate) fn next_hop(caller: Option<Parent<'_>>) -> Traceparent {
    let mut value = *b"00-00000000000000000000000000000000-0000000000000000-01";
    if let Some(Parent { trace_id, sampled }) = caller {
        value[3..35].copy_from_slice(trace_id);
        value[54] = if sampled { b'1' } else { b'0' };
    } else {
        value[3..19].copy_from_slice(&random_hex());
        value[19..35].copy_from_slice(&random_hex());
    }
    value[36..52].copy_from_slice(&random_hex());
    value
}

/// SipHash of a counter, keyed by the system's randomness: no two processes
/// agree, and no system call is made. All zeros, which the specification
/// forbids, would be less likely than a lightning strike.
fn random_hex() -> [u8; 16] {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let random: u64 = KEY.hash_one(COUNTER.fetch_add(1, Relaxed));
    let mut hex = [0; 16];
    for (digits, byte) in hex.chunks_exact_mut(2).zip(random.to_be_bytes()) {
        digits.copy_from_slice(&HEX[usize::from(byte)]);
    }
    hex
}

/// The two digits of each byte.
static HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        hex[byte] = [DIGITS[byte >> 4], DIGITS[byte & 0xf]];
        byte += 1;
    }
    hex
};

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a_traceparent_is_read_as_its_grammar_has_it() {
        let good = [
            ("", "00-", "-00f067aa0ba902b7-01"),
            ("unknown flags", "00-", "-00f067aa0ba902b7-ff"),
            ("a later version", "01-", "-00f067aa0ba902b7-01"),
            ("with more fields", "cc-", "-00f067aa0ba902b7-01-what"),
        ];
        for (case, before, after) in good {
            let value = format!("{before}{TRACE_ID}{after}");
            let expected = Parent {
                trace_id: TRACE_ID.as_bytes(),
                sampled: true,
            };
            assert_eq!(parse(value.as_bytes()), Some(expected), "{case}");
        }
        let bad = [
            ("too short", "00-", "-00f067aa0ba902b7-0"),
            ("too long", "00-", "-00f067aa0ba902b7-01-what"),
            ("trailing characters", "cc-", "-00f067aa0ba902b7-01.what"),
            ("forbidden version", "ff-", "-00f067aa0ba902b7-01"),
            ("upper case", "00-", "-00F067AA0BA902B7-01"),
            ("no hex", "0x-", "-00f067aa0ba902b7-01"),
            ("other separators", "00_", "-00f067aa0ba902b7-01"),
            ("a zero span", "00-", "-0000000000000000-01"),
        ];
        for (case, before, after) in bad {
            let value = format!("{before}{TRACE_ID}{after}");
            assert_eq!(parse(value.as_bytes()), None, "{case}");
        }
        let zero = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        assert_eq!(parse(zero.as_bytes()), None);
    }
}
