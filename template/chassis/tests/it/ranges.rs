//! Numbers and times have ranges: the help tells them, the parser keeps to them, and what lies
//! within them works.

use chassis::cli::{self, Flags as ChassisFlags, Prefix, Target, Upstream};
use clap::Args;

use crate::{
    scripted::ABOUT,
    support::{InProcess, echo, program, running, start},
};

#[derive(Clone, Debug)]
struct Client;

impl Prefix for Client {
    const PREFIX: &'static str = "client";
    const PORT: u16 = 42400;
}

#[derive(Args, Debug)]
struct Flags {
    #[command(flatten)]
    chassis: ChassisFlags,
    #[command(flatten)]
    client: Upstream<Client>,
}

/// A flag that takes a number or a time, as the help tells of it.
#[derive(Debug)]
struct Ranged {
    flag: String,
    is_time: bool,
    least: String,
    most: String,
}

/// All of them, but those of the second upstream, which are the same again.
fn ranged() -> Vec<Ranged> {
    let help = program().arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let flags = help.lines().filter(|line| {
        let names = ["<PORT>", "<N>", "<TIME>"];
        names.iter().any(|name| line.contains(name)) && !line.contains("--echo-")
    });
    flags
        .map(|line| {
            let (_, rest) = line.split_once("--").unwrap();
            let (flag, help) = rest.split_once(" <").unwrap();
            let range = help.split('[').find_map(|part| {
                let (least, most) = part.split_once(']')?.0.split_once(" to ")?;
                Some((least.to_owned(), most.to_owned()))
            });
            let (least, most) = range.unwrap_or_else(|| panic!("no range: {line}"));
            Ranged {
                flag: format!("--{flag}"),
                is_time: help.starts_with("TIME"),
                least,
                most,
            }
        })
        .collect()
}

fn is_taken(flag: &str, value: &str) -> bool {
    let flag = format!("{flag}={value}");
    cli::parse_from::<Flags>(&ABOUT, ["test", &flag]).is_ok()
}

#[test]
fn the_help_tells_the_range_that_the_parser_keeps_to() {
    let all = ranged();
    assert!(all.len() >= 15, "{all:#?}");
    for Ranged {
        flag,
        is_time,
        least,
        most,
    } in all
    {
        for within in [&least, &most] {
            assert!(is_taken(&flag, within), "{flag} {within}");
        }
        let outside: &[&str] = if is_time {
            // The second is one more nanosecond than the longest time that there is.
            &["-1s", "584000000000years", "18446744073709551616s", "1"]
        } else {
            &["-1", "9999999999999999999", "99999999999999999999999", "x"]
        };
        for value in outside {
            assert!(!is_taken(&flag, value), "{flag} {value}");
        }
        let beyond = if is_time {
            format!("{most} 1ns")
        } else {
            (most.parse::<u64>().unwrap() + 1).to_string()
        };
        assert!(!is_taken(&flag, &beyond), "{flag} {beyond}");
        if !["0", "0s"].contains(&&*least) {
            let below = if is_time { "1ns" } else { "0" };
            assert!(!is_taken(&flag, below), "{flag} {below}");
        }
    }
}

#[test]
fn a_value_outside_is_one_sentence_with_the_range() {
    for (flag, value, sentence) in [
        (
            "--max-requests",
            "9999999999999999999",
            "invalid value '9999999999999999999' for '--max-requests <N>': \
             it has to be a number from 1 to 1000000 (see --help)",
        ),
        (
            "--request-timeout",
            "584000000000years",
            "invalid value '584000000000years' for '--request-timeout <TIME>': \
             it has to be a time from 1ms to 1day, such as 30s or 5m (see --help)",
        ),
        (
            "--tls-reload-interval",
            "1ns",
            "invalid value '1ns' for '--tls-reload-interval <TIME>': \
             it has to be a time from 10ms to 1day, such as 30s or 5m, or 0s (see --help)",
        ),
        (
            "--client-timeout",
            "0s",
            "invalid value '0s' for '--client-timeout <TIME>': \
             it has to be a time from 1ms to 1day, such as 30s or 5m (see --help)",
        ),
    ] {
        let (exit, log) = start(&[flag, value]).wait();
        assert_eq!(exit.code(), Some(2));
        assert_eq!(log, [format!("{}: {sentence}", ABOUT.name)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_values_work() {
    let upstream = InProcess::start(&[]).await;
    let port = upstream.address.port().to_string();
    let mut flags = vec!["--client-ip".into(), "127.0.0.1".into()];
    for Ranged { flag, most, .. } in ranged() {
        flags.push(flag.clone());
        flags.push(match &*flag {
            "--client-port" => port.clone(),
            // Free ones; and a log that can be waited for.
            "--port" | "--admin-port" => "0".into(),
            "--loglevel" => "1".into(),
            _ => most,
        });
    }
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let service = running(&flags);
    assert_eq!(echo(&service.address(), "far").await.unwrap(), "far");
}

#[test]
fn a_misspelt_flag_is_told_what_it_may_be() {
    for (flag, sentence) in [
        (
            "--prot",
            "unexpected argument '--prot' found; is it --port? (see --help)",
        ),
        (
            "--client-timeuot=1s",
            "unexpected argument '--client-timeuot' found; is it --client-timeout? (see --help)",
        ),
        (
            "--frobnicate",
            "unexpected argument '--frobnicate' found (see --help)",
        ),
    ] {
        let (exit, log) = start(&[flag]).wait();
        assert_eq!(exit.code(), Some(2));
        assert_eq!(log, [format!("{}: {sentence}", ABOUT.name)]);
    }
}

#[test]
fn every_host_flag_takes_an_ipv6_address_in_brackets_and_without() {
    for ip in ["::1", "[::1]"] {
        assert!(is_taken("--ip", ip) && is_taken("--admin-ip", ip));
        let target = cli::parse_from::<Target>(&ABOUT, ["demo", "--ip", ip, "--port", "7"]);
        let target: chassis::channel::Settings = target.unwrap().into();
        assert_eq!((&*target.host, &*target.address()), ("::1", "[::1]:7"));
        let flags = cli::parse_from::<Flags>(&ABOUT, ["test", "--client-ip", ip]).unwrap();
        assert_eq!(flags.client.settings().unwrap().address(), "[::1]:42400");
    }
    for none in ["localhost", "[127.0.0.1]", "[::1", "[]", ""] {
        assert!(!is_taken("--ip", none), "{none}");
    }
}

#[test]
fn what_is_negative_is_told_the_range() {
    for (flag, value) in [
        ("--max-requests", "-1"),
        ("--port", "-1"),
        ("--request-timeout", "-1s"),
        ("--client-timeout", "-5m"),
    ] {
        let error = cli::parse_from::<Flags>(&ABOUT, ["test", flag, value]).unwrap_err();
        let said = format!("{error:?}");
        assert!(said.contains(&format!("'{value}'")), "{said}");
        assert!(said.contains("it has to be a"), "{said}");
    }
}
