//! A name whose addresses the test changes.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use chassis::{
    Channel,
    channel::{Error, Resolve, Settings},
};
use tonic::Status;

use super::Client;
use crate::{contract::SCRIPTED, support::request};

/// A name whose addresses the test changes.
#[derive(Clone, Default)]
pub struct Name(Arc<Mutex<Vec<SocketAddr>>>);

#[tonic::async_trait]
impl Resolve for Name {
    async fn resolve(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.lock().unwrap().clone())
    }
}

impl Name {
    pub fn stands_for(&self, addresses: impl IntoIterator<Item = SocketAddr>) {
        *self.0.lock().unwrap() = addresses.into_iter().collect();
    }

    pub async fn connect(&self) -> Client {
        let settings = Settings {
            resolve_interval: Duration::from_millis(10),
            ..Settings::new("localhost", 1)
        };
        connect_with(&settings, self.clone()).await.unwrap()
    }
}

pub async fn connect_with(
    settings: &Settings,
    resolver: impl Resolve + 'static,
) -> Result<Client, Error> {
    let channel = Channel::connect_with(settings, SCRIPTED, resolver).await?;
    Ok(Client::new(channel))
}

/// Who answers a call.
pub async fn answer(client: &Client) -> Result<String, Status> {
    let reply = client.clone().repeatable_unary(request("name")).await?;
    Ok(reply.into_inner().payload)
}
