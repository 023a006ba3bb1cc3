//! Hello is an example: whoever has a service gives it a name of their own, and fields, in a few files.

use std::{collections::BTreeSet, fs, path::Path};

use crate::{
    sources::contents,
    support::{
        answers::Answers,
        process::Service,
        repository::read,
        sample::{Sample, demo},
    },
};

/// What is written anew, from `tests/suite/renamed/`.
const WRITTEN: [(&str, &str); 4] = [
    ("api/proto/exchange/v1/exchange.proto", "exchange.proto"),
    ("src/rpc.rs", "rpc.rs"),
    ("src/service.rs", "service.rs"),
    ("tests/it/contract.rs", "contract.rs"),
];

/// What is changed here and there: a file, what was there, what is there now.
const EDITED: [(&str, &[(&str, &str)]); 6] = [
    (
        "CHANGELOG.md",
        &[(
            "Answers `Hello` with the message it was sent.",
            "Places orders: `PlaceOrder`.",
        )],
    ),
    (
        "Makefile",
        &[(
            "## Say hello to a running service;",
            "## Place an order at a running service;",
        )],
    ),
    (
        "README.md",
        &[
            (
                "`make demo` says hello to it.",
                "`make demo` orders something of it.",
            ),
            (
                "Sending message:\"Hello, world!\"\nGot response message:\"Hello, world!\"\nClosed connection.",
                "Placed it: ACME-1",
            ),
            (
                "Got response message:\"HELLO, WORLD!\"\nClosed connection.",
                "Placed it: acme-1",
            ),
        ],
    ),
    (
        "api/src/lib.rs",
        &[
            (
                "//! use exchange_api::{Api, Client, Error, Transport};
//!
//! async fn greet(channel: impl Transport) -> Result<String, Error> {
//!     Client::new(channel).hello(\"Hello, world!\".into()).await
//! }
",
                "//! use exchange_api::{Api, Client, Error, Order, Transport};
//!
//! async fn buy(channel: impl Transport, order: Order) -> Result<String, Error> {
//!     Client::new(channel).place_order(order).await
//! }
",
            ),
            (
                "use self::proto::HelloRequest;",
                "use self::proto::PlaceOrderRequest;",
            ),
            (
                "/// What the service offers, free",
                "/// What somebody wants to buy.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What it is of, as in `ACME`.
    pub instrument: String,
    /// How many of it.
    pub quantity: u64,
    /// The most that one of it may cost.
    pub limit: Money,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq)]
pub struct Money {
    /// ISO 4217, as in `EUR`.
    pub currency: String,
    /// In its smallest unit, as in cents.
    pub amount: u64,
}

impl From<Order> for PlaceOrderRequest {
    fn from(order: Order) -> Self {
        Self {
            instrument: order.instrument,
            quantity: order.quantity,
            limit: Some(proto::Money {
                currency: order.limit.currency,
                amount: order.limit.amount,
            }),
        }
    }
}

/// What the service offers, free",
            ),
            (
                "    /// Answers with `message`.
    async fn hello(&self, message: String) -> Result<String, Error>;
",
                "    /// Places `order`, and answers with its id.
    async fn place_order(&self, order: Order) -> Result<String, Error>;
",
            ),
            (
                "    async fn hello(&self, message: String) -> Result<String, Error> {
        let request = HelloRequest { message };
        let response = self.stub.clone().hello(request).await?;
        Ok(response.into_inner().message)
",
                "    async fn place_order(&self, order: Order) -> Result<String, Error> {
        let request = PlaceOrderRequest::from(order);
        let response = self.stub.clone().place_order(request).await?;
        Ok(response.into_inner().order_id)
",
            ),
        ],
    ),
    (
        "benches/rpc.rs",
        &[
            (
                "use exchange_api::{self as api, Api};",
                "use exchange_api::{self as api, Api, Money, Order};",
            ),
            (
                "    client.hello(\"x\".repeat(MESSAGE_SIZE)).await.unwrap();
",
                "    let order = Order {
        instrument: \"x\".repeat(MESSAGE_SIZE),
        quantity: 7,
        limit: Money {
            currency: \"EUR\".into(),
            amount: 1999,
        },
    };
    client.place_order(order).await.unwrap();
",
            ),
        ],
    ),
    (
        "src/bin/demo.rs",
        &[
            (
                "says hello to a running service",
                "places an order at a running service",
            ),
            (
                "use exchange_api::{self as api, Api};",
                "use exchange_api::{self as api, Api, Money, Order};",
            ),
            (
                "match say_hello(&target.into()).await",
                "match place_order(&target.into()).await",
            ),
            (
                "async fn say_hello(settings: &Settings)",
                "async fn place_order(settings: &Settings)",
            ),
            (
                "    let message = \"Hello, world!\";
    say(format_args!(\"Sending message:{message:?}\"))?;
    let answer = client.hello(message.into()).await?;
    say(format_args!(\"Got response message:{answer:?}\"))?;
",
                "    let order = Order {
        instrument: \"ACME\".into(),
        quantity: 7,
        limit: Money {
            currency: \"EUR\".into(),
            amount: 1999,
        },
    };
    say(format_args!(\"Placing {order:?}\"))?;
    let id = client.place_order(order).await?;
    say(format_args!(\"Placed it: {id}\"))?;
",
            ),
        ],
    ),
];

/// Does what its team would do by hand.
fn rename(directory: &Path) {
    for (file, fixture) in WRITTEN {
        let path = directory.join(file);
        assert!(path.exists(), "{file}");
        fs::write(path, read(Path::new("tests/suite/renamed").join(fixture))).unwrap();
    }
    for (file, edits) in EDITED {
        let mut text = fs::read_to_string(directory.join(file)).unwrap();
        for (old, new) in edits {
            assert_eq!(text.matches(old).count(), 1, "{file} has:\n{old}");
            text = text.replace(old, new);
        }
        fs::write(directory.join(file), text).unwrap();
    }
}

#[test]
fn hello_becomes_place_order_in_ten_files_at_most() {
    let sample = Sample::new(Answers::new("exchange"));
    let before = contents(&sample.directory);
    rename(&sample.directory);
    let after = contents(&sample.directory);

    let touched = before.iter().zip(&after).filter(|(old, new)| old != new);
    let touched: BTreeSet<_> = touched
        .map(|((file, ..), _)| file.to_str().unwrap())
        .collect();
    let written = WRITTEN.iter().map(|(file, _)| *file);
    let edited = EDITED.iter().map(|(file, _)| *file);
    assert_eq!(touched, written.chain(edited).collect());
    assert!(touched.len() <= 10, "{touched:#?}");

    let own = "--package exchange --package exchange-api";
    for command in [
        &*format!("cargo fmt --check {own}"),
        &format!("cargo clippy --locked --quiet {own} --all-targets -- -D warnings"),
        &format!("cargo test --locked --quiet {own}"),
    ] {
        sample.run("sh", &["-c", command]);
    }

    let service = Service::start(&sample.debug_binary("exchange"), &[]);
    let client = sample.debug_binary("exchange-demo");
    let said = demo(&client, service.port(), &["--ip", "127.0.0.1"]);
    assert!(said.contains("\nPlaced it: ACME-1\n"), "{said}");

    // Nor has the chassis ever heard of it.
    let says_hello = after.iter().filter(|(_, _, text)| {
        let text = String::from_utf8_lossy(text).to_lowercase();
        text.contains("hello")
    });
    let says_hello: Vec<_> = says_hello.map(|(file, ..)| file).collect();
    assert!(says_hello.is_empty(), "{says_hello:#?}");
}
