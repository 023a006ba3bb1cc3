//! The spans of one call, as a collector gets them: one that this test plays.

use std::future::pending;

use chassis::{
    About, cli,
    lifecycle::Lifecycle,
    server::{Rpcs, Server},
    testing::PATIENCE,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use tokio::{sync::mpsc, time::timeout};
use tonic::{Request, Response, Status};

use crate::system::{SPAN_ID, System, TRACE_ID, checkout, known_as};

const ABOUT: About = chassis::about! { year: "2026", env_prefix: "COLLECTOR", port: 4317 };

/// A collector, and what it has received.
struct Collector {
    address: String,
    spans: mpsc::UnboundedReceiver<Span>,
}

impl Collector {
    async fn start() -> Self {
        let flags: cli::Flags =
            cli::parse_from(&ABOUT, ["collector", "--ip=127.0.0.1", "--port=0"]).unwrap();
        let settings = cli::Invocation::from(flags).server;
        let server = Server::bind(&ABOUT, settings, Lifecycle::new());
        let server = server.await.unwrap();
        let address = format!("http://{}", server.address().unwrap());
        let (sender, spans) = mpsc::unbounded_channel();
        let rpcs = Rpcs::new().with(b"", TraceServiceServer::new(Receiver(sender)));
        tokio::spawn(server.run(rpcs, pending()));
        Self { address, spans }
    }

    /// The spans of the next RPCs, but those of the connections' health.
    async fn next<const N: usize>(&mut self) -> Vec<Span> {
        let mut spans = Vec::new();
        while spans.len() < N {
            let span = timeout(PATIENCE, self.spans.recv()).await;
            let span = span.expect("fewer spans").expect("it runs");
            if !span.name.starts_with("grpc.health.v1.") {
                spans.push(span);
            }
        }
        spans
    }
}

struct Receiver(mpsc::UnboundedSender<Span>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans.into_iter();
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        for span in scopes.flat_map(|scope| scope.spans) {
            let _ = self.0.send(span);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn hex(id: &[u8]) -> String {
    id.iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// What was called below `parent`, each with what was called below it.
fn tree(spans: &[Span], parent: &str) -> Vec<String> {
    let below = spans
        .iter()
        .filter(|span| hex(&span.parent_span_id) == parent);
    below
        .flat_map(|span| {
            let calls = tree(spans, &hex(&span.span_id)).into_iter();
            let calls = calls.map(|call| format!("  {call}"));
            [span.name.clone()].into_iter().chain(calls)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_all_three_are_one_tree() {
    let mut collector = Collector::start().await;
    let system = System::start_with(
        &[],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*collector.address),
            ("OTEL_BSP_SCHEDULE_DELAY", "1"),
        ],
    );
    let request = known_as("cart-7", checkout());
    system.client().await.checkout(request).await.unwrap();

    let spans = collector.next::<4>().await;
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE_ID, "{span:?}");
    }
    assert_eq!(
        tree(&spans, SPAN_ID),
        [
            "front.v1.FrontService/Checkout",
            "  orders.v1.OrdersService/PlaceOrder",
            "    inventory.v1.InventoryService/Reserve",
            "    inventory.v1.InventoryService/Reserve",
        ]
    );
}
