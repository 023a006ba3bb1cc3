//! Calls over tonic's own channel.

use std::error::Error;

use callers::Load;
use tonic::transport::{Channel, Endpoint};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let load = Load::parse()?;
    let endpoints = load
        .addresses()
        .map(|address| Endpoint::from_shared(format!("http://{address}:{}", load.port)))
        .collect::<Result<Vec<_>, _>>()?;
    let channel = match &endpoints[..] {
        // Without a balancer, as one would.
        [endpoint] => endpoint.connect().await?,
        _ => Channel::balance_list(endpoints.into_iter()),
    };
    load.run(channel).await
}
