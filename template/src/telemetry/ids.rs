//! The ids of a request: `x-request-id`, and W3C Trace Context `traceparent` and
//! `tracestate`. What the caller sent is taken over, what it did not is made.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hyper::{HeaderMap, body::Bytes, header::HeaderValue};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tracing::Span;

use super::traces;
use crate::context::{REQUEST_ID, TRACEPARENT, TRACESTATE, Trace};

/// Longer request ids are not taken over. 128: room for two UUIDs and a name.
const MAX_REQUEST_ID: usize = 128;

/// `version "-" trace-id "-" parent-id "-" trace-flags`
const TRACEPARENT_LEN: usize = 55;

pub(super) type Traceparent = [u8; TRACEPARENT_LEN];

/// What `headers` say that their RPC is a part of. Its trace goes on in `span`,
/// where there is one. Where they say nothing of a request id it is the trace
/// id, so that one id finds everything.
pub(crate) fn of(headers: &HeaderMap, span: Option<Span>) -> Trace {
    let (mut request_id, mut caller) = (None, None);
    // To look at each of them costs less than to look both up by their names.
    for (name, value) in headers {
        match name.as_str() {
            REQUEST_ID => _ = request_id.get_or_insert(value.as_bytes()),
            TRACEPARENT => _ = caller.get_or_insert(value.as_bytes()),
            _ => {}
        }
    }
    let caller = caller.and_then(parse_traceparent);
    let traceparent = span
        .as_ref()
        .and_then(traces::traceparent)
        .unwrap_or_else(|| next_hop(caller));
    let traceparent = Bytes::from_owner(traceparent);
    let request_id = match request_id {
        Some(id) if is_request_id(id) => Bytes::copy_from_slice(id),
        _ => traceparent.slice(3..35),
    };
    let ascii = |id: Bytes| {
        let mut id: AsciiMetadataValue = id.try_into().expect("all of it is visible ASCII");
        // No other RPC has it: no table of headers, here or at a peer, has a use for it.
        id.set_sensitive(true);
        id
    };
    Trace {
        request_id: ascii(request_id),
        traceparent: ascii(traceparent),
        // Without its traceparent it says nothing.
        tracestate: caller.and_then(|_| tracestate(headers)),
        span,
    }
}

/// Adds the ids of `trace` to the headers of a response.
pub(crate) fn tell(trace: &Trace, headers: HeaderMap) -> HeaderMap {
    static KEYS: LazyLock<[AsciiMetadataKey; 2]> =
        LazyLock::new(|| [REQUEST_ID, TRACEPARENT].map(AsciiMetadataKey::from_static));
    let mut metadata = MetadataMap::from_headers(headers);
    for (key, id) in KEYS.iter().zip([&trace.request_id, &trace.traceparent]) {
        metadata.insert(key, id.clone());
    }
    metadata.into_headers()
}

/// The trace id within a `traceparent` that this module made.
pub(crate) fn trace_id(traceparent: &AsciiMetadataValue) -> Option<&str> {
    traceparent.to_str().ok()?.get(3..35)
}

/// Passed on as it is: this hop has nothing to add.
fn tracestate(headers: &HeaderMap) -> Option<AsciiMetadataValue> {
    let lists = headers.get_all(TRACESTATE).iter();
    let lists: Vec<_> = lists.map(HeaderValue::as_bytes).collect();
    // Several of them are one list in parts (RFC 9110, section 5.3).
    let list = Bytes::from(lists.join(&b','));
    if list.is_empty() {
        return None;
    }
    list.try_into().ok()
}

fn is_request_id(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.iter().all(u8::is_ascii_graphic)
}

/// What has to be kept of a caller's `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Parent<'a> {
    trace_id: &'a [u8],
    sampled: bool,
}

/// <https://www.w3.org/TR/trace-context/#traceparent-header-field-values>
fn parse_traceparent(value: &[u8]) -> Option<Parent<'_>> {
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
fn next_hop(caller: Option<Parent<'_>>) -> Traceparent {
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

    fn ids(headers: &[(&'static str, &str)]) -> (String, String) {
        let headers = headers.iter().map(|(name, value)| {
            let name = hyper::header::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        let trace = of(&headers.collect(), None);
        let text = |id: AsciiMetadataValue| id.to_str().unwrap().to_owned();
        (text(trace.request_id), text(trace.traceparent))
    }

    #[test]
    fn without_headers_one_new_id_serves_for_both() {
        let (request_id, traceparent) = ids(&[]);
        assert_eq!(request_id, traceparent[3..35]);
        assert!(parse_traceparent(traceparent.as_bytes()).is_some());
        assert_ne!(ids(&[]).0, request_id);
    }

    #[test]
    fn the_trace_goes_on_in_a_new_span() {
        let caller = format!("00-{TRACE_ID}-00f067aa0ba902b7-00");
        let (request_id, traceparent) = ids(&[(TRACEPARENT, &caller)]);
        assert_eq!(request_id, TRACE_ID);
        assert_eq!(traceparent[..36], caller[..36]);
        assert_ne!(traceparent[36..52], caller[36..52]);
        assert_eq!(traceparent[52..], caller[52..]);
    }

    #[test]
    fn a_tracestate_goes_with_its_traceparent() {
        let trace = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
        let cases: [(_, &[&str], _); 4] = [
            (&*trace, &["a=1,b=2"], Some("a=1,b=2")),
            (&trace, &["a=1", "b=2"], Some("a=1,b=2")),
            (&trace, &[], None),
            ("nonsense", &["a=1"], None),
        ];
        for (traceparent, lists, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, traceparent.parse().unwrap());
            for list in lists {
                headers.append(TRACESTATE, list.parse().unwrap());
            }
            let expected = expected.map(|list| list.parse().unwrap());
            assert_eq!(
                of(&headers, None).tracestate,
                expected,
                "{traceparent} {lists:?}"
            );
        }
    }

    #[test]
    fn a_request_id_is_taken_over_if_it_is_short_and_visible() {
        let longest = "x".repeat(MAX_REQUEST_ID);
        for id in ["a", "{7}!", &longest] {
            assert_eq!(ids(&[(REQUEST_ID, id)]).0, id);
        }
        let too_long = "x".repeat(MAX_REQUEST_ID + 1);
        for id in ["", "a b", "ü", &too_long] {
            assert_eq!(ids(&[(REQUEST_ID, id)]).0.len(), 32, "{id:?}");
        }
    }

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
            assert_eq!(
                parse_traceparent(value.as_bytes()),
                Some(expected),
                "{case}"
            );
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
            assert_eq!(parse_traceparent(value.as_bytes()), None, "{case}");
        }
        let zero = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        assert_eq!(parse_traceparent(zero.as_bytes()), None);
    }
}
