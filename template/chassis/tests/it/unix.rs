//! Unix sockets: listened on, called, and left in order.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use chassis::{
    Channel,
    channel::{Error, Settings},
    lifecycle::Shutdown,
    server::{Rpcs, UnixSocket},
};
use tonic::{Code, Request, Status, transport::server::UdsConnectInfo};

use crate::{
    contract::{
        SCRIPTED,
        test::v1::{scripted_client::ScriptedClient, scripted_server::ScriptedServer},
    },
    support::{
        InProcess, certificates::Certificates, echo, echoing, http::get, request, running, start,
    },
};

/// What is called over the socket at `path`.
async fn called(path: &Path) -> ScriptedClient<Channel> {
    let settings = Settings::new(format!("unix:{}", path.display()), 0);
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    ScriptedClient::new(channel)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_called_over_tcp_and_over_its_socket() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut service = running(&[
        "--unix-socket",
        socket,
        "--unix-socket-mode=600",
        "--loglevel=debug",
        "--drain-delay=0s",
    ]);
    service.wait_for(&format!("Listening on unix:{socket} (mode 600)"));
    let file = fs::metadata(&path).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert_eq!(echo(&service.address(), "tcp").await.unwrap(), "tcp");
    let reply = called(&path).await.unary(echoing("unix")).await.unwrap();
    assert_eq!(reply.into_inner().payload, "unix");
    // Who it was is known by the user.
    service.wait_for(&format!("peer=unix:uid={}", file.uid()));

    service.signal("TERM");
    let (exit, _) = service.wait();
    assert_eq!(exit.code(), Some(0));
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_have_a_socket_only_also_as_an_upstream() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let socket = path.to_str().unwrap();
    let mut upstream = running(&[
        "--unix-socket",
        socket,
        "--unix-socket-only",
        "--admin-port=0",
    ]);
    let admin = upstream.admin();
    assert_eq!(get(&admin, "/readyz").await.status, 200);
    let (_, log) = {
        let service = running(&["--client-ip", &format!("unix:{socket}"), "--drain-delay=0s"]);
        assert_eq!(echo(&service.address(), "on").await.unwrap(), "on");
        service.signal("TERM");
        service.wait()
    };
    let connected = format!("Successfully connected to unix:{socket}!");
    assert!(log.iter().any(|line| line.contains(&connected)), "{log:#?}");
    upstream.signal("INT");
    let (_, log) = upstream.wait();
    let listening: Vec<_> = log
        .iter()
        .filter(|it| it.contains(" Listening on"))
        .collect();
    assert_eq!(listening.len(), 1, "{listening:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_service_left_does_not_keep_the_next_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let flags = ["--unix-socket", path.to_str().unwrap()];
    let first = running(&flags);
    let (exit, log) = start(&flags).wait();
    assert_eq!(exit.code(), Some(1));
    let reason = format!(
        "ERROR can't listen on unix:{}: another process listens there",
        path.display()
    );
    assert!(log.iter().any(|line| line.contains(&reason)), "{log:#?}");
    first.signal("KILL");
    first.wait();
    assert!(path.exists());
    let _second = running(&flags);
    let reply = called(&path).await.unary(echoing("again")).await.unwrap();
    assert_eq!(reply.into_inner().payload, "again");
}

#[tokio::test]
async fn the_channel_comes_back_to_a_socket_that_was_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let socket = || {
        let mut settings = InProcess::settings(&["--drain-timeout", "0s"]);
        settings.address = None;
        settings.unix_socket = Some(UnixSocket {
            path: path.clone(),
            mode: 0o600,
        });
        settings
    };
    let first = InProcess::with(socket()).await;
    let mut client = called(&path).await;
    client.unary(echoing("first")).await.unwrap();
    first.stop(Shutdown::Terminal).await;
    let status = client.unary(echoing("nobody")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let _second = InProcess::with(socket()).await;
    let reply = client.repeatable_unary(echoing("second")).await.unwrap();
    assert_eq!(reply.into_inner().payload, "second");
}

#[tokio::test]
async fn a_socket_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let mut settings = Settings::new(format!("unix:{}", path.display()), 0);
    settings.attempts = 1;
    let error = Channel::connect(&settings, SCRIPTED).await.err().unwrap();
    assert!(matches!(error, Error::Connect { .. }), "{error}");
    let address = format!("can't connect to unix:{} (1 attempts)", path.display());
    assert!(error.to_string().starts_with(&address), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_who_calls_may_be_let_in_by_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let own = fs::metadata(dir.path()).unwrap().uid();
    for (uid, expected) in [(own, Code::Ok), (own + 1, Code::PermissionDenied)] {
        let path = dir.path().join(uid.to_string());
        let _service = running(&[
            "--unix-socket",
            path.to_str().unwrap(),
            "--allow",
            &format!("uid:{uid}"),
        ]);
        let answer = called(&path).await.unary(echoing("it is me")).await;
        let code = answer.map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, expected, "uid:{uid}");
    }
}

#[tokio::test]
async fn a_handler_learns_which_user_calls() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let mut settings = InProcess::settings(&[]);
    settings.unix_socket = Some(UnixSocket {
        path: path.clone(),
        mode: 0o600,
    });
    let _server = InProcess::serving(settings, "scripted", |scripted| {
        let is_known = |request: Request<()>| {
            let peer = request.extensions().get::<UdsConnectInfo>();
            let peer = peer.and_then(|peer| peer.peer_cred);
            let peer = peer.ok_or_else(|| Status::unauthenticated("who are you?"))?;
            Err(Status::permission_denied(peer.uid().to_string()))
        };
        Rpcs::new().with(
            SCRIPTED,
            ScriptedServer::with_interceptor(scripted, is_known),
        )
    })
    .await;
    let status = called(&path)
        .await
        .unary(request("reply"))
        .await
        .unwrap_err();
    let uid = fs::metadata(&path).unwrap().uid();
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, &*uid.to_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_a_service_with_tls_has_none() {
    let certificates = Certificates::new();
    let [cert, key] = ["server.pem", "server.key"].map(|file| certificates.arg(file));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let socket = ["--unix-socket", path.to_str().unwrap()];
    let _service = running(&[&["-t", "-c", &cert, "-k", &key][..], &socket].concat());
    let reply = called(&path).await.unary(echoing("plain")).await.unwrap();
    assert_eq!(reply.into_inner().payload, "plain");
}
