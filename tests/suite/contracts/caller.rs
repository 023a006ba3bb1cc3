//! Calls the service with what its api and tonic have, and nothing else.

use std::error::Error;

use called_api::{Api, Client, GrpcClient, proto::HelloRequest};
use tonic::{Request, Status, service::interceptor::InterceptedService, transport::Channel};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("no address")?;
    let channel = Channel::from_shared(address)?.connect().await?;
    let client = Client::new(channel.clone());
    println!("{}", client.hello("by tonic".into()).await?);

    let signed = InterceptedService::new(channel.clone(), |mut request: Request<()>| {
        let id = request
            .metadata_mut()
            .insert("x-request-id", "4711".parse().unwrap());
        assert!(id.is_none());
        Ok::<_, Status>(request)
    });
    let client: Box<dyn Api> = Box::new(Client::new(signed));
    println!("{}", client.hello("through an interceptor".into()).await?);

    let request = HelloRequest {
        message: "by stub".into(),
    };
    let response = GrpcClient::new(channel).hello(request).await?;
    println!("{}", response.into_inner().message);
    Ok(())
}

#[tokio::test]
async fn calls_a_mock() {
    let mut api = called_api::MockApi::new();
    api.expect_hello()
        .returning(|_| Err(Status::unavailable("gone")));
    let status = api.hello("anybody?".into()).await.unwrap_err();
    assert_eq!(status.message(), "gone");
}
