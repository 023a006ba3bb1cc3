//! The ids of a request: `x-request-id`, and W3C Trace Context `traceparent` and
//! `tracestate`. What the caller sent is taken over.

use std::{mem, sync::LazyLock};

use hyper::{HeaderMap, body::Bytes, header::HeaderValue};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};
use tracing::Span;

use super::traces;
use crate::context::{
    REQUEST_ID, TRACEPARENT, TRACESTATE, Trace,
    trace::id,
    traceparent::{next_hop, parse},
};

/// Longer request ids are not taken over. 128: room for two UUIDs and a name.
const MAX_REQUEST_ID: usize = 128;

/// What `headers` say that their RPC is a part of. Its trace goes on in `span`,
/// where there is one. And whether they say anything at all.
pub(crate) fn of(headers: &HeaderMap, span: Option<Span>) -> (Trace, bool) {
    let (mut request_id, mut caller) = (None, None);
    // To look at each of them costs less than to look both up by their names.
    for (name, value) in headers {
        match name.as_str() {
            REQUEST_ID => _ = request_id.get_or_insert(value.as_bytes()),
            TRACEPARENT => _ = caller.get_or_insert(value.as_bytes()),
            _ => {}
        }
    }
    let sent = request_id.is_some() || caller.is_some();
    let caller = caller.and_then(parse);
    let of_span = span.as_ref().and_then(traces::traceparent);
    let traceparent = of_span.or_else(|| caller.is_some().then(|| next_hop(caller)));
    let request_id = request_id.filter(|id| is_request_id(id));
    let mut trace = Trace::of(
        request_id.map(|it| id(Bytes::copy_from_slice(it))),
        traceparent.map(|it| id(Bytes::from_owner(it))),
    );
    // Without its traceparent it says nothing.
    trace.tracestate = caller.and_then(|_| tracestate(headers));
    trace.span = span;
    (trace, sent)
}

/// Adds the ids of `trace` to the headers or trailers of a response.
pub(crate) fn tell(trace: &Trace, headers: &mut HeaderMap) {
    static KEYS: LazyLock<[AsciiMetadataKey; 2]> =
        LazyLock::new(|| [REQUEST_ID, TRACEPARENT].map(AsciiMetadataKey::from_static));
    let mut metadata = MetadataMap::from_headers(mem::take(headers));
    for (key, id) in KEYS.iter().zip([trace.request_id(), trace.traceparent()]) {
        metadata.insert(key, id.clone());
    }
    *headers = metadata.into_headers();
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

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn ids(headers: &[(&'static str, &str)]) -> (String, String) {
        let headers = headers.iter().map(|(name, value)| {
            let name = hyper::header::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        let (trace, _) = of(&headers.collect(), None);
        let text = |id: &AsciiMetadataValue| id.to_str().unwrap().to_owned();
        (text(trace.request_id()), text(trace.traceparent()))
    }

    #[test]
    fn without_headers_one_new_id_serves_for_both() {
        let (request_id, traceparent) = ids(&[]);
        assert_eq!(request_id, traceparent[3..35]);
        assert!(parse(traceparent.as_bytes()).is_some());
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
                of(&headers, None).0.tracestate,
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
}
