//! The generated service's stack with everything off: its corked connections that reply
//! in batches, its HTTP/2 settings and its way to the RPCs, and nothing else. What the service
//! takes more than this is what limits, deadlines, metrics, request ids and logs cost.
//! Takes its port.

use std::{convert::Infallible, env, error::Error, future::poll_fn, pin::pin, sync::Arc};

use bench::{Echoes, proto::echo_service_server::EchoServiceServer};
use hyper::{Request, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
};
use tonic::body::Body;

#[path = "../../../../template/chassis/src/server/batch.rs"]
mod batch;
#[path = "../../../../template/chassis/src/server/cork.rs"]
mod cork;
#[allow(dead_code, reason = "the service reads more of it")]
#[path = "../../../../template/chassis/src/server/rpcs.rs"]
mod rpcs;

use batch::Batches;
use cork::Cork;
use rpcs::Rpcs;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).ok_or("which port?")?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let rpcs = Arc::new(Rpcs::new().with(b"", EchoServiceServer::new(Echoes)));
    loop {
        let (tcp, _) = listener.accept().await?;
        tcp.set_nodelay(true)?;
        tokio::spawn(serve(tcp, rpcs.clone()));
    }
}

async fn serve(tcp: TcpStream, rpcs: Arc<Rpcs>) {
    let cork = Cork::new(b"", BufReader::with_capacity(16 * 1024, tcp));
    let mut batches = Batches::new(cork.clone());
    let service = service_fn(|request: Request<Incoming>| {
        let answer = rpcs.call(request.map(Body::new));
        async { Ok::<_, Infallible>(answer.await) }
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
