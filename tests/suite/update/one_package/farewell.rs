//! A team that has added an RPC, all the way from the contract to the client; a flag; a package that it
//! depends on; a file; a test. And what it does about the conflicts of its update.

use std::fs;

use crate::update::{changes, fixture::Repository};

/// What the team has added.
pub fn says_farewell(service: &Repository) {
    let contract = "proto/order_book/v1/order_book.proto";
    let rpc = "  // Answers with a farewell.\n  rpc Bye(ByeRequest) returns (ByeResponse);\n";
    service.edit(contract, "  }\n}\n", &format!("  }}\n\n{rpc}}}\n"));
    service.append(
        contract,
        "\nmessage ByeRequest {\n  string name = 1;\n}\n\n\
         message ByeResponse {\n  bytes farewell = 1;\n}\n",
    );
    service.write("src/farewell.rs", FAREWELL);
    let module = "#[cfg(feature = \"server\")]\npub mod ";
    service.edit(
        "src/lib.rs",
        &format!("{module}healthcheck;\n"),
        &format!("{module}farewell;\n{module}healthcheck;\n"),
    );
    for (file, old, new) in CORE_AND_ADAPTER.iter().chain(FLAG).chain(CLIENT) {
        service.edit(file, old, new);
    }
    let dependency = "bytes = { version = \"1\", optional = true }";
    for (old, new) in [
        ("server = [\n", "server = [\n    \"dep:bytes\",\n"),
        (
            "[dependencies]\n",
            &format!("[dependencies]\n{dependency}\n"),
        ),
    ] {
        service.edit("Cargo.toml", old, new);
    }
    changes::lock(service);
    service.edit(
        "tests/it/main.rs",
        "mod client;\n",
        "mod bye;\nmod client;\n",
    );
    service.write("tests/it/bye.rs", TEST);
}

type Edit = (&'static str, &'static str, &'static str);

const FAREWELL: &str = r#"//! What is said to those who leave.

use bytes::{BufMut, Bytes, BytesMut};

/// `word`, said to `name`.
#[must_use]
pub fn to(word: &str, name: &str) -> Bytes {
    let mut text = BytesMut::new();
    text.put(word.as_bytes());
    text.put(&b", "[..]);
    text.put(name.as_bytes());
    text.freeze()
}
"#;

const TEST: &str = r#"//! Those who leave.

use crate::support::{Child, Stub, channel, proto::ByeRequest};

#[tokio::test(flavor = "multi_thread")]
async fn they_are_told_what_the_flag_says() {
    let service = Child::running(&["--farewell", "So long"]);
    let mut stub = Stub::new(channel(&service.address()).await);
    let name = "Ada".into();
    let answer = stub.bye(ByeRequest { name }).await.unwrap();
    assert_eq!(answer.into_inner().farewell, b"So long, Ada");
}
"#;

const CORE_AND_ADAPTER: &[Edit] = &[
    (
        "src/service.rs",
        "use crate::client::{self, Api};\n",
        "use bytes::Bytes;\n\nuse crate::{\n    client::{self, Api},\n    farewell,\n};\n",
    ),
    (
        "src/service.rs",
        "    upstream: Option<Arc<dyn Api>>,\n",
        "    upstream: Option<Arc<dyn Api>>,\n    farewell: String,\n",
    ),
    (
        "src/service.rs",
        "            upstream: Some(upstream),\n",
        "            upstream: Some(upstream),\n            ..Self::default()\n",
    ),
    (
        "src/service.rs",
        "    /// Answers with `message`, as",
        "    /// The same, which says this to those who leave.
    #[must_use]
    pub fn saying(mut self, farewell: String) -> Self {
        self.farewell = farewell;
        self
    }

    /// Answers with a farewell to `name`.
    #[must_use]
    pub fn bye(&self, name: &str) -> Bytes {
        farewell::to(&self.farewell, name)
    }

    /// Answers with `message`, as",
    ),
    (
        "src/rpc.rs",
        "proto::{DESCRIPTORS, GrpcServer, GrpcService, HelloRequest, HelloResponse},",
        "proto::{
        ByeRequest, ByeResponse, DESCRIPTORS, GrpcServer, GrpcService, HelloRequest, HelloResponse,
    },",
    ),
    (
        "src/rpc.rs",
        "        Ok(Response::new(HelloResponse { message }))\n    }\n",
        "        Ok(Response::new(HelloResponse { message }))
    }

    async fn bye(&self, request: Request<ByeRequest>) -> Result<Response<ByeResponse>, Status> {
        let farewell = self.service.bye(&request.into_inner().name).to_vec();
        Ok(Response::new(ByeResponse { farewell }))
    }
",
    ),
];

const FLAG: &[Edit] = &[
    (
        "src/cli.rs",
        "    /// The service to pass calls on to, if any.\n",
        "    /// What to say to those who leave.
    pub farewell: String,
    /// The service to pass calls on to, if any.\n",
    ),
    (
        "src/cli.rs",
        "    #[command(flatten, next_help_heading = \"Upstream\")]\n",
        "    /// What to say to those who leave
    #[arg(long, value_name = \"TEXT\", default_value = \"Farewell\")]
    farewell: String,
    #[command(flatten, next_help_heading = \"Upstream\")]\n",
    ),
    (
        "src/cli.rs",
        "            upstream: self.upstream.settings(),\n",
        "            farewell: self.farewell,
            upstream: self.upstream.settings(),\n",
    ),
    (
        "src/app.rs",
        "    lifecycle.enter(State::Starting);\n",
        "    let farewell = settings.farewell;
    lifecycle.enter(State::Starting);\n",
    ),
    (
        "src/app.rs",
        "    server.run(rpc::rpcs(service), shutdown).await;\n",
        "    let service = service.saying(farewell);
    server.run(rpc::rpcs(service), shutdown).await;\n",
    ),
];

const HELLO_OF_THE_TRAIT: &str =
    "    async fn hello(&self, message: String) -> Result<String, Error>;\n";
const BOTH_OF_THE_TRAIT: &str =
    "    async fn hello(&self, message: String) -> Result<String, Error>;

    /// Answers with a farewell to `name`.
    async fn bye(&self, name: String) -> Result<Vec<u8>, Error>;\n";

const CLIENT: &[Edit] = &[
    (
        "src/client.rs",
        "use crate::{file, proto::HelloRequest};\n",
        "use crate::{
    file,
    proto::{ByeRequest, HelloRequest},
};\n",
    ),
    ("src/client.rs", HELLO_OF_THE_TRAIT, BOTH_OF_THE_TRAIT),
    (
        "src/client.rs",
        "        Ok(response.message)\n    }\n",
        "        Ok(response.message)
    }

    async fn bye(&self, name: String) -> Result<Vec<u8>, Error> {
        let request = ByeRequest { name };
        let response = self
            .call(Method::OnceOnly, request, |mut stub, request| async move {
                stub.bye(request).await
            })
            .await?;
        Ok(response.farewell)
    }
",
    ),
];

/// Where the team has written, and nowhere else.
pub const CONFLICTS: &[&str] = &[
    "Cargo.toml",
    "src/app.rs",
    "src/cli.rs",
    "src/client.rs",
    "src/lib.rs",
    "src/rpc.rs",
    "src/service.rs",
    "tests/it/main.rs",
];

/// By CHANGELOG.md: the template's lines in every conflict, and what is ours once more, in its new place.
pub fn resolves_by_the_changelog(service: &Repository) {
    for file in CONFLICTS {
        if *file != "src/client.rs" {
            let text = service.read(file);
            service.write(file, &with_the_templates_lines(&text));
        }
    }
    fs::remove_file(service.0.join("src/client.rs")).unwrap();
    for (file, old, new) in OURS_ONCE_MORE {
        service.edit(file, old, new);
    }
}

/// A file with conflicts, of which each takes the template's side.
fn with_the_templates_lines(text: &str) -> String {
    let mut parts = text.split("<<<<<<< yours\n");
    let mut resolved = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, part) = part.split_once("=======\n").unwrap();
        let (theirs, rest) = part.split_once(">>>>>>> template/v0.2.0\n").unwrap();
        resolved += &(theirs.to_owned() + rest);
    }
    resolved
}

const OURS_ONCE_MORE: &[Edit] = &[
    (
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\nbytes = \"1\"\n",
    ),
    (
        "src/cli.rs",
        "    // TODO: add the flags that your service needs.\n",
        "    /// What to say to those who leave
    #[arg(long, value_name = \"TEXT\", default_value = \"Farewell\")]
    pub farewell: String,\n",
    ),
    (
        "src/app.rs",
        "struct App {\n",
        "struct App {\n    farewell: String,\n",
    ),
    (
        "src/app.rs",
        "    let upstream = flags.client.settings();
    chassis::main(&ABOUT, flags.chassis, App { upstream })\n",
        "    let app = App {
        farewell: flags.farewell,
        upstream: flags.client.settings(),
    };
    chassis::main(&ABOUT, flags.chassis, app)\n",
    ),
    (
        "src/app.rs",
        "rpc::rpcs(service)",
        "rpc::rpcs(service.saying(self.farewell))",
    ),
    (
        "src/lib.rs",
        "pub mod rpc;",
        "pub mod farewell;\npub mod rpc;",
    ),
    (
        "src/rpc.rs",
        "proto::{HelloRequest, HelloResponse}",
        "proto::{ByeRequest, ByeResponse, HelloRequest, HelloResponse}",
    ),
    (
        "src/service.rs",
        "use order_book_api::{self as api, Api};\n",
        "use bytes::Bytes;\n\nuse order_book_api::{self as api, Api};\n\nuse crate::farewell;\n",
    ),
    (
        "api/src/lib.rs",
        "proto::HelloRequest;",
        "proto::{ByeRequest, HelloRequest};",
    ),
    ("api/src/lib.rs", HELLO_OF_THE_TRAIT, BOTH_OF_THE_TRAIT),
    (
        "api/src/lib.rs",
        "        Ok(response.into_inner().message)\n    }\n",
        "        Ok(response.into_inner().message)
    }

    async fn bye(&self, name: String) -> Result<Vec<u8>, Error> {
        let request = ByeRequest { name };
        let response = self.stub.clone().bye(request).await?;
        Ok(response.into_inner().farewell)
    }
",
    ),
    (
        "tests/it/main.rs",
        "mod contract;",
        "mod bye;\nmod contract;",
    ),
    (
        "tests/it/bye.rs",
        "use crate::support::{Child, Stub, channel, proto::ByeRequest};\n",
        "use order_book_api::{GrpcClient, proto::ByeRequest};\n\n\
         use crate::support::{channel, running};\n",
    ),
    ("tests/it/bye.rs", "Child::running(", "running("),
    ("tests/it/bye.rs", "Stub::new", "GrpcClient::new"),
];
