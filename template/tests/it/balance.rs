//! Clients of a service that has several addresses behind its name.

use std::{
    collections::BTreeSet,
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use crate::support::{
    Child, InProcess, Instance, PATIENCE,
    certificates::Certificates,
    client::{Api, Client, Error, Resolve, Settings, Tls},
    server, tls,
};

/// A name whose addresses the test changes.
#[derive(Clone, Default)]
struct Name(Arc<Mutex<Vec<SocketAddr>>>);

#[tonic::async_trait]
impl Resolve for Name {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl Name {
    fn stands_for(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        *self.0.lock().unwrap() = addresses.into_iter().collect();
    }

    async fn connect(&self) -> Client {
        let settings = Settings {
            resolve_interval: Duration::from_millis(10),
            ..Settings::new("localhost", 1)
        };
        Client::connect_with(&settings, self.clone()).await.unwrap()
    }
}

/// Instances on one port of several loopback addresses.
async fn instances<const N: usize>(names: [&'static str; N]) -> Vec<Instance> {
    let mut instances: Vec<Instance> = Vec::new();
    for (ip, name) in (1..).zip(names) {
        let port = instances.first().map_or(0, |first| first.address.port());
        let address = SocketAddr::from(([127, 0, 0, ip], port));
        instances.push(Instance::named(address, name).await);
    }
    instances
}

/// Who answers ten calls.
async fn answers(client: &Client) -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    for _ in 0..10 {
        answers.insert(client.hello(String::new()).await.unwrap());
    }
    answers
}

/// Calls until just `names` answer.
async fn answered_by(client: &Client, names: &[&str]) {
    let wanted = names.iter().map(|&name| name.to_owned()).collect();
    let settled = async { while answers(client).await != wanted {} };
    timeout(PATIENCE, settled).await.unwrap();
}

#[tokio::test]
async fn calls_go_to_all_addresses_and_follow_their_changes() {
    let instances = instances(["one", "two", "three"]).await;
    let [one, two, three] = [0, 1, 2].map(|index| instances[index].address);
    let name = Name::default();
    name.stands_for([one, two]);
    let client = name.connect().await;
    answered_by(&client, &["one", "two"]).await;
    name.stands_for([one, two, three]);
    answered_by(&client, &["one", "two", "three"]).await;
    name.stands_for([three]);
    answered_by(&client, &["three"]).await;
    // No address is most likely a mistake of the name server's.
    name.stands_for([]);
    answered_by(&client, &["three"]).await;
}

#[tokio::test]
async fn an_address_that_is_dead_fails_no_call() {
    let instances = instances(["one", "two"]).await;
    let addresses: Vec<_> = instances.iter().map(|instance| instance.address).collect();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = [nobody.local_addr().unwrap(), silent.local_addr().unwrap()];
    drop(nobody);
    let name = Name::default();
    name.stands_for(dead.into_iter().chain(addresses));
    let client = name.connect().await;
    answered_by(&client, &["one", "two"]).await;

    let mut instances = instances.into_iter();
    instances.next().unwrap().stop().await;
    assert_eq!(answers(&client).await, BTreeSet::from(["two".into()]));
}

#[tokio::test]
async fn a_call_whose_connection_is_lost_is_made_again_elsewhere() {
    let (called, mut calls) = mpsc::unbounded_channel();
    let doomed = Instance::start(move |_| {
        called.send(()).unwrap();
        pending()
    })
    .await;
    let name = Name::default();
    name.stands_for([doomed.address]);
    let client = name.connect().await;
    let call = tokio::spawn({
        let client = client.clone();
        async move { client.hello(String::new()).await }
    });
    calls.recv().await.unwrap();
    let other = instances(["other"]).await;
    name.stands_for([other[0].address]);
    doomed.stop().await;
    assert_eq!(call.await.unwrap().unwrap(), "other");
}

/// An instance that takes only clients with a certificate of the same CA.
async fn secured(certificates: &Certificates, address: SocketAddr) -> Instance {
    let settings = server::Settings {
        address,
        tls: tls::Settings {
            enabled: true,
            certfile: Some(certificates.path("server.pem")),
            privkeyfile: Some(certificates.path("server.key")),
            cafile: Some(certificates.path("ca.pem")),
            ..tls::Settings::default()
        },
        ..InProcess::settings(&["--drain-timeout", "0s"])
    };
    Instance::with(settings, |_| async { Ok("safe".into()) }).await
}

#[tokio::test]
async fn files_that_changed_are_read_again_for_the_next_connection() {
    let [old, new] = [(); 2].map(|()| Certificates::new());
    let instance = secured(&old, ([127, 0, 0, 1], 0).into()).await;
    let address = instance.address;
    let settings = Settings {
        tls: Some(Tls {
            cafile: old.path("ca.pem"),
            identity: Some((old.path("client.pem"), old.path("client.key"))),
        }),
        ..Settings::new("localhost", address.port())
    };
    let name = Name::default();
    name.stands_for([address]);
    let client = Client::connect_with(&settings, name).await.unwrap();
    assert_eq!(client.hello(String::new()).await.unwrap(), "safe");

    instance.stop().await;
    let _renewed = secured(&new, address).await;
    let answers = async |reason| loop {
        let answer = client.hello(String::new()).await;
        let answer = answer.unwrap_or_else(|error| error.to_string());
        if answer.contains(reason) {
            break;
        }
    };
    // At first, perhaps, there is nobody.
    let stranger = answers("invalid peer certificate");
    timeout(PATIENCE, stranger).await.unwrap();
    for file in ["ca.pem", "client.pem", "client.key"] {
        std::fs::copy(new.path(file), old.path(file)).unwrap();
    }
    timeout(PATIENCE, answers("safe")).await.unwrap();
}

#[tokio::test]
async fn whatever_the_address_the_certificate_must_be_for_the_name() {
    let certificates = Certificates::new();
    let settings = server::Settings {
        // Not in the certificate, which is for localhost.
        address: ([127, 0, 0, 2], 0).into(),
        tls: tls::Settings {
            enabled: true,
            certfile: Some(certificates.path("server.pem")),
            privkeyfile: Some(certificates.path("server.key")),
            ..tls::Settings::default()
        },
        ..InProcess::settings(&[])
    };
    let instance = Instance::with(settings, |_| async { Ok("safe".into()) }).await;
    let name = Name::default();
    name.stands_for([instance.address]);
    let mut settings = Settings {
        attempts: 1,
        tls: Some(Tls {
            cafile: certificates.path("ca.pem"),
            identity: None,
        }),
        ..Settings::new("localhost", 1)
    };
    let client = Client::connect_with(&settings, name.clone()).await.unwrap();
    assert_eq!(client.hello(String::new()).await.unwrap(), "safe");

    settings.host = "example.org".into();
    let outcome = Client::connect_with(&settings, name).await;
    let reason = outcome.err().unwrap().to_string();
    assert!(
        reason.contains("not valid for name \"example.org\""),
        "{reason}"
    );
}

#[tokio::test]
async fn nothing_is_looked_up_once_the_last_client_is_closed() {
    struct Alive(
        Name,
        #[expect(dead_code, reason = "its end is seen")] oneshot::Sender<()>,
    );
    #[tonic::async_trait]
    impl Resolve for Alive {
        async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            self.0.resolve(host, port).await
        }
    }
    let instances = instances(["one"]).await;
    let name = Name::default();
    name.stands_for([instances[0].address]);
    let (alive, mut end) = oneshot::channel();
    let settings = Settings::new("localhost", 1);
    let client = Client::connect_with(&settings, Alive(name, alive))
        .await
        .unwrap();
    let clone = client.clone();
    client.close();
    clone.hello(String::new()).await.unwrap();
    assert!(
        end.try_recv()
            .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
    );
    clone.close();
    timeout(PATIENCE, end).await.unwrap().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_replacement_under_load_loses_no_call() {
    let flags = ["--drain-delay", "100ms"];
    let address = |child: &Child| child.address().parse().unwrap();
    let old = [Child::running(&flags), Child::running(&flags)];
    let name = Name::default();
    name.stands_for(old.iter().map(address));
    let client = name.connect().await;

    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(watch::Sender::new(0));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (client, stop, answered) = (client.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                while !stop.load(Relaxed) {
                    client.hello("still there?".into()).await?;
                    answered.send_modify(|answered| *answered += 1);
                }
                Ok::<_, Error>(())
            })
        })
        .collect();
    // Until a hundred more calls are answered; or fail, which is seen below.
    let go_on = async || {
        let mut now = answered.subscribe();
        let enough = *now.borrow() + 100;
        let _ = timeout(PATIENCE, now.wait_for(|now| *now >= enough)).await;
    };

    let mut instances: Vec<_> = old.into();
    for _ in 0..instances.len() {
        go_on().await;
        instances.push(Child::running(&flags));
        name.stands_for(instances.iter().map(address));
        // The name still stands for it when it is gone, as DNS does for a while.
        let replaced = instances.remove(0);
        replaced.signal("TERM");
        let (exit, _) = replaced.wait();
        assert_eq!(exit.code(), Some(0));
    }
    go_on().await;
    stop.store(true, Relaxed);
    for calls in load {
        calls.await.unwrap().unwrap();
    }
    let answered = *answered.borrow();
    assert!(answered >= 300, "{answered}");
}
