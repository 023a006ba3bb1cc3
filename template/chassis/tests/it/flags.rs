//! The flags of upstreams: under any prefix, and of several in one program.

use std::time::Duration;

use chassis::{
    channel::Settings,
    cli::{self, Prefix, Target, Upstream},
};
use clap::Args;

use crate::{
    contract::common::v1::echo_client::EchoClient,
    scripted::ABOUT,
    support::{InProcess, connect, http::get, program, request, script, stub},
};

#[derive(Clone, Debug)]
struct Inventory;

impl Prefix for Inventory {
    const PREFIX: &'static str = "inventory";
    const PORT: u16 = 42400;
}

#[derive(Clone, Debug)]
struct CardPayments;

impl Prefix for CardPayments {
    const PREFIX: &'static str = "card-payments";
    const PORT: u16 = 42500;
}

#[derive(Args)]
struct Flags {
    #[command(flatten)]
    inventory: Upstream<Inventory>,
    #[command(flatten)]
    payments: Upstream<CardPayments>,
}

fn parsed(flags: &[&str]) -> [Option<Settings>; 2] {
    let arguments = ["shop"].iter().chain(flags);
    let flags: Flags = cli::parse_from(&ABOUT, arguments).unwrap();
    [flags.inventory.settings(), flags.payments.settings()]
}

#[test]
fn there_is_an_upstream_where_a_flag_names_it() {
    assert!(matches!(parsed(&[]), [None, None]));
    // How to reach it is no reason to.
    assert!(matches!(
        parsed(&["--inventory-timeout", "1s"]),
        [None, None]
    ));

    let [inventory, payments] = parsed(&["--card-payments-ip", "10.0.0.7"]);
    assert!(inventory.is_none());
    assert_eq!(payments.unwrap().address(), "10.0.0.7:42500");

    let [inventory, payments] = parsed(&["--inventory-port", "7", "--card-payments-port", "8"]);
    assert_eq!(inventory.unwrap().address(), "localhost:7");
    assert_eq!(payments.unwrap().address(), "localhost:8");
}

#[test]
fn a_token_is_shown_over_tls_only() {
    let flags = ["--inventory-port", "7", "--inventory-token-file", "token"];
    let arguments = ["shop"].iter().chain(&flags);
    assert!(cli::parse_from::<Flags>(&ABOUT, arguments).is_err());
    let tls = ["--inventory-usetls", "--inventory-cafile", "ca.pem"];
    let [inventory, _] = parsed(&[&flags[..], &tls].concat());
    assert_eq!(inventory.unwrap().token_file, Some("token".into()));
}

#[test]
fn each_upstream_has_settings_of_its_own() {
    let flags = [
        &["--inventory-ip", "::1", "--inventory-timeout", "1s"][..],
        &[
            "--inventory-attempts",
            "7",
            "--inventory-connect-timeout",
            "2s",
        ],
        &["--card-payments-port", "8"],
        &["--card-payments-usetls", "--card-payments-cafile", "ca.pem"],
    ];
    let [inventory, payments] = parsed(&flags.concat()).map(Option::unwrap);
    assert_eq!(inventory.address(), "[::1]:42400");
    assert_eq!(inventory.call_timeout, Duration::from_secs(1));
    assert_eq!(inventory.connect_timeout, Duration::from_secs(2));
    assert_eq!(inventory.attempts, 7);
    assert!(inventory.tls.is_none());

    let default = Settings::new("localhost", 8);
    assert_eq!(payments.call_timeout, default.call_timeout);
    assert_eq!(payments.connect_timeout, default.connect_timeout);
    assert_eq!(payments.attempts, default.attempts);
    assert!(payments.tls.unwrap().cafile.ends_with("ca.pem"));
}

#[test]
fn flags_of_one_upstream_are_no_help_to_the_other() {
    let incomplete: [&[&str]; 4] = [
        &["--inventory-port=1", "--inventory-usetls"],
        &[
            "--inventory-port=1",
            "--card-payments-usetls",
            "--card-payments-cafile=ca.pem",
        ],
        &[
            "--inventory-port=1",
            "--inventory-certfile=c.pem",
            "--card-payments-privkeyfile=k.pem",
        ],
        &["--inventory-port=0"],
    ];
    for flags in incomplete {
        let arguments = ["shop"].iter().chain(flags);
        assert!(
            cli::parse_from::<Flags>(&ABOUT, arguments).is_err(),
            "{flags:?}"
        );
    }
}

#[test]
fn a_client_program_calls_the_service_unless_it_is_told_otherwise() {
    let target = |flags: &[&str]| -> Settings {
        let arguments = ["demo"].iter().chain(flags);
        cli::parse_from::<Target>(&ABOUT, arguments).unwrap().into()
    };
    let address = format!("localhost:{}", ABOUT.port);
    assert_eq!(target(&[]).address(), address);
    assert_eq!(target(&["--ip", "::1", "-p", "7"]).address(), "[::1]:7");
    assert!(
        target(&["-t", "-a", "ca.pem"])
            .tls
            .unwrap()
            .identity
            .is_none()
    );
    let mutual = target(&["-t", "-a", "ca.pem", "-c", "c.pem", "-k", "k.pem"]);
    let (cert, key) = mutual.tls.unwrap().identity.unwrap();
    assert!(cert.ends_with("c.pem") && key.ends_with("k.pem"));
    for flags in [&["-t"][..], &["-a", "ca.pem"], &["-p", "0"]] {
        let arguments = ["demo"].iter().chain(flags);
        assert!(
            cli::parse_from::<Target>(&ABOUT, arguments).is_err(),
            "{flags:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_calls_two_services_of_two_contracts() {
    let any = ([127, 0, 0, 1], 0).into();
    let one = InProcess::named(any, "one").await;
    let rpcs = |scripted| {
        use crate::contract::{COMMON, common::v1::echo_server::EchoServer};
        chassis::server::Rpcs::new().with(COMMON, EchoServer::new(scripted))
    };
    let two = InProcess::serving(InProcess::settings(&[]), "two", rpcs).await;
    let ports = [&one, &two].map(|it| it.address.port().to_string());
    let mut command = program();
    command
        .args(["--admin-port", "0", "--client-port", &ports[0]])
        .env("SCRIPTED_CLIENT_IP", "127.0.0.1")
        .env("SCRIPTED_ECHO_SERVICE_IP", "127.0.0.1")
        .env("SCRIPTED_ECHO_SERVICE_PORT", &ports[1]);
    let mut service = chassis::testing::Child::spawn(&mut command);
    service.wait_for("Running");
    let address = service.address();

    let reply = stub(&address).await.unary(request("name")).await;
    assert_eq!(reply.unwrap().into_inner().payload, "one");
    let mut echo = EchoClient::new(connect(&address).await);
    let reply = echo.say(script("name")).await;
    assert_eq!(reply.unwrap().into_inner().payload, "two");

    let metrics = get(&service.admin(), "/metrics").await.body;
    for side in ["server", "client"] {
        for method in [
            "test.v1.Scripted\",grpc_method=\"Unary",
            "common.v1.Echo\",grpc_method=\"Say",
        ] {
            let ended = format!("grpc_{side}_handled_total{{grpc_service=\"{method}\"");
            let ended = metrics.lines().filter(|line| line.starts_with(&ended));
            let ok = ended.filter(|line| line.ends_with("grpc_code=\"OK\"} 1"));
            assert_eq!(ok.count(), 1, "{side} {method}: {metrics}");
        }
    }
}
