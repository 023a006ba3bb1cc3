//! Values of flags. Each number and each time has a range, which the flag's help tells in
//! brackets; what lies outside is refused before anything starts.

use std::{fmt::Display, net::IpAddr, str::FromStr, time::Duration};

use humantime::{format_duration, parse_duration};

/// As long as anything may take; longer times are refused by flags, and cut to this where a
/// setting has them. No clock overflows by it. 365.25 days, as humantime has it.
pub(crate) const YEAR: Duration = Duration::from_hours(8766);

pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const HOUR: Duration = Duration::from_hours(1);
pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// Connections, RPCs, attempts: more than any machine has.
pub(crate) const MILLION: u32 = 1_000_000;

/// Reads a number from `least` to `most`.
pub(crate) fn number<T>(
    least: T,
    most: T,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync
where
    T: FromStr + PartialOrd + Display + Copy + Send + Sync,
{
    move |text| {
        let number = text.parse().ok();
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("it has to be a number from {least} to {most}"))
    }
}

/// Reads a number of bytes from `least` to `most`, such as `64M`: K, M and G, or Ki, Mi and Gi as
/// Kubernetes writes them, are 2^10, 2^20 and 2^30.
pub(crate) fn bytes(
    least: u64,
    most: u64,
) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync {
    move |text| {
        let unit = text.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let number: Option<u64> = text[..text.len() - unit.len()].parse().ok();
        let shift = match unit {
            "" => Some(0),
            "K" | "Ki" => Some(10),
            "M" | "Mi" => Some(20),
            "G" | "Gi" => Some(30),
            _ => None,
        };
        let bytes = number.zip(shift);
        let bytes = bytes.and_then(|(number, shift)| number.checked_mul(1 << shift));
        bytes
            .filter(|bytes| (least..=most).contains(bytes))
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| {
                let [least, most] = [least, most].map(with_unit);
                format!(
                    "it has to be a number of bytes from {least} to {most}, such as 64M or 64Mi"
                )
            })
    }
}

fn with_unit(bytes: u64) -> String {
    match bytes.trailing_zeros() {
        30.. => format!("{}G", bytes >> 30),
        20.. => format!("{}M", bytes >> 20),
        10.. => format!("{}K", bytes >> 10),
        _ => bytes.to_string(),
    }
}

/// Reads a time from `least` to `most`, such as `30s`.
pub(crate) fn time(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync {
    move |text| {
        let time = parse_duration(text).ok();
        time.filter(|time| (least..=most).contains(time))
            .ok_or_else(|| {
                let [least, most] = [least, most].map(format_duration);
                format!("it has to be a time from {least} to {most}, such as 30s or 5m")
            })
    }
}

/// The same, or zero, which stands for never.
pub(crate) fn time_or_never(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync {
    move |text| match parse_duration(text) {
        Ok(Duration::ZERO) => Ok(Duration::ZERO),
        _ => time(least, most)(text).map_err(|error| format!("{error}, or 0s")),
    }
}

/// Reads an IP address; one of IPv6 may stand in brackets, as in front of a port.
pub(crate) fn ip(text: &str) -> Result<IpAddr, String> {
    let (address, zone) = match unbracketed(text).split_once('%') {
        Some((address, _)) => (address, true),
        None => (unbracketed(text), false),
    };
    match address.parse() {
        Ok(IpAddr::V6(address)) if zone || address.is_unicast_link_local() => {
            Err("a link-local address is that of one interface, and can't be listened on".into())
        }
        Ok(address) if !zone => Ok(address),
        _ => Err("it has to be an IP address, such as 127.0.0.1 or ::1".into()),
    }
}

/// Reads the permissions of a file, such as `660`.
pub(crate) fn mode(text: &str) -> Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok();
    mode.filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "it has to be an octal number from 0 to 777, such as 660".into())
}

/// A host as it is looked up: an IPv6 address without the brackets that it has in a URL.
pub(crate) fn unbracketed(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.filter(|inner| inner.contains(':')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal() {
        assert_eq!(
            (mode("660"), mode("0600"), mode("0")),
            (Ok(0o660), Ok(0o600), Ok(0))
        );
        for text in ["", "668", "1777", "-1", "rw"] {
            assert!(mode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_has_a_range() {
        let number = number(1_usize, 7);
        assert_eq!(number("1"), Ok(1));
        assert_eq!(number("7"), Ok(7));
        for outside in ["0", "8", "-1", "x", "", "99999999999999999999999"] {
            let error = number(outside).unwrap_err();
            assert_eq!(error, "it has to be a number from 1 to 7");
        }
    }

    #[test]
    fn bytes_have_a_unit_and_a_range() {
        let bytes = bytes(64 << 10, 1 << 40);
        for (text, number) in [
            ("65536", 1 << 16),
            ("3000K", 3000 << 10),
            ("64Ki", 1 << 16),
            ("64M", 64 << 20),
            ("64Mi", 64 << 20),
            ("1G", 1 << 30),
            ("1024Gi", 1 << 40),
        ] {
            assert_eq!(bytes(text), Ok(number), "{text}");
        }
        for outside in [
            "",
            "M",
            "-1",
            "+65536",
            "1T",
            "64m",
            "64MB",
            "64 M",
            "1.5G",
            "0",
            "65535",
            "1025G",
            "99999999999G",
            "99999999999999999999G",
            "６４M",
        ] {
            let error = bytes(outside).unwrap_err();
            assert_eq!(
                error,
                "it has to be a number of bytes from 64K to 1024G, such as 64M or 64Mi"
            );
        }
    }

    #[test]
    fn a_time_has_a_range() {
        let at_least = time(MILLISECOND, HOUR);
        assert_eq!(at_least("1ms"), Ok(MILLISECOND));
        assert_eq!(at_least("60m"), Ok(HOUR));
        for outside in ["0s", "999us", "3601s", "584000000000years", "soon", "1", ""] {
            let error = at_least(outside).unwrap_err();
            assert!(error.contains("from 1ms to 1h"), "{error}");
        }
        let or_never = time_or_never(MILLISECOND, HOUR);
        assert_eq!(or_never("0s"), Ok(Duration::ZERO));
        assert_eq!(or_never("1ms"), Ok(MILLISECOND));
        or_never("999us").unwrap_err();
    }

    #[test]
    fn only_an_ipv6_address_stands_in_brackets() {
        assert_eq!(unbracketed("[::1]"), "::1");
        for host in ["::1", "localhost", "[localhost]", "[::1", "[]"] {
            assert_eq!(unbracketed(host), host);
        }
        assert_eq!(ip("[::1]"), ip("::1"));
        ip("[127.0.0.1]").unwrap_err();
        ip("localhost").unwrap_err();
        ip("127.0.0.1%1").unwrap_err();
        for text in ["fe80::1", "[fe80::1]", "fe80::1%eth0"] {
            assert!(ip(text).unwrap_err().starts_with("a link-local"), "{text}");
        }
    }
}
