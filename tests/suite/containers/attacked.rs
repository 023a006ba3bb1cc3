//! A container with the memory that the manifests grant, under attack: it is not killed, and who
//! behaves is answered.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{Request, Response};
use tokio::{
    net::TcpStream,
    runtime::Runtime,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{
    packed::{Engine, Packed, packed},
    stage::waits_until,
};

const HELLO: &str = "http://localhost/packed_sample.v1.PackedSampleService/Hello";

/// What each of some attackers does: so many calls, each with a message of so many bytes, and it
/// takes nothing of what is answered.
#[derive(Clone, Copy)]
struct Attack {
    connections: usize,
    calls: usize,
    message: usize,
}

const MIB: usize = 1024 * 1024;
const ATTACKS: [Attack; 4] = [
    Attack {
        connections: 3,
        calls: 100,
        message: 10,
    },
    Attack {
        connections: 8,
        calls: 100,
        message: 4 * MIB - 64,
    },
    Attack {
        connections: 100,
        calls: 3,
        message: MIB,
    },
    Attack {
        connections: 64,
        calls: 1,
        message: 4 * MIB - 64,
    },
];

/// What a good client asks for: twenty calls a second, each answered within three.
const CALLS: usize = 200;
const PERIOD: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(3);

/// A container; gone when dropped.
struct Container<'a> {
    packed: &'a Packed,
    name: &'static str,
}

impl<'a> Container<'a> {
    fn start(packed: &'a Packed, name: &'static str) -> Self {
        let container = Self { packed, name };
        let image = packed.image();
        let limits = "--memory 256m --memory-swap 256m --publish 127.0.0.1::42302";
        let run = format!("run --detach --name {name} {limits} {image} --admin-port 9090");
        packed.ask(Engine::Docker, &run.split(' ').collect::<Vec<_>>());
        waits_until(|| {
            let healthcheck = [
                "exec",
                name,
                "/packed-sample",
                "--admin-port=9090",
                "--healthcheck",
            ];
            packed.engine(Engine::Docker, &healthcheck).status.success()
        });
        container
    }

    fn address(&self) -> SocketAddr {
        let port = self
            .packed
            .ask(Engine::Docker, &["port", self.name, "42302/tcp"]);
        port.trim().parse().unwrap()
    }

    fn state(&self) -> String {
        let state = "{{.State.Running}}, killed: {{.State.OOMKilled}}, restarts: {{.RestartCount}}";
        let inspect = ["inspect", "--format", state, self.name];
        self.packed.ask(Engine::Docker, &inspect).trim().into()
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.packed
            .engine(Engine::Docker, &["rm", "--force", "--volumes", self.name]);
    }
}

/// A connection that lets so many bytes of each answer come.
async fn connect(address: SocketAddr, window: u32) -> Option<SendRequest<Bytes>> {
    let tcp = TcpStream::connect(address).await.ok()?;
    let mut builder = Builder::new();
    builder.initial_window_size(window);
    let (client, connection) = builder.handshake(tcp).await.ok()?;
    tokio::spawn(connection);
    client.ready().await.ok()
}

/// Says hello, with a message of so many bytes.
async fn hello(
    client: SendRequest<Bytes>,
    message: usize,
) -> Result<Response<h2::RecvStream>, h2::Error> {
    let request = Request::post(HELLO)
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    let mut client = client.ready().await?;
    let (response, mut body) = client.send_request(request.body(()).unwrap(), false)?;
    body.send_data(framed(message), true)?;
    response.await
}

/// The request, whose message is its first field.
fn framed(message: usize) -> Bytes {
    let mut length = Vec::new();
    let mut rest = message;
    while rest >= 128 {
        length.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    length.push(u8::try_from(rest).unwrap());
    let field = [&[0x0a][..], &length, &vec![b'x'; message]].concat();
    let prefix = u32::try_from(field.len()).unwrap().to_be_bytes();
    [&[0][..], &prefix, &field].concat().into()
}

/// Comes again and again, since it is closed or reset sooner or later.
async fn attack(address: SocketAddr, attack: Attack) {
    loop {
        let Some(client) = connect(address, 0).await else {
            tokio::time::sleep(PERIOD).await;
            continue;
        };
        let mut calls = JoinSet::new();
        for _ in 0..attack.calls {
            let client = client.clone();
            calls.spawn(async move {
                // Whatever comes of it, nothing of it is taken before its end.
                if let Ok(response) = hello(client, attack.message).await {
                    let _ = timeout(DEADLINE, response.into_body().trailers()).await;
                }
            });
        }
        while calls.join_next().await.is_some() {}
    }
}

/// What came back of those of a good client's calls that did not get OK in time, in what is nobody
/// else's connection.
async fn unanswered(address: SocketAddr) -> Vec<String> {
    let mut client = connect(address, 65_535).await.expect("a connection");
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered = Vec::new();
    for _ in 0..CALLS {
        ticks.tick().await;
        let call = async {
            let response = hello(client.clone(), 10).await?;
            let mut body = response.into_body();
            while let Some(data) = body.data().await {
                let _ = body.flow_control().release_capacity(data?.len());
            }
            body.trailers().await
        };
        match timeout(DEADLINE, call).await {
            Ok(Ok(Some(trailers))) if trailers.get("grpc-status").is_some_and(|it| it == "0") => {}
            Ok(Ok(trailers)) => unanswered.push(format!("{trailers:?}")),
            Ok(Err(error)) => {
                unanswered.push(error.to_string());
                client = connect(address, 65_535).await.expect("a connection");
            }
            Err(late) => unanswered.push(late.to_string()),
        }
    }
    unanswered
}

#[test]
#[ignore = "wants the machine for itself: make test-services"]
fn few_clients_get_it_neither_killed_nor_taken_from_others() {
    let packed = packed();
    packed.archive(Engine::Docker);
    let container = Container::start(packed, "packed-sample-attacked");
    let address = container.address();
    let runtime = Runtime::new().unwrap();
    for each in ATTACKS {
        let mut attackers = JoinSet::new();
        for _ in 0..each.connections {
            attackers.spawn_on(attack(address, each), runtime.handle());
        }
        let unanswered = runtime.block_on(unanswered(address));
        let Attack {
            connections,
            calls,
            message,
        } = each;
        let attack = format!("{connections} × {calls} calls of {message} bytes");
        assert!(
            unanswered.is_empty(),
            "of a good client's {CALLS} calls in {attack}: {unanswered:?}"
        );
        assert_eq!(
            container.state(),
            "true, killed: false, restarts: 0",
            "{attack}"
        );
        runtime.block_on(attackers.shutdown());
    }
}
