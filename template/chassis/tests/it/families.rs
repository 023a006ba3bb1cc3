//! IPv6 and IPv4: a service listens on both unless it is told where.

use std::net::TcpListener;

use chassis::testing::Child;

use crate::{
    scripted::ABOUT,
    support::{echo, http::get, program},
};

/// Whether this machine has IPv6, which some containers have not.
fn has_ipv6() -> bool {
    let bound = TcpListener::bind("[::1]:0");
    if let Err(reason) = &bound {
        eprintln!("skipped in part, for want of IPv6: {reason}");
    }
    bound.is_ok()
}

/// Starts the program with `flags`, and no address but these tell.
fn running(flags: &[&str]) -> Child {
    let mut command = program();
    command.env_remove(ABOUT.variable("ip"));
    let mut service = Child::spawn(command.args(flags).args(["--admin-port", "0"]));
    service.wait_for("Running");
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn both_families_are_served_unless_a_flag_says_otherwise() {
    let mut service = running(&["--loglevel", "0"]);
    let port = service.port();
    let admin = service.admin();
    let (all, admin_port) = admin.rsplit_once(':').unwrap();
    assert_eq!(all, if has_ipv6() { "[::]" } else { "0.0.0.0" });
    service.wait_for(&format!("Listening on {all}:{port} "));
    let ips = if has_ipv6() {
        &["127.0.0.1", "[::1]"][..]
    } else {
        &["127.0.0.1"]
    };
    for ip in ips {
        let answer = echo(&format!("{ip}:{port}"), "same").await;
        assert_eq!(answer.unwrap(), "same");
        // A peer is told by the address that it has.
        let line = service.wait_for(&format!("peer={ip}:"));
        assert!(!line.contains("ffff"), "{line}");
        let ready = get(&format!("{ip}:{admin_port}"), "/readyz").await;
        assert_eq!(ready.status, 200);
    }

    let mut healthcheck = program();
    healthcheck.env_remove(ABOUT.variable("ip"));
    healthcheck.args(["--healthcheck", "--admin-port", admin_port]);
    assert!(healthcheck.status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_narrows_it() {
    for (ip, shown, other) in [
        ("127.0.0.1", "127.0.0.1", "[::1]"),
        ("0.0.0.0", "0.0.0.0", "[::1]"),
        ("::1", "[::1]", "127.0.0.1"),
        ("[::1]", "[::1]", "127.0.0.1"),
    ] {
        if shown == "[::1]" && !has_ipv6() {
            continue;
        }
        let mut service = running(&["--ip", ip]);
        let port = service.port();
        service.wait_for(&format!("Listening on {shown}:{port} "));
        let admin = service.admin();
        assert!(admin.starts_with(&format!("{shown}:")), "{admin}");
        let answer = echo(&format!("{shown}:{port}"), "same").await;
        assert_eq!(answer.unwrap(), "same");
        let refused = tokio::net::TcpStream::connect(format!("{other}:{port}")).await;
        assert!(refused.is_err(), "{ip} and {other}");
    }
}
