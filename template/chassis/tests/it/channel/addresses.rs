//! Calls of a service that has several addresses behind its name.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use chassis::{
    channel::{Resolve, Settings},
    lifecycle::Shutdown,
    testing::{Child, PATIENCE},
};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    time::timeout,
};
use tonic::Status;

use super::{
    Client,
    name::{Name, answer, connect_with},
};
use crate::support::{InProcess, request, running};

/// Instances on one port of several loopback addresses.
async fn instances<const N: usize>(names: [&'static str; N]) -> Vec<InProcess> {
    let mut instances: Vec<InProcess> = Vec::new();
    for (ip, name) in (1..).zip(names) {
        let port = instances.first().map_or(0, |first| first.address.port());
        let address = SocketAddr::from(([127, 0, 0, ip], port));
        instances.push(InProcess::named(address, name).await);
    }
    instances
}

/// Who answers ten calls.
async fn answers(client: &Client) -> BTreeSet<String> {
    let mut answers = BTreeSet::new();
    for _ in 0..10 {
        answers.insert(answer(client).await.unwrap());
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
    instances.next().unwrap().stop(Shutdown::Terminal).await;
    assert_eq!(answers(&client).await, BTreeSet::from(["two".into()]));
}

#[tokio::test]
async fn a_stream_goes_on_when_its_address_is_one_no_longer() {
    let instances = instances(["one", "two"]).await;
    let [one, two] = [0, 1].map(|index| instances[index].address);
    let name = Name::default();
    name.stands_for([one]);
    let mut client = name.connect().await;
    let response = client.server_stream(request("reply wait name")).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    name.stands_for([two]);
    answered_by(&client, &["two"]).await;
    instances[0].release(1);
    let reply = replies.message().await.unwrap().unwrap();
    assert_eq!(reply.payload, "one");
    assert!(replies.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_call_whose_connection_is_lost_is_made_again_elsewhere() {
    let doomed = InProcess::start(&["--drain-timeout", "0s"]).await;
    let name = Name::default();
    name.stands_for([doomed.address]);
    let client = name.connect().await;
    let call = tokio::spawn({
        let mut client = client.clone();
        async move { client.repeatable_unary(request("wait name")).await }
    });
    doomed.waiting(1).await;
    let other = instances(["other"]).await;
    other[0].release(1);
    name.stands_for([other[0].address]);
    doomed.stop(Shutdown::Terminal).await;
    let reply = call.await.unwrap().unwrap().into_inner();
    assert_eq!(reply.payload, "other");
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
    let client = connect_with(&settings, Alive(name, alive)).await.unwrap();
    let clone = client.clone();
    drop(client);
    answer(&clone).await.unwrap();
    assert!(
        end.try_recv()
            .is_err_and(|error| error == oneshot::error::TryRecvError::Empty)
    );
    drop(clone);
    timeout(PATIENCE, end).await.unwrap().unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_replacement_under_load_loses_no_call() {
    let flags = ["--drain-delay", "100ms"];
    let address = |child: &Child| child.address().parse().unwrap();
    let old = [running(&flags), running(&flags)];
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
                    answer(&client).await?;
                    answered.send_modify(|answered| *answered += 1);
                }
                Ok::<_, Status>(())
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
        instances.push(running(&flags));
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
