//! Calls over the chassis's channel, with all that it does by itself.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr},
};

use bare::DESCRIPTORS;
use callers::Load;
use chassis::{
    Channel,
    channel::{Resolve, Settings},
};

/// What stands for a name with so many addresses.
struct Addresses(Vec<IpAddr>);

#[tonic::async_trait]
impl Resolve for Addresses {
    async fn resolve(&self, _: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let addresses = self.0.iter();
        Ok(addresses.map(|ip| SocketAddr::new(*ip, port)).collect())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let load = Load::parse()?;
    let addresses = Addresses(load.addresses().map(IpAddr::from).collect());
    let settings = Settings::new("localhost", load.port);
    let channel = Channel::connect_with(&settings, DESCRIPTORS, addresses).await?;
    load.run(channel).await
}
