//! Three services, each of which calls the next.

use std::{env, path::Path, process::Command};

use chassis::testing::Child;
use front_api::{
    GrpcClient, Transport,
    proto::{CheckoutRequest, StockBadgeRequest},
};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tonic::Request;
use tower::service_fn;

/// `front`, which calls `orders`, which calls `inventory`.
pub struct System {
    pub front: Child,
    pub orders: Child,
    pub inventory: Child,
}

impl System {
    /// The three as they are, `inventory` with these flags of its own.
    pub fn start(inventory: &[&str]) -> Self {
        Self::start_with(inventory, &[("OTEL_SDK_DISABLED", "true")])
    }

    /// The same with these variables.
    pub fn start_with(inventory: &[&str], variables: &[(&str, &str)]) -> Self {
        let inventory = start("inventory", inventory, variables);
        let to_inventory = ["--inventory-port", &inventory.port().to_string()];
        let orders = start("orders", &to_inventory, variables);
        let to_orders = ["--orders-port", &orders.port().to_string()];
        let front = start("front", &to_orders, variables);
        Self {
            front,
            orders,
            inventory,
        }
    }

    /// A caller that has no chassis, and no timer: the one of tonic's channel would end a call before
    /// the service does.
    pub async fn client(&self) -> GrpcClient<impl Transport> {
        let address = self.front.address();
        let tcp = TcpStream::connect(&address).await.unwrap();
        let connected = http2::handshake(TokioExecutor::new(), TokioIo::new(tcp)).await;
        let (requests, connection) = connected.unwrap();
        tokio::spawn(connection);
        let send = move |request| requests.clone().send_request(request);
        let origin = format!("http://{address}").parse().unwrap();
        GrpcClient::with_origin(service_fn(send), origin)
    }

    /// The lines with which each of them logged its RPC of the request `id`, the first service's first.
    pub fn logged(&mut self, id: &str) -> [String; 3] {
        let id = format!(" request_id={id} ");
        [&mut self.front, &mut self.orders, &mut self.inventory].map(|it| it.wait_for(&id))
    }
}

/// Starts a service, and waits until it is running. `BINARIES` is where it lies.
fn start(name: &str, flags: &[&str], variables: &[(&str, &str)]) -> Child {
    let binaries = env::var_os("BINARIES").expect("BINARIES is where cargo has put the services");
    let mut command = Command::new(Path::new(&binaries).join(name));
    command
        .args(["--ip=127.0.0.1", "--port=0", "--loglevel=0"])
        .args(flags)
        .envs(variables.iter().copied());
    let mut child = Child::spawn(&mut command);
    child.wait_for("STATE Running");
    child
}

/// A purchase of two things.
pub fn checkout() -> Request<CheckoutRequest> {
    let cart = [("tea".into(), 2), ("salt".into(), 1)].into();
    Request::new(CheckoutRequest { cart })
}

/// A question that is answered without end.
pub fn stock_badge() -> Request<StockBadgeRequest> {
    let sku = "tea".into();
    Request::new(StockBadgeRequest { sku })
}

pub const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub const SPAN_ID: &str = "00f067aa0ba902b7";

/// The same request, as a part of that trace and with this id.
pub fn known_as<T>(id: &str, mut request: Request<T>) -> Request<T> {
    let trace = format!("00-{TRACE_ID}-{SPAN_ID}-01");
    for (name, value) in [("x-request-id", id), ("traceparent", &trace)] {
        request.metadata_mut().insert(name, value.parse().unwrap());
    }
    request
}
