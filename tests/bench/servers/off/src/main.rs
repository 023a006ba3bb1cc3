//! The generated service's stack with everything off: corked connections that reply in
//! batches, its HTTP/2 settings, and nothing else. What the service
//! takes more than this is what limits, deadlines, metrics, request ids and logs cost.
//! Takes its port.

use std::{env, error::Error, future::poll_fn, pin::pin};

use bare::{Echoes, proto::echo_service_server::EchoServiceServer};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tonic::{body::Body, codegen::Service};

#[path = "../../../../../template/chassis/src/io/ahead.rs"]
mod ahead;
mod batch;
#[allow(dead_code, reason = "the service does more with it")]
#[path = "../../../../../template/chassis/src/io/cork.rs"]
mod cork;

use batch::Batches;
use cork::Cork;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).ok_or("which port?")?;
    let listener = TcpListener::bind(format!("0.0.0.0:{port}")).await?;
    let echoes = EchoServiceServer::new(Echoes);
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        tokio::spawn(serve(tcp, echoes.clone()));
    }
}

async fn serve(tcp: TcpStream, echoes: EchoServiceServer<Echoes>) {
    let cork = Cork::new(Bytes::new(), tcp);
    let mut batches = Batches::new(cork.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let mut echoes = echoes.clone();
        async move { echoes.call(request.map(Body::new)).await }
    });
    let connection = http2::Builder::new(batches.executor())
        .timer(TokioTimer::new())
        .auto_date_header(false)
        .max_concurrent_streams(100)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .serve_connection(TokioIo::new(cork), service);
    let mut connection = pin!(connection);
    let _ = poll_fn(|cx| batches.poll(connection.as_mut(), cx)).await;
}
