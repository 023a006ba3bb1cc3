//! What connections cost that nobody uses at the moment.

use std::{io, time::Duration};

use tokio::time::sleep;

use crate::{load::count, server::Target};

/// Below the limits of the servers, and of most systems.
const CONNECTIONS: usize = 1000;

/// After which what a server gives back of its memory is given back.
const AFTERWARDS: Duration = Duration::from_secs(10);

/// Memory in bytes.
pub struct Idle {
    /// Per connection, each of which made one call.
    pub each: f64,
    /// Of the server, some time after they were closed.
    pub afterwards: u64,
}

impl Idle {
    pub async fn measure(target: &Target) -> io::Result<Self> {
        let server = target.start(&[]).await?;
        let before = server.memory()?;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = target.connect(server.port).await?;
            connection.call(1, 1, None).await?;
            connections.push(connection);
        }
        let during = server.memory()?;
        drop(connections);
        sleep(AFTERWARDS).await;
        Ok(Self {
            each: f64::from(
                u32::try_from(during.saturating_sub(before)).map_err(io::Error::other)?,
            ) / count(CONNECTIONS),
            afterwards: server.memory()?,
        })
    }
}
