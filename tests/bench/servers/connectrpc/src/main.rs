//! The smallest possible server on connectrpc. Takes its port.

use std::{env, error::Error, sync::Arc};

use connectrpc::{RequestContext, Response, Router, Server, ServiceRequest, ServiceResult};

/// Messages and stubs, generated from the contract.
#[allow(warnings, clippy::all, clippy::pedantic)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

use proto::bench::v1::{Echo, EchoService};

struct Echoes;

impl EchoService for Echoes {
    #[expect(refining_impl_trait, reason = "one type is enough for an echo")]
    async fn hello(
        &self,
        _: RequestContext,
        request: ServiceRequest<'_, Echo>,
    ) -> ServiceResult<Echo> {
        Response::ok(request.to_owned_message())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = env::args().nth(1).ok_or("which port?")?;
    let router = Router::new().add_service(Arc::new(Echoes));
    Server::new(router)
        .serve(format!("127.0.0.1:{port}").parse()?)
        .await?;
    Ok(())
}
