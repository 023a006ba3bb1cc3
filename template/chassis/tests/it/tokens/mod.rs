//! Who calls, by bearer tokens, and what they may.

mod issuer;

use std::{fs, time::Duration};

use chassis::{
    Caller, Channel,
    auth::{self, jwt},
    channel::{self, CallersToken},
    server::{Routed, Settings},
    testing::{Child, PATIENCE},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{Code, Request, Status, codegen::Service, service::InterceptorLayer};
use tower::{layer::layer_fn, service_fn};

use self::issuer::{AUDIENCE, ISSUER, Issuer, claims, now, publish};
use crate::{
    contract::{SCRIPTED, test::v1::scripted_client::ScriptedClient},
    scripted,
    support::{InProcess, Stub, UNARY, connect, http::metric, request, running, script, start},
};

/// A directory with the keys of `issuers`, and the flags that demand tokens of them.
fn keys(issuers: &[&Issuer]) -> (TempDir, Vec<String>) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("keys.json");
    publish(&file, issuers);
    let flags = [
        ["--jwt-keys", file.to_str().unwrap()],
        ["--jwt-issuer", ISSUER],
        ["--jwt-audience", AUDIENCE],
    ];
    let flags = flags.concat().into_iter().map(Into::into).collect();
    (dir, flags)
}

fn with<'a>(flags: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let flags = flags.iter().map(String::as_str);
    flags.chain(more.iter().copied()).collect()
}

/// A request whose `authorization` is this.
fn authorized<T>(authorization: &str, mut request: Request<T>) -> Request<T> {
    let value = authorization.parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

async fn call(stub: &mut Stub, token: &str) -> Result<(), Status> {
    let request = authorized(&format!("Bearer {token}"), request("reply"));
    stub.unary(request).await.map(drop)
}

fn challenge(status: &Status) -> &str {
    let challenge = status.metadata().get("www-authenticate");
    challenge.unwrap().to_str().unwrap()
}

#[tokio::test]
async fn who_has_no_good_token_is_unauthenticated_and_told_no_more_than_that() {
    const INVALID: &str = r#"Bearer error="invalid_token""#;
    let issuer = Issuer::new("a");
    let (_dir, flags) = keys(&[&issuer]);
    let more = [
        ["--admin-port", "0"],
        ["--max-metadata-size", "65536"],
        ["--drain-timeout", "0s"],
    ]
    .concat();
    let mut service = running(&with(&flags, &more));
    let (admin, mut stub) = (
        service.admin(),
        Stub::new(connect(&service.address()).await),
    );

    let good = issuer.token(&claims(&json!({})));
    call(&mut stub, &good).await.unwrap();
    let later = issuer.token(&claims(&json!({"exp": now() - 20, "nbf": now() + 20})));
    call(&mut stub, &later).await.unwrap();
    let both = issuer.token(&claims(&json!({"aud": ["others", AUDIENCE]})));
    call(&mut stub, &both).await.unwrap();

    let cases = issuer.bad_tokens();
    for (label, token) in &cases {
        let name = format!(r#"grpc_server_denied_total{{reason="{label}"}}"#);
        let before = metric(&admin, &name).await.unwrap();
        let status = call(&mut stub, token).await.unwrap_err();
        assert_eq!(metric(&admin, &name).await, Some(before + 1.0), "{label}");
        assert_eq!(status.code(), Code::Unauthenticated, "{label}: {status}");
        let (message, expected) = match *label {
            "expired" => (
                "the token has expired",
                format!(r#"{INVALID}, error_description="the token has expired""#),
            ),
            "not_yet_valid" => (
                "the token is not valid yet",
                format!(r#"{INVALID}, error_description="the token is not valid yet""#),
            ),
            _ => ("the token is not valid", INVALID.into()),
        };
        assert_eq!(
            (status.message(), challenge(&status)),
            (message, &*expected)
        );
    }

    for request in [
        request("reply"),
        authorized("Basic YTpi", request("reply")),
        authorized(&good, request("reply")),
    ] {
        let status = stub.unary(request).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message(), challenge(&status)),
            (Code::Unauthenticated, "a bearer token is needed", "Bearer")
        );
    }
    let mut twice = authorized(&format!("Bearer {good}"), request("reply"));
    let again = twice.metadata().get("authorization").unwrap().clone();
    twice.metadata_mut().append("authorization", again);
    let status = stub.unary(twice).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    call(&mut stub, &good).await.unwrap();

    // The log says what it was, and nothing of the tokens.
    service.signal("INT");
    let (_, log) = service.wait();
    let told = "WARN  Call denied: a token that its key has not signed method=";
    assert!(log.iter().any(|line| line.contains(told)), "{log:#?}");
    for part in cases.iter().flat_map(|(_, token)| token.split('.')) {
        let is_told = |line: &String| part.len() > 8 && line.contains(part);
        assert!(!log.iter().any(is_told), "{part}: {log:#?}");
    }
}

#[tokio::test]
async fn a_token_expires_although_it_was_good_before() {
    let issuer = Issuer::new("a");
    let (_dir, flags) = keys(&[&issuer]);
    let service = running(&with(&flags, &["--jwt-leeway", "0s"]));
    let mut stub = Stub::new(connect(&service.address()).await);
    let expiry = now() + 3;
    let token = issuer.token(&claims(&json!({"exp": expiry})));
    call(&mut stub, &token).await.unwrap();
    let refused = timeout(PATIENCE, async {
        loop {
            match call(&mut stub, &token).await {
                Ok(()) => sleep(Duration::from_millis(20)).await,
                Err(status) => break status,
            }
        }
    });
    let refused = refused.await.unwrap();
    assert_eq!(refused.message(), "the token has expired");
    assert!(now() > expiry);
}

#[tokio::test]
async fn rules_are_about_subjects_and_scopes() {
    let issuer = Issuer::new("a");
    let (_dir, flags) = keys(&[&issuer]);
    let rules = format!("token:alice;{UNARY}=scope:call;/test.v1.Scripted/ServerStream=*");
    let service = running(&with(&flags, &["--allow", &rules]));
    let mut stub = Stub::new(connect(&service.address()).await);
    for (changes, expected) in [
        (json!({}), Code::Ok),
        (json!({"sub": "bob"}), Code::PermissionDenied),
        (json!({"sub": "bob", "scope": "read call"}), Code::Ok),
        (
            json!({"sub": "bob", "scope": "calls"}),
            Code::PermissionDenied,
        ),
        (json!({"sub": "scope:call"}), Code::PermissionDenied),
        (json!({"sub": null}), Code::PermissionDenied),
    ] {
        let token = issuer.token(&claims(&changes));
        let called = call(&mut stub, &token).await;
        assert_eq!(
            called.map_or_else(|it| it.code(), |()| Code::Ok),
            expected,
            "{changes}"
        );
    }
    stub.server_stream(request("reply")).await.unwrap();
}

#[tokio::test]
async fn keys_rotate_under_load_and_no_call_fails() {
    let (old, new) = (Issuer::new("old"), Issuer::new("new"));
    let (dir, flags) = keys(&[&old]);
    let file = dir.path().join("keys.json");
    let mut service = running(&with(&flags, &["--tls-reload-interval", "10ms"]));
    let mut stub = Stub::new(connect(&service.address()).await);
    let (tokens, current) = tokio::sync::watch::channel(old.token(&claims(&json!({}))));
    let (count, mut counted) = mpsc::unbounded_channel();
    let mut load = JoinSet::new();
    for _ in 0..4 {
        let (mut stub, current, count) = (stub.clone(), current.clone(), count.clone());
        load.spawn(async move {
            loop {
                let token = current.borrow().clone();
                count.send(call(&mut stub, &token).await).unwrap();
            }
        });
    }
    // A service's log is waited for by the thread; meanwhile calls have to go on.
    let reloaded = async |service: Child| {
        let waiting = tokio::task::spawn_blocking(move || {
            let mut service = service;
            service.wait_for("Reloaded the file of --jwt-keys");
            service
        });
        waiting.await.unwrap()
    };
    publish(&file, &[&old, &new]);
    service = reloaded(service).await;
    tokens.send_replace(new.token(&claims(&json!({}))));
    // All that were made with the old one have ended by then.
    for _ in 0..100 {
        counted.recv().await.unwrap().unwrap();
    }
    while let Ok(called) = counted.try_recv() {
        called.unwrap();
    }
    publish(&file, &[&new]);
    service = reloaded(service).await;
    for _ in 0..100 {
        counted.recv().await.unwrap().unwrap();
    }
    load.abort_all();
    let outdated = call(&mut stub, &old.token(&claims(&json!({})))).await;
    assert_eq!(outdated.unwrap_err().code(), Code::Unauthenticated);
    drop(service);
}

/// A server that wants tokens of `issuer`, and tells of each call who makes it.
async fn server(issuer: &Issuer) -> (InProcess, mpsc::UnboundedReceiver<Option<Value>>) {
    let (_dir, settings) = demanding(issuer);
    let (seen, callers) = mpsc::unbounded_channel();
    let server = InProcess::serving(settings, "scripted", |scripted| {
        let layer = InterceptorLayer::new(move |request: Request<()>| {
            let caller = Caller::current();
            let claims = caller.as_deref().and_then(Caller::claims);
            seen.send(claims.cloned().map(Value::Object)).unwrap();
            Ok(request)
        });
        scripted::rpcs(scripted).layer(layer)
    });
    (server.await, callers)
}

/// Settings of a server that wants tokens of `issuer`, and the directory of its keys.
fn demanding(issuer: &Issuer) -> (TempDir, Settings) {
    let (dir, _) = keys(&[issuer]);
    let settings = Settings {
        auth: auth::Settings {
            jwt: jwt::Settings {
                jwt_keys: Some(dir.path().join("keys.json")),
                jwt_issuer: Some(ISSUER.into()),
                jwt_audience: Some(AUDIENCE.into()),
                ..jwt::Settings::default()
            },
            ..auth::Settings::default()
        },
        ..InProcess::settings(&[])
    };
    (dir, settings)
}

#[tokio::test]
async fn a_handler_sees_what_a_token_says_that_a_channel_has_from_a_file() {
    let issuer = Issuer::new("a");
    let (server, mut callers) = server(&issuer).await;
    let said = claims(&json!({"tenant": 7}));
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, issuer.token(&said)).unwrap();
    let settings = channel::Settings {
        token_file: Some(file),
        ..server.upstream()
    };
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let mut client = ScriptedClient::new(channel);
    // The second time its token is known.
    for _ in 0..2 {
        client.unary(request("reply")).await.unwrap();
        assert_eq!(callers.recv().await.unwrap().as_ref(), Some(&said));
    }
    let channel = server.channel().await;
    let nobody = ScriptedClient::new(channel).unary(request("reply")).await;
    assert_eq!(nobody.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn a_channel_passes_on_the_token_of_the_caller() {
    let issuer = Issuer::new("a");
    let (server, mut callers) = server(&issuer).await;
    let channel = server.channel().await.with_credentials(CallersToken);
    let mut client = ScriptedClient::new(channel);
    let none = client.unary(request("reply")).await.unwrap_err();
    assert_eq!(
        (none.code(), none.message()),
        (
            Code::Unauthenticated,
            "there is no token of the caller to be passed on"
        )
    );

    // From within an RPC that was made with one, by a handler in front.
    let said = claims(&json!({"sub": "bob"}));
    let (_dir, settings) = demanding(&issuer);
    let call_first = layer_fn(move |inner: Routed| {
        let client = client.clone();
        service_fn(move |request| {
            let (mut client, mut inner) = (client.clone(), inner.clone());
            async move {
                client.unary(script("reply")).await.unwrap();
                inner.call(request).await
            }
        })
    });
    let front = InProcess::serving(settings, "front", |scripted| {
        scripted::rpcs(scripted).layer(call_first)
    });
    let front = front.await;
    let mut stub = front.stub().await;
    call(&mut stub, &issuer.token(&said)).await.unwrap();
    assert_eq!(callers.recv().await.unwrap(), Some(said));
}

#[test]
fn what_is_wrong_with_the_flags_is_said_before_anything_starts() {
    let issuer = Issuer::new("a");
    let (dir, flags) = keys(&[&issuer]);
    let (exit, log) = start(&with(&flags[..2], &[])).wait();
    assert_eq!(exit.code(), Some(2));
    assert!(
        log[0].contains("--jwt-issuer <NAME> --jwt-audience <NAME>"),
        "{log:?}"
    );
    let file = dir.path().join("keys.json");
    fs::write(&file, "-----BEGIN PUBLIC KEY-----").unwrap();
    for more in [&["--loglevel", "4"][..], &["--loglevel", "4", "--dry-run"]] {
        let (exit, log) = start(&with(&flags, more)).wait();
        assert_eq!(exit.code(), Some(1));
        assert!(log[0].contains("keys.json is no JWKS"), "{log:?}");
    }
}
