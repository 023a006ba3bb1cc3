//! How long a caller waits, as gRPC writes it.

use std::time::Duration;

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// The metadata that says so.
pub(crate) const GRPC_TIMEOUT: &str = "grpc-timeout";

/// The caller's `grpc-timeout`, if it is one.
pub(crate) fn of(headers: &HeaderMap) -> Option<Duration> {
    static NAME: HeaderName = HeaderName::from_static(GRPC_TIMEOUT);
    parse(headers.get(&NAME)?.as_bytes())
}

/// At most eight digits and a unit.
///
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
pub(crate) fn parse(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |n, digit: &u8| n * 10 + u64::from(digit - b'0');
    let n = digits.iter().fold(0, digit);
    match unit {
        b'H' => Some(Duration::from_secs(n * 60 * 60)),
        b'M' => Some(Duration::from_secs(n * 60)),
        b'S' => Some(Duration::from_secs(n)),
        b'm' => Some(Duration::from_millis(n)),
        b'u' => Some(Duration::from_micros(n)),
        b'n' => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// `left` as a `grpc-timeout`: in the smallest unit that takes eight digits.
pub(crate) fn header(left: Duration) -> HeaderValue {
    const MOST: u128 = 99_999_999;
    let seconds = left.as_secs();
    let (n, unit) = [
        (left.as_nanos(), 'n'),
        (left.as_micros(), 'u'),
        (left.as_millis(), 'm'),
        (seconds.into(), 'S'),
        (u128::from(seconds / 60), 'M'),
    ]
    .into_iter()
    .find(|(n, _)| *n <= MOST)
    .unwrap_or((u128::from(seconds / 60 / 60).min(MOST), 'H'));
    let value = format!("{n}{unit}").try_into();
    value.expect("digits and a letter are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for time in [
            Duration::ZERO,
            Duration::from_nanos(99_999_999),
            Duration::from_micros(100_001),
            Duration::from_secs(10),
            Duration::from_hours(2),
            Duration::from_hours(24 * 365 * 100),
        ] {
            let header = header(time);
            assert_eq!(parse(header.as_bytes()), Some(time), "{header:?}");
        }
        assert_eq!(header(Duration::MAX), "99999999H");
    }

    #[test]
    fn grpc_timeouts_are_read_as_the_protocol_defines_them() {
        let cases = [
            ("2H", Some(Duration::from_hours(2))),
            ("3M", Some(Duration::from_mins(3))),
            ("4S", Some(Duration::from_secs(4))),
            ("5m", Some(Duration::from_millis(5))),
            ("6u", Some(Duration::from_micros(6))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("", None),
            ("S", None),
            ("1", None),
            ("1x", None),
            ("-1S", None),
            ("+1S", None),
            ("123456789S", None),
            ("1é", None),
        ];
        for (value, expected) in cases {
            assert_eq!(parse(value.as_bytes()), expected, "{value:?}");
        }
    }
}
