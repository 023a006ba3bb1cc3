//! Who calls, by client certificates, and what they may.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use chassis::{Caller, server::Settings, tls};
use rcgen::SanType;
use tonic::{Code, Request, Status, service::InterceptorLayer, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    scripted,
    support::{
        InProcess, Stub, UNARY, certificates::Certificates, connect, echoing, http::metric,
        request, running, start,
    },
};

const ORDERS: &str = "spiffe://example.org/orders";
const STOCK: &str = "spiffe://example.org/stock";
const DENIED: &str = r#"grpc_server_denied_total{reason="not_allowed"}"#;

/// A CA that has vouched for two callers.
fn certificates() -> Certificates {
    let certificates = Certificates::new();
    for (name, id) in [("orders", ORDERS), ("stock", STOCK)] {
        let dns = format!("{name}.example.org");
        let names = [
            SanType::URI(id.try_into().unwrap()),
            SanType::DnsName(dns.try_into().unwrap()),
        ];
        certificates.issue_to(name, names);
    }
    certificates
}

async fn check_health(channel: Channel) -> Result<(), Status> {
    let mut client = HealthClient::new(channel);
    client.check(HealthCheckRequest::default()).await.map(drop)
}

#[tokio::test]
async fn who_is_not_named_is_denied_counted_and_logged() {
    let certificates = certificates();
    let ca = certificates.arg("ca.pem");
    let flags = ["--cafile", &ca, "--allow", ORDERS, "--admin-port", "0"];
    let mut service = certificates.service(&flags);
    let (address, admin) = (service.address(), service.admin());
    certificates.echo(&address, Some("orders")).await.unwrap();
    assert_eq!(metric(&admin, DENIED).await, Some(0.0));

    // From the right CA, with the wrong name.
    let denied = certificates.echo(&address, Some("stock")).await;
    let denied = denied.unwrap_err();
    assert_eq!(
        (denied.code(), denied.message()),
        (
            Code::PermissionDenied,
            "the caller may not call this method"
        )
    );
    assert_eq!(metric(&admin, DENIED).await, Some(1.0));
    let line = service.wait_for("Call denied");
    for part in ["WARN", UNARY, "peer=127.0.0.1", STOCK] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let channel = certificates.channel(&address, Some("stock")).await;
    check_health(channel.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_flood_of_denied_calls_is_not_one_of_lines() {
    let mut service = running(&["--allow", ORDERS, "--drain-timeout", "0s"]);
    let mut stub = Stub::new(connect(&service.address()).await);
    for _ in 0..50 {
        let denied = stub.unary(request("reply")).await.unwrap_err();
        assert_eq!(denied.code(), Code::PermissionDenied);
    }
    service.signal("INT");
    service.wait_for("40 more like this");
    let (_, log) = service.wait();
    let lines = log.iter().filter(|line| line.contains("Call denied"));
    assert_eq!(lines.count(), 10, "{log:#?}");
}

#[tokio::test]
async fn each_method_may_have_callers_of_its_own() {
    let certificates = certificates();
    let ca = certificates.arg("ca.pem");
    // By two kinds of names, and in one flag.
    let rules = format!(
        "{UNARY}=dns:orders.example.org;{UNARY}Other=*;/test.v1.Scripted/ServerStream=subject:CN=stock"
    );
    let mut service = certificates.service(&["--cafile", &ca, "--allow", &rules]);
    service.wait_for(&format!("names {UNARY}Other, which is not served here"));
    let address = service.address();
    for (name, [unary, stream]) in [("orders", [true, false]), ("stock", [false, true])] {
        let channel = certificates.channel(&address, Some(name)).await.unwrap();
        let mut stub = Stub::new(channel);
        let called = stub.unary(request("reply")).await;
        assert_eq!(called.is_ok(), unary, "{name}: {called:?}");
        let called = stub.server_stream(request("reply")).await;
        assert_eq!(called.is_ok(), stream, "{name}: {called:?}");
    }
}

#[tokio::test]
async fn the_file_of_rules_is_read_again_and_what_is_broken_changes_nothing() {
    let certificates = certificates();
    let [ca, rules] = ["ca.pem", "rules"].map(|file| certificates.arg(file));
    // As a whole, lest half of it is read.
    let write = |text: String| {
        let new = certificates.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, &rules).unwrap();
    };
    write(format!("# who may call\n{ORDERS}\n"));
    let flags = [
        ["--cafile", &ca],
        ["--allow-file", &rules],
        ["--tls-reload-interval", "10ms"],
    ];
    let mut service = certificates.service(&flags.concat());
    let address = service.address();
    // On a connection that was there before.
    let channel = certificates.channel(&address, Some("stock")).await;
    let mut stock = Stub::new(channel.unwrap());
    let denied = stock.unary(echoing("x")).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);

    write(format!("{ORDERS}\nstock\n"));
    let line = service.wait_for("Can't reload the file of --allow-file");
    assert!(line.contains(r#"line 2: "stock": it has to be"#), "{line}");
    stock.unary(echoing("x")).await.unwrap_err();
    certificates.echo(&address, Some("orders")).await.unwrap();

    write(format!("{STOCK}\n"));
    service.wait_for("Reloaded the file of --allow-file");
    stock.unary(echoing("x")).await.unwrap();
    certificates
        .echo(&address, Some("orders"))
        .await
        .unwrap_err();
}

#[tokio::test]
async fn handlers_and_the_log_see_who_calls() {
    let certificates = certificates();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let settings = Settings {
        tls: tls::Settings {
            enabled: true,
            certfile: Some(certificates.path("server.pem")),
            privkeyfile: Some(certificates.path("server.key")),
            cafile: Some(certificates.path("ca.pem")),
            ..tls::Settings::default()
        },
        ..InProcess::settings(&[])
    };
    let note = seen.clone();
    let server = InProcess::serving(settings, "scripted", |scripted| {
        scripted::rpcs(scripted).layer(InterceptorLayer::new(move |request: Request<()>| {
            note.lock().unwrap().push(Caller::current());
            Ok(request)
        }))
    });
    let server = server.await;
    let address = server.address.to_string();
    certificates.echo(&address, Some("orders")).await.unwrap();
    let caller = seen.lock().unwrap().pop().flatten().unwrap();
    let names: Vec<_> = caller.names().collect();
    assert_eq!(
        names,
        [ORDERS, "dns:orders.example.org", "subject:CN=orders"]
    );

    let ca = certificates.arg("ca.pem");
    let mut service = certificates.service(&["--cafile", &ca, "--loglevel", "0"]);
    let address = service.address();
    certificates.echo(&address, Some("stock")).await.unwrap();
    let line = service.wait_for("RPC method=/test.v1.Scripted/Unary");
    assert!(line.contains(&format!(r#"caller="{STOCK}""#)), "{line}");
}

#[test]
fn rules_that_are_none_are_refused_before_anything_starts() {
    let (exit, log) = start(&["--allow", "orders"]).wait();
    assert_eq!(exit.code(), Some(2));
    assert!(log[0].contains("'orders' for '--allow <RULE>'"), "{log:?}");

    let certificates = Certificates::new();
    let rules = certificates.arg("rules");
    for (text, problem) in [
        (None, "No such file"),
        (Some("dns:a\norders\n"), r#"rules line 2: "orders""#),
    ] {
        if let Some(text) = text {
            fs::write(&rules, text).unwrap();
        }
        for more in [&[][..], &["--dry-run"]] {
            let flags = [&["--allow-file", &rules, "--loglevel", "4"], more].concat();
            let (exit, log) = start(&flags).wait();
            assert_eq!(exit.code(), Some(1), "{text:?}");
            assert!(log[0].contains(problem), "{log:?}");
        }
    }
}
